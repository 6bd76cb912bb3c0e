//! The out-of-sync marks that writes rely on: which generation holds, since when at the latest, and asking for a new one.
//! A mark is asked for once, however many requests need it.

use super::peers::Peers;
use common::cluster::{ClusterState, ClusterView, Mark, Member, NodeId};
use common::contract::WriteError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// When a mark is this old, the node has no read lease any more: a lease is two seconds long, and none is granted to a node
/// with a mark.
pub(super) const LEASE_END: Duration = Duration::from_millis(2200);

/// How long one node may take to have a mark committed, a change of leader included.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How often the state is looked at for new marks.
const LOOK_OUT: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(100);

/// A committed mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub generation: u64,
    /// When its node has surely lost its read lease
    pub settled: Instant,
}

pub(super) struct Marks {
    view: Arc<dyn ClusterView>,
    peers: Arc<Peers>,
    targets: Mutex<HashMap<NodeId, Arc<Target>>>,
}

#[derive(Default)]
struct Target {
    newest: Mutex<Option<Held>>,
    /// Held while a mark is asked for
    asking: tokio::sync::Mutex<()>,
}

/// Where a mark is to be had from.
#[derive(Debug, PartialEq)]
enum Source {
    /// The one that was used before
    Known(Held),
    /// A mark that the state shows, and that is new to this node
    Seen { generation: u64 },
    /// There is none that takes hints
    Ask,
}

/// Looks at the newest mark that this node has used, and at what the state says, which may be behind. Generations up to
/// `refused` are known not to take hints any more.
fn source(known: Option<Held>, member: &Member, refused: u64) -> Source {
    let open = member
        .mark
        .filter(|mark: &Mark| !mark.closing && mark.generation > refused);
    let known = known.filter(|known| known.generation > refused);
    match (known, open) {
        (Some(known), _) if known.generation > member.generation => Source::Known(known),
        (Some(known), Some(mark)) if known.generation == mark.generation => Source::Known(known),
        (_, Some(mark)) => Source::Seen {
            generation: mark.generation,
        },
        _ => Source::Ask,
    }
}

impl Marks {
    /// Looks out for marks until it is dropped. To be called within a runtime.
    pub(super) fn start(view: Arc<dyn ClusterView>, peers: Arc<Peers>) -> Arc<Self> {
        let marks = Arc::new(Self {
            view,
            peers,
            targets: Mutex::default(),
        });
        tokio::spawn(look_out(Arc::downgrade(&marks)));
        marks
    }

