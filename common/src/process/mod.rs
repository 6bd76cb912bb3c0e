//! The life of a program that serves: from its command line over a runtime to the signal that ends it. What it serves
//! is its own; this knows no role.

mod program;
mod signal;

pub use program::{ProgramError, main};
pub use signal::{Termination, leave_on_signal};
