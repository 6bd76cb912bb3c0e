//! A task for each node that there are hints for: it reads the oldest, sends them, and deletes what the node has taken.
//! While the node is away it tries again and again.

use super::join::{Joined, join};
use super::pace::Pace;
use super::queue::HintQueue;
use crate::engine::error::StorageError;
use crate::engine::store::Hint;
use common::cluster::{NodeId, PeerNode};
use common::contract::WriteError;
use futures::stream::{self, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Payloads that are read at a time.
const ROUND: u64 = 16 << 20;
/// Messages under way to one node.
const IN_FLIGHT: usize = 4;
/// A node that has not answered after this is asked again.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between attempts; each pause is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Where nothing is left but what is being stored or cannot be delivered.
const NEWS: Duration = Duration::from_secs(1);

/// How a node is reached: `None` while its address is not known.
pub type Route = Arc<dyn Fn(NodeId) -> Option<Arc<dyn PeerNode>> + Send + Sync>;

/// Delivers the hints of a store for as long as it is held.
#[derive(Debug)]
pub struct HintDelivery(JoinHandle<()>);

impl HintDelivery {
    /// Begins, with payloads of so many bytes per second in all; 0 is as fast as it goes. To be called on the async
    /// runtime.
    pub fn start(store: impl HintQueue, route: Route, bytes_per_second: u64) -> Self {
        let courier = Arc::new(Courier {
            store: Box::new(store),
            route,
            pace: Pace::new(bytes_per_second),
        });
        Self(tokio::spawn(courier.run()))
    }
}

impl Drop for HintDelivery {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Courier {
    store: Box<dyn HintQueue>,
    route: Route,
    pace: Pace,
}

/// What is known of the hints for one node.
#[derive(Default)]
struct Known {
    /// One of a message that the node refused for what is in it: each is tried alone
    suspects: BTreeSet<u64>,
    /// The node refused them alone: they stay, so that nobody takes it for complete
    refused: BTreeSet<u64>,
}

/// What a round came to.
enum Round {
    Sent,
    /// There is nothing that can be sent
    Nothing,
    Failed(WriteError),
}

impl Courier {
    async fn run(self: Arc<Self>) {
        let (mut tasks, mut busy) = (JoinSet::new(), BTreeSet::new());
        let mut stored = self.store.stored();
        loop {
            stored.borrow_and_update();
            for target in self.store.targets() {
                if busy.insert(target) {
                    let courier = self.clone();
                    tasks.spawn(async move {
                        courier.serve(target).await;
                        target
                    });
                }
            }
            tokio::select! {
                Some(served) = tasks.join_next(), if !tasks.is_empty() => match served {
                    Ok(target) => drop(busy.remove(&target)),
                    Err(e) => {
                        // Whose task it was is not told.
                        tracing::error!(error = %e, "delivering hints has failed; beginning anew");
                        tasks.shutdown().await;
                        busy.clear();
                    }
                },
                changed = stored.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Returns when a node has all its hints.
    async fn serve(&self, target: NodeId) {
        let (mut pause, mut known) = (PAUSES.0, Known::default());
        while self.store.count(target).hints > 0 {
            match self.round(target, &mut known).await {
                Ok(Round::Sent) => pause = PAUSES.0,
                Ok(Round::Nothing) => self.news().await,
                Ok(Round::Failed(e)) => {
                    tracing::debug!(error = %e, %target, "hints wait");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(e) => {
                    tracing::error!(error = %e, %target, "cannot read or delete hints; trying again");
                    sleep(PAUSES.1).await;
                }
            }
        }
        tracing::info!(%target, "all hints are delivered");
    }

    /// Waits for another hint, or some time.
    async fn news(&self) {
        let mut stored = self.store.stored();
        // What is being stored may have come between the look and now.
        let _ = timeout(NEWS, stored.changed()).await;
    }

    /// Sends some of the oldest hints.
    async fn round(&self, target: NodeId, known: &mut Known) -> Result<Round, StorageError> {
        let Some(node) = (self.route)(target) else {
            return Ok(Round::Failed(WriteError::Unavailable("no such member".into())));
        };
        let hints = self.oldest(target, &known.refused).await?;
        if hints.is_empty() {
            return Ok(Round::Nothing);
        }
        let (messages, failed) = (join(hints, &known.suspects), AtomicBool::new(false));
        let sending = messages
            .into_iter()
            .map(|message| self.send(target, &*node, message, &failed));
        let mut outcomes = stream::iter(sending).buffer_unordered(IN_FLIGHT);
        let mut round = Round::Sent;
        while let Some((numbers, outcome)) = outcomes.next().await {
            match outcome? {
                Ok(()) => {}
                Err(WriteError::Invalid(why)) => known.suspect(target, numbers, &why),
                Err(e) => round = Round::Failed(e),
            }
        }
        Ok(round)
    }

    /// Some of the oldest hints that were not refused.
    async fn oldest(&self, target: NodeId, refused: &BTreeSet<u64>) -> Result<Vec<Hint>, StorageError> {
        let mut after = 0;
        loop {
            let mut hints = self.store.oldest(target, after, ROUND).await?;
            let Some(last) = hints.last() else {
                return Ok(hints);
            };
            after = last.number;
            hints.retain(|hint| !refused.contains(&hint.number));
            if !hints.is_empty() {
                return Ok(hints);
            }
        }
    }

    /// Sends one message, unless one before it has failed.
    async fn send(
        &self,
        target: NodeId,
        node: &dyn PeerNode,
        message: Joined,
        failed: &AtomicBool,
    ) -> (Vec<u64>, Result<Result<(), WriteError>, StorageError>) {
        let Joined { numbers, write } = message;
        self.pace.wait(write.payload.len()).await;
        if failed.load(Ordering::Relaxed) {
            let not_tried = WriteError::Unavailable("a message before it has failed".into());
            return (numbers, Ok(Err(not_tried)));
        }
        let answer = timeout(PATIENCE, node.deliver(write)).await;
        let answer = answer.unwrap_or_else(|_| Err(WriteError::Unavailable("no answer".into())));
        match answer {
            Ok(()) => {
                let removed = self.store.remove(target, numbers.clone()).await;
                (numbers, removed.map(Ok))
            }
            Err(e) => {
                failed.fetch_or(!matches!(e, WriteError::Invalid(_)), Ordering::Relaxed);
                (numbers, Ok(Err(e)))
            }
        }
    }
}

impl Known {
    fn suspect(&mut self, target: NodeId, numbers: Vec<u64>, why: &str) {
        if let [number] = numbers.as_slice() {
            tracing::error!(%target, number, why, "a hint is refused; its node stays out of sync");
            self.refused.insert(*number);
        } else {
            self.suspects.extend(numbers);
        }
    }
}
