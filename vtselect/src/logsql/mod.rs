//! LogsQL: the query language of VictoriaLogs and VictoriaTraces, as text and as a tree.
//!
//! [`parse`] turns text into the [`ast`], whose `Display` is the canonical text of a query; [`rewrite`] holds the
//! decisions that need only the tree (the time range, added filters, what a statistics query returns); [`value`] reads
//! and prints the numbers, durations, sizes, times and addresses of the language.
//!
//! Nothing in here knows columns, blocks, tenants, HTTP or how a query is executed, and nothing is read from a clock:
//! "now" is an argument.

pub mod ast;
mod error;
pub mod exec;
pub mod parse;
pub mod pattern;
mod quote;
pub mod rewrite;
#[cfg(test)]
mod tests;

use common::query::logsql::chars;
pub use common::query::logsql::chars::is_word_char;
pub use common::query::logsql::{regexp, value};
pub use error::ParseError;
pub use parse::{ParseContext, parse_filter, parse_query};
pub use quote::quote_if_needed;
