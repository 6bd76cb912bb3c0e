//! What a proposed command came to.

use common::cluster::{Applied, ClusterState, Command, Refused, apply};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The outcome of one entry of the log.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    /// `None` for an entry that is no command
    pub outcome: Option<Result<Applied, Refused>>,
    /// The generation of the mark that a command asked for, new or not
    pub generation: Option<u64>,
}

impl Reply {
    /// Carries out a command. The state is another value only where the command has changed it.
    pub(super) fn apply(state: &mut Option<Arc<ClusterState>>, command: &Command) -> Self {
        let mut next = state.as_deref().cloned();
        let outcome = apply(&mut next, command);
        if outcome.as_ref().is_ok_and(|applied| !applied.events.is_empty()) {
            *state = next.map(Arc::new);
        }
        let marked = match command {
            Command::Mark { node } => state.as_ref().and_then(|state| state.member(*node)?.mark),
            _ => None,
        };
        Self {
            outcome: Some(outcome),
            generation: marked.map(|mark| mark.generation),
        }
    }
}
