//! The in-memory reference implementation of the contracts: it keeps owned spans and evaluates plans by their
//! definition. Slow on purpose: it is what other stores are compared with, and what front APIs are tested on.

mod aggregate;
mod answer;
mod rows;
mod store;

pub use answer::answer;
pub use store::MemoryStore;
