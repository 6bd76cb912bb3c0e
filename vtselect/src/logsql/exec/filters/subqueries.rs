//! Replaces the subqueries of a filter by the values that they give, so that the filter can be evaluated on its own,
//! here or on a storage node.

use super::super::super::ast::{FieldTest, Filter, StreamId, StreamIds, Subquery, Values};
use super::super::ExecError;

/// The filter with each subquery replaced by its values. `run` executes a subquery and returns the distinct values of
/// its field.
pub fn with_values(
    filter: &Filter,
    run: &mut dyn FnMut(&Subquery) -> Result<Vec<String>, ExecError>,
) -> Result<Filter, ExecError> {
    Ok(match filter {
        Filter::And(filters) => Filter::And(all_with_values(filters, run)?),
        Filter::Or(filters) => Filter::Or(all_with_values(filters, run)?),
        Filter::Not(filter) => Filter::Not(Box::new(with_values(filter, run)?)),
        Filter::Field(field, test) => Filter::Field(field.clone(), test_with_values(test, run)?),
        Filter::StreamId(StreamIds::Query(subquery)) => {
            // What is no id is the id of no stream.
            let ids = run(subquery)?.iter().filter_map(|id| StreamId::parse(id)).collect();
            Filter::StreamId(StreamIds::List(ids))
        }
        other => other.clone(),
    })
}

fn all_with_values(
    filters: &[Filter],
    run: &mut dyn FnMut(&Subquery) -> Result<Vec<String>, ExecError>,
) -> Result<Vec<Filter>, ExecError> {
    filters.iter().map(|filter| with_values(filter, run)).collect()
}

fn test_with_values(
    test: &FieldTest,
    run: &mut dyn FnMut(&Subquery) -> Result<Vec<String>, ExecError>,
) -> Result<FieldTest, ExecError> {
    let mut list = |subquery: &Subquery| run(subquery).map(Values::List);
    Ok(match test {
        FieldTest::In(Values::Query(subquery)) => FieldTest::In(list(subquery)?),
        FieldTest::ContainsAll(Values::Query(subquery)) => FieldTest::ContainsAll(list(subquery)?),
        FieldTest::ContainsAny(Values::Query(subquery)) => FieldTest::ContainsAny(list(subquery)?),
        other => other.clone(),
    })
}