    /// A mark of `target` that takes hints. `refused` is the last generation that did not, 0 for none: it is used again only
    /// if that is what asking for a mark comes to. Asks until it has one: the caller sets the time limit.
    ///
    /// # Errors
    /// When `target` is no member, or the only one.
    pub(super) async fn hold(&self, target: NodeId, refused: u64) -> Result<Held, WriteError> {
        let entry = self.targets.lock().entry(target).or_default().clone();
        loop {
            if let Some(held) = self.held(&entry, target, refused)? {
                return Ok(held);
            }
            let _asking = entry.asking.lock().await;
            // Another request may have got one meanwhile.
            if let Some(held) = self.held(&entry, target, refused)? {
                return Ok(held);
            }
            if let Some(generation) = self.ask(target).await? {
                return Ok(remember(&entry, generation));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Remembers when marks that others asked for came up, so that nobody waits long for them later.
    fn look(&self, state: &ClusterState) {
        for member in state.members.values() {
            if let Some(mark) = member.mark.filter(|mark| !mark.closing) {
                let entry = self.targets.lock().entry(member.id).or_default().clone();
                remember(&entry, mark.generation);
            }
        }
    }

    /// Whether the node is marked, by the state or by what this node has had committed.
    pub(super) fn is_marked(&self, member: &Member) -> bool {
        let entry = self.targets.lock().get(&member.id).cloned();
        let newest = entry.and_then(|entry| *entry.newest.lock());
        member.mark.is_some() || newest.is_some_and(|held| held.generation > member.generation)
    }

    fn held(&self, entry: &Target, target: NodeId, refused: u64) -> Result<Option<Held>, WriteError> {
        let state = self.state()?;
        let member = state.member(target).ok_or_else(|| not_a_member(target))?;
        let known = *entry.newest.lock();
        Ok(match source(known, member, refused) {
            Source::Known(held) => Some(held),
            Source::Seen { generation } => Some(remember(entry, generation)),
            Source::Ask => None,
        })
    }

    /// Asks each of the other nodes once, the likeliest first. `None` when none of them could have it committed.
    async fn ask(&self, target: NodeId) -> Result<Option<u64>, WriteError> {
        let state = self.state()?;
        let mut others: Vec<&Member> = state.members.values().filter(|member| member.id != target).collect();
        if others.is_empty() {
            return Err(WriteError::Unavailable(format!(
                "node {target}, the only one, does not answer"
            )));
        }
        others.sort_by_key(|member| (!self.peers.is_up(member.id), !member.in_sync()));
        for member in others {
            let Some(node) = self.view.node(member.id) else {
                continue;
            };
            match tokio::time::timeout(ATTEMPT, node.mark(target)).await {
                Ok(Ok(generation)) => {
                    self.peers.marked();
                    tracing::warn!(node = %target, generation, "marked as out of sync");
                    self.view.refresh(state.version);
                    return Ok(Some(generation));
                }
                Ok(Err(error)) => tracing::debug!(node = %member.id, %target, %error, "could not mark"),
                Err(_) => tracing::debug!(node = %member.id, %target, "marking took too long"),
            }
        }
        Ok(None)
    }

    fn state(&self) -> Result<Arc<ClusterState>, WriteError> {
        self.view.state().ok_or_else(no_state)
    }
}

async fn look_out(marks: Weak<Marks>) {
    let mut looked_at = 0;
    while let Some(marks) = marks.upgrade() {
        if let Some(state) = marks.view.state()
            && state.version != looked_at
        {
            looked_at = state.version;
            marks.look(&state);
        }
        drop(marks);
        tokio::time::sleep(LOOK_OUT).await;
    }
}

/// A generation that is new to this node counts from now: it may be older, but not younger.
fn remember(entry: &Target, generation: u64) -> Held {
    let mut newest = entry.newest.lock();
    match *newest {
        Some(held) if held.generation >= generation => held,
        _ => {
            let held = Held {
                generation,
                settled: Instant::now() + LEASE_END,
            };
            *newest = Some(held);
            held
        }
    }
}

pub(super) fn no_state() -> WriteError {
    WriteError::Unavailable("no storage node has told the state of the cluster yet".into())
}

fn not_a_member(node: NodeId) -> WriteError {
    WriteError::Unavailable(format!("node {node} is no longer a member of the cluster"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::cluster::{Incarnation, MemberState};

    fn member(generation: u64, mark: Option<(u64, bool)>) -> Member {
        Member {
            id: NodeId(1),
            addr: "a:1".into(),
            zone: String::new(),
            incarnation: Incarnation(0),
            state: MemberState::Active,
            mark: mark.map(|(generation, closing)| Mark { generation, closing }),
            generation,
            full: false,
        }
    }

    fn held(generation: u64) -> Held {
        Held {
            generation,
            settled: Instant::now(),
        }
    }

    #[test]
    fn a_mark_is_used_while_it_takes_hints() {
        let (three, seen) = (held(3), Source::Seen { generation: 3 });
        assert_eq!(source(None, &member(0, None), 0), Source::Ask);
        assert_eq!(source(None, &member(3, Some((3, false))), 0), seen);
        assert_eq!(
            source(Some(three), &member(3, Some((3, false))), 0),
            Source::Known(three)
        );
        assert_eq!(source(Some(held(2)), &member(3, Some((3, false))), 0), seen);
        // Closing, lifted, refused: a new one is needed.
        assert_eq!(source(Some(three), &member(3, Some((3, true))), 0), Source::Ask);
        assert_eq!(source(Some(three), &member(3, None), 0), Source::Ask);
        assert_eq!(source(Some(three), &member(3, Some((3, false))), 3), Source::Ask);
    }

    #[test]
    fn a_state_that_is_behind_does_not_hide_a_mark() {
        let three = held(3);
        assert_eq!(source(Some(three), &member(2, None), 0), Source::Known(three));
        assert_eq!(
            source(Some(three), &member(2, Some((2, true))), 0),
            Source::Known(three)
        );
        assert_eq!(source(Some(three), &member(2, None), 3), Source::Ask);
    }
}
