//! Execution of LogsQL over rows of texts: what is not pushed down to the storage nodes, and the meaning of everything
//! that is. It knows no spans, no columns of the engine and no HTTP.

pub mod rows;

pub use rows::{Rows, Text};
