//! The plan: which spans, and what to make of them.

use super::{AggregateQuery, Filter, RowsQuery};
use crate::contract::QueryError;
use crate::ids::{TenantId, TraceId};
use crate::span::SpanKind;
use crate::time::TimeRange;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which matching traces come first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// By the start of the latest matching span, latest first.
    Newest,
    /// By the duration of the longest matching span, longest first.
    Slowest,
}

/// Questions that the catalogue answers without reading spans.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CatalogueQuery {
    /// All service names.
    Services,
    /// Span names (with kinds) of one service, of one kind only if given.
    Operations { service: Arc<str>, kind: Option<SpanKind> },
    /// Attribute keys seen at each level.
    AttributeNames,
}

/// What the answer looks like.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Shape {
    /// The whole traces of these ids; time range and filter do not apply. Unknown ids are left out.
    TracesById(Vec<TraceId>),
    /// The first `limit` traces that have a span matching filter and time range; each with all of its spans, those
    /// outside the time range included.
    Search {
        limit: usize,
        order: Order,
    },
    Catalogue(CatalogueQuery),
    /// Calls between services: for each span in the time range with a parent in its trace, parent's service → its own.
    Calls,
    /// Single spans that match filter and time range, or columns of them.
    Rows(RowsQuery),
    /// Groups of the spans that match filter and time range, with statistics.
    Aggregate(AggregateQuery),
    /// The columns of the spans that match filter and time range, with the number of spans that show each of them.
    Columns,
    /// As [`Self::Search`], but only which traces these are and what orders them: no spans. In one part.
    Ranking {
        limit: usize,
        order: Order,
    },
}

/// One query, in no language.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub tenant: TenantId,
    /// On the start of a span.
    pub range: TimeRange,
    pub filter: Filter,
    pub shape: Shape,
}

impl Plan {
    pub fn traces_by_id(tenant: TenantId, ids: Vec<TraceId>) -> Self {
        Self {
            tenant,
            range: TimeRange::ALL,
            filter: Filter::All,
            shape: Shape::TracesById(ids),
        }
    }

    /// An error if the plan asks for something that has no meaning.
    pub fn check(&self) -> Result<(), QueryError> {
        match &self.shape {
            Shape::Rows(query) => query.check(),
            Shape::Aggregate(query) => query.check(),
            _ => Ok(()),
        }
    }

    pub fn catalogue(tenant: TenantId, query: CatalogueQuery) -> Self {
        Self {
            tenant,
            range: TimeRange::ALL,
            filter: Filter::All,
            shape: Shape::Catalogue(query),
        }
    }
}
