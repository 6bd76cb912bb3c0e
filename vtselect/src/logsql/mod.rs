//! LogsQL: the query language of VictoriaLogs and VictoriaTraces, as text and as a tree.
//!
//! [`parse`] turns text into the [`ast`], whose `Display` is the canonical text of a query; [`rewrite`] holds the
//! decisions that need only the tree (the time range, added filters, what a statistics query returns); [`value`] reads
//! and prints the numbers, durations, sizes, times and addresses of the language. [`exec`] executes it over rows of texts.
//! Nothing of this knows columns, blocks, tenants or HTTP, and nothing is read from a clock: "now" is an argument.
//!
//! [`fields`] says which columns of spans are behind the names of fields, [`plan`] what of a query storage does,
//! [`run`] runs a plan and the rest of its query, and [`api`] is the HTTP API.

pub mod api;
pub mod ast;
mod error;
pub mod exec;
pub mod fields;
pub mod parse;
pub mod pattern;
pub mod plan;
mod quote;
pub mod rewrite;
pub mod run;
#[cfg(test)]
mod tests;

use common::query::logsql::chars;
pub use common::query::logsql::chars::is_word_char;
pub use common::query::logsql::{regexp, value};
pub use error::ParseError;
pub use parse::{ParseContext, parse_filter, parse_query};
pub use quote::quote_if_needed;
