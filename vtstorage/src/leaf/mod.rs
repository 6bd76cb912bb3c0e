//! Leaf query execution: runs a plan over the blocks and heads of one node. It knows no query language.
//!
//! `filter` makes of a plan's filter the set of matching rows of a block or head batch; what is done with them is a
//! file per shape of answer: `search`, `traces`, `calls`, `catalogue`, `columns`, `rows`, `aggregate`. `scope` restricts
//! them to slots and epochs. `execute` runs them on the query pool, `fanout` spreads their work over its threads,
//! `stream` carries the answer back.

mod aggregate;
mod calls;
mod catalogue;
mod columns;
mod digest;
mod execute;
mod export;
mod fanout;
pub mod filter;
mod identity;
mod query;
mod refill;
mod rows;
mod scope;
mod search;
mod source;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod top;
mod traces;

pub use execute::{run, run_or_partial};
pub use export::Exports;
pub use query::{Damage, TraceIndex};
pub use refill::Known;
