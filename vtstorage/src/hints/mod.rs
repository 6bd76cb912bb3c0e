//! The way of hints to the nodes that missed them: as soon as a node is back, its hints go there, oldest first, several
//! at a time, and are deleted once it has them. A hint that comes twice is stored once.

mod config;
mod delivery;
mod join;
mod pace;
mod queue;
#[cfg(test)]
mod tests;

pub use config::HintConfig;
pub use delivery::{HintDelivery, Route};
pub(crate) use pace::Pace;
pub use queue::HintQueue;
