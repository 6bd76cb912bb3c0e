//! Nodes of a cluster in one process, over a network in memory or over sockets, that can be killed, restarted and cut off.

use crate::cluster::disk::{MemoryDisk, MetaDisk};
use crate::cluster::{
    About, ClusterNode, ConsensusConfig, ConsensusMessage, Forwarded, HintsQuery, Introduction, Joined, LeaseReply,
    LeaseRequest, LocalStore, Membership, Names, Peer, PeerError, Peers, Search,
};
use async_trait::async_trait;
use common::cluster::{ClusterState, Command, Incarnation, NewMember, NodeId, Settings};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// Longer than anything may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits a condition on the states of a node.
pub(super) async fn until_state(node: &ClusterNode, is_met: impl Fn(&ClusterState) -> bool) -> Arc<ClusterState> {
    let mut states = node.states();
    let met = states.wait_for(|state| state.as_deref().is_some_and(&is_met));
    let state = timeout(PATIENCE, met)
        .await
        .expect("in time")
        .expect("the node runs")
        .clone();
    state.expect("there is a state")
}

/// Awaits a condition that nothing signals.
pub(super) async fn until(what: &str, is_met: impl AsyncFn() -> bool) {
    let polled = async {
        while !is_met().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, polled)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[derive(Default)]
struct Wires {
    nodes: BTreeMap<String, Arc<dyn Peer>>,
    cut: BTreeSet<(String, String)>,
}

/// The network in memory.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<Wires>>);

impl Net {
    fn plug(&self, addr: &str, peer: Arc<dyn Peer>) {
        self.0.lock().nodes.insert(addr.to_owned(), peer);
    }

    fn unplug(&self, addr: &str) {
        self.0.lock().nodes.remove(addr);
    }

    /// Cuts all wires between a node and the others, or mends them.
    pub(super) fn isolate(&self, addr: &str, cut: bool) {
        let mut wires = self.0.lock();
        let others: Vec<String> = wires.nodes.keys().filter(|other| *other != addr).cloned().collect();
        for other in others {
            for wire in [(addr.to_owned(), other.clone()), (other, addr.to_owned())] {
                match cut {
                    true => wires.cut.insert(wire),
                    false => wires.cut.remove(&wire),
                };
            }
        }
    }

    fn reach(&self, from: &str, to: &str) -> Result<Arc<dyn Peer>, PeerError> {
        let wires = self.0.lock();
        let cut = wires.cut.contains(&(from.to_owned(), to.to_owned()));
        let node = wires.nodes.get(to).filter(|_| !cut);
        node.cloned().ok_or_else(|| PeerError::Unreachable(to.to_owned()))
    }
}

/// The network as one node sees it.
struct From {
    net: Net,
    from: String,
}

struct Wire {
    net: Net,
    from: String,
    to: String,
}

impl Peers for From {
    fn at(&self, addr: &str) -> Arc<dyn Peer> {
        Arc::new(Wire {
            net: self.net.clone(),
            from: self.from.clone(),
            to: addr.to_owned(),
        })
    }
}

macro_rules! passed_on {
    ($($name:ident($($arg:ident: $type:ty)?) -> $answer:ty;)*) => {
        #[async_trait]
        impl Peer for Wire {
            $(async fn $name(&self $(, $arg: $type)?) -> Result<$answer, PeerError> {
                let answer = self.net.reach(&self.from, &self.to)?.$name($($arg)?).await;
                self.net.reach(&self.to, &self.from)?;
                answer
            })*
        }
    };
}
passed_on! {
    introduce() -> Introduction;
    consensus(message: ConsensusMessage) -> Vec<u8>;
    lease(request: LeaseRequest) -> LeaseReply;
    forward(command: Command) -> Forwarded;
    join(member: NewMember) -> Joined;
    hints(query: HintsQuery) -> u64;
}

/// A store of which tests say what it holds.
#[derive(Default)]
pub(super) struct FakeStore {
    pub(super) hints: Mutex<BTreeMap<NodeId, u64>>,
    pub(super) full: AtomicBool,
}

impl LocalStore for FakeStore {
    fn hints_for(&self, node: NodeId) -> u64 {
        self.hints.lock().get(&node).copied().unwrap_or(0)
    }

    fn healthy(&self) -> bool {
        true
    }

    fn full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn today(&self) -> u32 {
        20_000
    }

    fn last_day(&self) -> u32 {
        20_002
    }
}

struct AsGiven;

#[async_trait]
impl Names for AsGiven {
    async fn resolve(&self, peer: &str) -> Vec<String> {
        vec![peer.to_owned()]
    }
}

/// What outlives a node's process.
pub(super) struct Seat {
    pub(super) addr: String,
    pub(super) disk: Arc<MemoryDisk>,
    pub(super) store: Arc<FakeStore>,
    pub(super) incarnation: u128,
    pub(super) standalone: bool,
    pub(super) node: Option<ClusterNode>,
}

/// A cluster of such nodes.
pub(super) struct Cluster {
    pub(super) net: Net,
    pub(super) seats: Vec<Seat>,
    peers: Vec<String>,
    expect: usize,
    pub(super) config: ConsensusConfig,
}

impl Cluster {
    /// Seats for nodes that expect `expect` of them; none is started.
    pub(super) fn new(nodes: usize, expect: usize) -> Self {
        let addrs: Vec<String> = (1..=nodes).map(|n| format!("n{n}:1")).collect();
        let seat = |(at, addr): (usize, &String)| Seat {
            addr: addr.clone(),
            disk: Arc::default(),
            store: Arc::default(),
            incarnation: at as u128 + 1,
            standalone: false,
            node: None,
        };
        Self {
            net: Net::default(),
            seats: addrs.iter().enumerate().map(seat).collect(),
            peers: addrs,
            expect,
            config: ConsensusConfig::default(),
        }
    }

    /// As [`Self::new`], with all nodes started and members.
    pub(super) async fn of(nodes: usize) -> Self {
        let mut cluster = Self::new(nodes, nodes);
        for at in 0..nodes {
            cluster.start(at).await;
        }
        for at in 0..nodes {
            until_state(cluster.node(at), |state| state.members.len() == nodes).await;
        }
        cluster
    }

    pub(super) async fn start(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let node = ClusterNode::start(Membership {
            about: About {
                addr: seat.addr.clone(),
                zone: String::new(),
                incarnation: Incarnation(seat.incarnation),
                standalone: seat.standalone,
                settings: Settings {
                    replication_factor: 2,
                    slots: 64,
                    retention_seconds: 7 * 86_400,
                },
            },
            search: Search {
                peers: self.peers.clone(),
                expect: self.expect,
                names: Arc::new(AsGiven),
            },
            consensus: self.config.clone(),
            disk: seat.disk.clone() as Arc<dyn MetaDisk>,
            peers: Arc::new(From {
                net: self.net.clone(),
                from: seat.addr.clone(),
            }),
            store: seat.store.clone(),
        });
        let node = node.await.expect("the node starts");
        self.net.plug(&seat.addr, node.peer());
        seat.node = Some(node);
    }

    pub(super) fn node(&self, at: usize) -> &ClusterNode {
        self.seats[at].node.as_ref().expect("the node runs")
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &ClusterNode> {
        self.seats.iter().filter_map(|seat| seat.node.as_ref())
    }

    /// Ends a node as a power cut does.
    pub(super) async fn kill(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        self.net.unplug(&seat.addr);
        if let Some(node) = seat.node.take() {
            node.shutdown().await;
        }
        seat.disk.crash();
    }

    /// From now on nodes are started without knowing others.
    pub(super) fn forget_peers(&mut self) {
        self.peers.clear();
    }

    /// The seat of the leader, once the running nodes agree on it.
    pub(super) async fn leader(&self) -> usize {
        let agreed = || {
            let leaders: BTreeSet<Option<NodeId>> = self.running().map(|node| node.consensus().leader).collect();
            let leader = leaders.first().copied().flatten().filter(|_| leaders.len() == 1)?;
            let is_leader = |seat: &Seat| seat.node.as_ref().is_some_and(|node| node.id() == leader);
            self.seats.iter().position(is_leader)
        };
        until("a leader", async || agreed().is_some()).await;
        agreed().expect("still the leader")
    }

    /// Awaits that so many nodes vote.
    pub(super) async fn until_voters(&self, voters: usize) {
        for node in self.running() {
            let waited = node.wait_consensus(|view| view.voters.len() == voters && !view.changing);
            timeout(PATIENCE, waited)
                .await
                .expect("in time")
                .expect("the consensus runs");
        }
    }

    pub(super) async fn until_in_sync(&self) {
        until("all in sync", async || self.running().all(ClusterNode::in_sync)).await;
    }
}
