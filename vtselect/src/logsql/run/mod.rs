//! Runs queries: plans them, asks storage, and puts the answer through the pipes. It blocks while storage works, so it
//! belongs on a thread of its own, never on one of the async runtime's. It knows no HTTP.

mod catalogue;
mod engine;
mod report;
mod streams;

pub use engine::{Engine, OutSpans, Scope};
pub use report::{PlanRun, Report};
