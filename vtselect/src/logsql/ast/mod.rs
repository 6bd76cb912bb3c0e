//! The tree of a query. Its `Display` is the canonical text, which parses back to an equal tree.
//!
//! The tree holds what the text says and nothing of how it is executed. The nodes of the pipes and of the statistics
//! functions live beside their parsers, one file each.

mod field;
mod filter;
mod options;
mod query;
mod range;
mod stream;
mod time_filter;
mod visit;

pub use field::FieldPattern;
pub(super) use field::{List, write_separated};
pub(super) use filter::MESSAGE;
pub use filter::{FieldTest, Filter, PatternEnds};
pub use options::QueryOptions;
pub use query::{Query, Subquery, Values};
pub use range::{AddressRange, LengthRange, NumberRange, StringRange};
pub use stream::{StreamId, StreamIds, StreamMatch, StreamSelector, StreamTest};
pub use time_filter::{DayRange, TimeFilter, WeekRange};
pub use visit::Part;

pub use super::parse::pipes::{self, Pipe};
pub use super::parse::stats::{self, StatsFunc};
