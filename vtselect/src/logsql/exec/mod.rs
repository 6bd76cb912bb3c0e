//! Execution of LogsQL over rows of texts: what is not pushed down to the storage nodes, and the meaning of everything
//! that is. It knows no spans, no columns of the engine and no HTTP.

mod account;
mod error;
pub mod filters;
mod groups;
pub mod json;
pub mod logfmt;
pub mod pipeline;
pub mod pipes;
mod row_store;
pub mod rows;
pub mod stats;
pub mod syslog;

pub use account::Account;
pub use error::ExecError;
pub use pipeline::{ExecContext, Flow, NoSubqueries, Out, Pipe, Pipeline, Subqueries};
pub(in crate::logsql) use pipes::subquery_values;
pub use rows::{Rows, Text};
