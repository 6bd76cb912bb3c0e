//! The life of a program that serves: from its command line over a runtime and its servers to the signal that ends it.
//! What it serves is its own; this knows no role.

mod error;
mod front;
mod program;
mod service;
mod signal;

pub use error::SetupError;
pub use front::FrontNode;
pub use program::{ProgramError, main};
pub use service::Service;
pub use signal::{Termination, leave_on_signal};
