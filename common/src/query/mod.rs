//! The query plan that every front language is lowered to, and the answers to it. Plain data: the plan travels
//! between nodes, the engine executes it, and neither knows the other's language or format.

mod aggregate;
mod answer;
mod column;
pub mod eval;
mod field_text;
mod filter;
pub mod logsql;
mod plan;
mod present;
mod rows;
mod text;

pub use aggregate::{AggregateQuery, Function, FunctionKind, GroupKey, Groups, merge_groups};
pub use answer::{Answer, CallEdge, FoundTrace, Operation, ScanStats};
pub use column::{AttrLevel, Column, EventField, LinkField, SpanField};
pub use field_text::{EMPTY as EMPTY_TEXT, attribute_text, double_text, field_text, is_always_shown};
pub use filter::{Filter, Predicate};
pub use plan::{CatalogueQuery, Order, Plan, Shape};
pub use present::{EVENT_FIELDS, LINK_FIELDS, SPAN_FIELDS, has_text, inner_keys, present_columns, present_keys};
pub use rows::{ColumnRows, Projection, RowOrder, RowPart, RowValues, RowsQuery};
pub use text::{TextMatch, TextMatcher};
