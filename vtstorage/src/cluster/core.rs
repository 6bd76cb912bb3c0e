//! What the parts of a node's membership share: who the node is, the consensus, the way to other nodes, the lease.

use super::duties::MoveConfig;
use super::hints::HintGate;
use super::identity::Identity;
use super::lease::{Grantor, Live, ReadLease};
use super::peer::{Introduction, Peers};
use super::propose::Proposer;
use super::raft::Consensus;
use common::cluster::{ClusterState, Incarnation, NewMember, NodeId, Settings};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// The node's own store, as far as the cluster asks for it. The calls are short and do not block.
pub trait LocalStore: Send + Sync + 'static {
    /// How many hints for another node are kept here.
    fn hints_for(&self, node: NodeId) -> u64;

    /// It works, and holds all that it was given.
    fn healthy(&self) -> bool;

    /// Its disk is nearly full.
    fn full(&self) -> bool;

    /// The first day that there is room for; 0 where there is for all.
    fn first_day_with_room(&self) -> u32 {
        0
    }

    /// Today, in days since 1970-01-01, UTC.
    fn today(&self) -> u32;

    /// The latest day that a span may be of which it takes now.
    fn last_day(&self) -> u32;
}

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// `host:port` where other nodes reach it
    pub addr: String,
    /// May be empty
    pub zone: String,
    /// Of its `data/`
    pub incarnation: Incarnation,
    /// It holds spans from when it was a node of its own
    pub standalone: bool,
    /// For a cluster that it makes
    pub settings: Settings,
}

/// See the module.
pub(crate) struct Core {
    pub(crate) about: About,
    pub(crate) identity: Arc<Identity>,
    pub(crate) consensus: Consensus,
    pub(crate) proposer: Proposer,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) store: Arc<dyn LocalStore>,
    pub(crate) lease: ReadLease,
    pub(crate) grantor: Grantor,
    pub(crate) live: Live,
    pub(crate) hints: HintGate,
    pub(crate) moves: MoveConfig,
    /// Nodes without a cluster that this one has seen while it had none, itself included
    pub(crate) seen: Mutex<BTreeSet<NodeId>>,
    /// Why the node must end
    pub(crate) fatal: watch::Sender<Option<String>>,
}

impl Core {
    pub(crate) fn id(&self) -> NodeId {
        self.identity.node()
    }

    /// The state as it is applied here.
    pub(crate) fn state(&self) -> Option<Arc<ClusterState>> {
        self.consensus.states().borrow().clone()
    }

    pub(crate) fn as_member(&self) -> NewMember {
        NewMember {
            id: self.id(),
            addr: self.about.addr.clone(),
            zone: self.about.zone.clone(),
            incarnation: self.about.incarnation,
        }
    }

    pub(crate) fn introduction(&self) -> Introduction {
        Introduction {
            member: self.as_member(),
            cluster: self.identity.cluster(),
            seen: self.seen.lock().iter().copied().collect(),
            standalone: self.about.standalone,
        }
    }

    /// Whether the state knows this node, with this data, and without a mark.
    pub(crate) fn unmarked(&self) -> bool {
        let state = self.state();
        let own = state.as_ref().and_then(|state| state.member(self.id()));
        own.is_some_and(|own| own.in_sync() && own.incarnation == self.about.incarnation)
    }

    /// Waits until a state of this version or a later one is applied here, for a bounded time.
    pub(crate) async fn wait_version(&self, version: u64, at_most: Duration) -> bool {
        let mut states = self.consensus.states();
        let reached = states.wait_for(|state| state.as_ref().map_or(0, |state| state.version) >= version);
        matches!(timeout(at_most, reached).await, Ok(Ok(_)))
    }

    /// Ends the node, for this reason.
    pub(crate) fn fail(&self, why: String) {
        tracing::error!("the node cannot go on: {why}");
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert(why);
            first
        });
    }
}
