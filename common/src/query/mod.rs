//! The query plan that every front language is lowered to, and the answers to it. Plain data: the plan travels
//! between nodes, the engine executes it, and neither knows the other's language or format.

mod answer;
mod column;
pub mod eval;
mod filter;
pub mod logsql;
mod plan;
mod text;

pub use answer::{Answer, CallEdge, FoundTrace, Operation, ScanStats};
pub use column::{AttrLevel, Column, EventField, LinkField, SpanField};
pub use filter::{Filter, Predicate};
pub use plan::{CatalogueQuery, Order, Plan, Shape};
pub use text::{TextMatch, TextMatcher};
