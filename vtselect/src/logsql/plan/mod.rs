//! From a query to what storage is asked for and what is left to be done with its answer. Pure: nothing is run here,
//! and storage's formats are not known.

mod filter;
mod groups;
mod layout;
mod needed;
mod order;
#[cfg(test)]
mod tests;

pub use filter::{SplitFilter, split};
pub use groups::{Grouping, start};
pub use layout::Layout;
pub use needed::{Needed, needed};
pub use order::order;

use common::ids::TenantId;
use common::query::{Plan, Projection, RowsQuery, Shape};

use super::ast::pipes::{Facets, NamedResult};
use super::ast::{Filter, Pipe, Query};
use super::exec::ExecError;

/// A query whose filter has no subqueries, ready to be run.
pub struct Planned<'q> {
    pub plan: Plan,
    /// What rows must pass before the pipes
    pub residual: Option<Filter>,
    pub source: Source,
    /// The pipes that the source does not stand for
    pub pipes: &'q [Pipe],
}

impl Planned<'_> {
    /// Whether the rows that come out are all those of storage, with all of their fields.
    pub fn is_of_whole_spans(&self) -> bool {
        let whole = matches!(&self.source, Source::Rows(layout) if layout.projection() == Projection::Spans);
        whole && self.residual.is_none() && self.pipes.is_empty()
    }
}

/// What the answer is, and what becomes of it.
pub enum Source {
    /// Rows for the pipes.
    Rows(Layout),
    /// Groups, which are the rows that `stats` makes.
    Stats(Grouping),
    /// Groups with their numbers of spans, from which this pipe (`uniq`, `top` or `field_values`) makes rows.
    Counts(Grouping, Pipe),
    /// The names of all fields, to be counted one by one. The plan's shape is of no use then.
    FieldNames(NamedResult),
    /// The values of all fields, to be counted field by field. The plan's shape is of no use then.
    Facets(Facets),
}

/// Plans a query. Its filter's subqueries must have been replaced by their values.
pub fn plan<'q>(query: &'q Query, filter: &Filter, tenant: TenantId) -> Result<Planned<'q>, ExecError> {
    let SplitFilter {
        range,
        pushed,
        residual,
    } = split(filter);
    let plan = |shape| Plan {
        tenant,
        range,
        filter: pushed.clone(),
        shape,
    };
    if residual.is_none()
        && let Some((first, rest)) = query.pipes.split_first()
        && let Some((source, shape)) = aggregate(first)
    {
        return Ok(Planned {
            plan: plan(shape),
            residual: None,
            source,
            pipes: rest,
        });
    }
    let mut needed = needed(&query.pipes);
    residual.iter().for_each(|residual| needed.add_filter(residual));
    let layout = Layout::new(&needed)?;
    let (order, limit) = match residual {
        None => order(&query.pipes),
        Some(_) => order(&[]),
    };
    let rows = RowsQuery {
        projection: layout.projection(),
        order,
        limit,
    };
    Ok(Planned {
        plan: plan(Shape::Rows(rows)),
        residual,
        source: Source::Rows(layout),
        pipes: &query.pipes,
    })
}

/// The source that stands for a pipe, if storage can do what it does.
fn aggregate(pipe: &Pipe) -> Option<(Source, Shape)> {
    let counts = |fields: &[String]| {
        let grouping = Grouping::of_counts(fields)?;
        let shape = Shape::Aggregate(grouping.query.clone());
        Some((Source::Counts(grouping, pipe.clone()), shape))
    };
    match pipe {
        Pipe::Stats(stats) => {
            let grouping = Grouping::of_stats(stats)?;
            let shape = Shape::Aggregate(grouping.query.clone());
            Some((Source::Stats(grouping), shape))
        }
        Pipe::Uniq(uniq) => counts(&uniq.by),
        Pipe::Top(top) => counts(&top.by),
        Pipe::FieldValues(values) => counts(std::slice::from_ref(&values.field)),
        Pipe::FieldNames(shape) => Some((Source::FieldNames(shape.clone()), no_rows())),
        Pipe::Facets(shape) => Some((Source::Facets(*shape), no_rows())),
        _ => None,
    }
}

/// The shape of a plan whose scope alone is used.
fn no_rows() -> Shape {
    Shape::Rows(RowsQuery {
        projection: Projection::Columns(Vec::new()),
        order: common::query::RowOrder::Any,
        limit: Some(0),
    })
}
