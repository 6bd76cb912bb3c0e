//! The state and its changes as a stream.

use common::cluster::ClusterState;
use common::rpc::proto::StateFrame;
use common::rpc::state_frame;
use futures::stream::{self, BoxStream, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::Status;

/// How often something is sent although nothing has changed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

pub(super) type StateStream = BoxStream<'static, Result<StateFrame, Status>>;

/// A first frame at once, then one for each newer state than `known` (not each of them, where they come fast), and signs
/// of life; until `end`, or until there are no more states.
pub(super) fn frames(
    states: watch::Receiver<Option<Arc<ClusterState>>>,
    known: u64,
    end: impl Future<Output = ()> + Send + 'static,
) -> StateStream {
    let frames = stream::unfold((states, known, true), |(mut states, known, first)| async move {
        if !first && !changed(&mut states).await {
            return None;
        }
        let state = states.borrow_and_update().clone();
        let frame = state_frame(state.as_deref(), known);
        let known = known.max(frame.version);
        Some((Ok(frame), (states, known, false)))
    });
    frames.take_until(Box::pin(end)).boxed()
}

/// Waits for another state, or until it is time for a sign of life. False if there are no more.
async fn changed(states: &mut watch::Receiver<Option<Arc<ClusterState>>>) -> bool {
    !matches!(tokio::time::timeout(SIGN_OF_LIFE, states.changed()).await, Ok(Err(_)))
}
