//! Walking over the queries inside a query.

use super::{FieldTest, Filter, Query, StreamIds, Values};

/// A filter or a query inside a pipe.
pub enum Part<'a> {
    /// The filter of a condition such as `if (...)`.
    Filter(&'a mut Filter),
    /// A subquery.
    Query(&'a mut Query),
}

impl Query {
    /// Calls `visit` for every query inside this one (in the values of filters, in conditions and in pipes) and last
    /// for this query, so that what `visit` adds to a query is not visited itself.
    pub fn for_each_query(&mut self, visit: &mut dyn FnMut(&mut Query)) {
        if let Some(filter) = &mut self.options.global_filter {
            filter.for_each_query(visit);
        }
        self.filter.for_each_query(visit);
        for pipe in &mut self.pipes {
            pipe.for_each_part(&mut |part| match part {
                Part::Filter(filter) => filter.for_each_query(visit),
                Part::Query(query) => query.for_each_query(visit),
            });
        }
        visit(self);
    }
}

impl Filter {
    /// Calls `visit` for every query inside this filter, also for those inside of other queries.
    pub fn for_each_query(&mut self, visit: &mut dyn FnMut(&mut Query)) {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter_mut().for_each(|filter| filter.for_each_query(visit))
            }
            Self::Not(filter) => filter.for_each_query(visit),
            Self::Field(_, FieldTest::In(values) | FieldTest::ContainsAll(values) | FieldTest::ContainsAny(values)) => {
                if let Values::Query(subquery) = values {
                    subquery.query.for_each_query(visit);
                }
            }
            Self::StreamId(StreamIds::Query(subquery)) => subquery.query.for_each_query(visit),
            _ => {}
        }
    }
}
