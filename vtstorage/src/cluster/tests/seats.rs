//! Nodes of a cluster in one process, that can be killed and restarted.

use super::net::{From, Net};
use crate::cluster::disk::{MemoryDisk, MetaDisk, RocksDisk};
use crate::cluster::grpc::{self, RemotePeers};
use crate::cluster::{About, ClusterNode, ConsensusConfig, LocalStore, Membership, Names, Peer, Peers, Search};
use async_trait::async_trait;
use common::cluster::{ClusterState, Incarnation, NodeId, Settings};
use common::http::{App, ConnectionLimits, Lifecycle, serve};
use common::rpc::{Credentials, guarded};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
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

/// A store of which tests say what it holds.
#[derive(Default)]
pub(super) struct FakeStore {
    pub(super) hints: Mutex<BTreeMap<NodeId, u64>>,
    pub(super) full: AtomicBool,
    pub(super) first_day: AtomicU32,
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

    fn first_day_with_room(&self) -> u32 {
        self.first_day.load(Ordering::Relaxed)
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

/// How the nodes of a cluster are connected, and what they keep their state on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Memory,
    /// gRPC on loopback, and RocksDB
    Sockets,
}

/// What outlives a node's process.
pub(super) struct Seat {
    /// Over sockets, of the listener that the first process gets
    pub(super) addr: String,
    pub(super) disk: Arc<MemoryDisk>,
    root: TempDir,
    listener: Option<std::net::TcpListener>,
    server: Option<JoinHandle<()>>,
    pub(super) store: Arc<FakeStore>,
    pub(super) incarnation: u128,
    pub(super) standalone: bool,
    pub(super) node: Option<ClusterNode>,
}

impl Seat {
    fn serve(&mut self, peer: Arc<dyn Peer>) {
        let first = self.listener.take();
        let listener = first.unwrap_or_else(|| std::net::TcpListener::bind(&self.addr).unwrap());
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let app = App::bare(guarded(grpc::routes(peer).into_axum_router(), Credentials::default()));
        let limits = ConnectionLimits {
            idle_timeout: PATIENCE,
            drain_timeout: PATIENCE,
            connections: 1_000,
        };
        self.server = Some(tokio::spawn(serve("test", listener, app, Lifecycle::new(), limits)));
    }

    /// Takes the place of a node elsewhere: its disk, not its address.
    pub(super) fn take_disk(&mut self, other: Seat) {
        self.disk = other.disk;
        self.root = other.root;
    }
}

/// The tasks of a node that was stopped may hold its disk for a moment.
async fn open_when_free(path: &Path) -> RocksDisk {
    let opened = Mutex::new(None);
    until("the disk can be opened", async || {
        *opened.lock() = RocksDisk::open(path).ok();
        opened.lock().is_some()
    })
    .await;
    opened.into_inner().expect("it is open")
}

/// A cluster of such nodes.
pub(super) struct Cluster {
    kind: Kind,
    pub(super) net: Net,
    pub(super) seats: Vec<Seat>,
    peers: Vec<String>,
    expect: usize,
    pub(super) config: ConsensusConfig,
}

impl Cluster {
    /// Seats for nodes that expect `expect` of them; none is started.
    pub(super) fn new(kind: Kind, nodes: usize, expect: usize) -> Self {
        let listener = |_| std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners: Vec<_> = (0..nodes).map(listener).collect();
        let addrs: Vec<String> = listeners.iter().map(|l| l.local_addr().unwrap().to_string()).collect();
        let seat = |(at, listener): (usize, std::net::TcpListener)| Seat {
            addr: listener.local_addr().unwrap().to_string(),
            listener: Some(listener),
            server: None,
            root: tempfile::tempdir().unwrap(),
            disk: Arc::default(),
            store: Arc::default(),
            incarnation: at as u128 + 1,
            standalone: false,
            node: None,
        };
        Self {
            kind,
            net: Net::default(),
            seats: listeners.into_iter().enumerate().map(seat).collect(),
            peers: addrs,
            expect,
            config: ConsensusConfig::default(),
        }
    }

    /// As [`Self::new`], with all nodes started and members.
    pub(super) async fn of(kind: Kind, nodes: usize) -> Self {
        let mut cluster = Self::new(kind, nodes, nodes);
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
        let disk: Arc<dyn MetaDisk> = match self.kind {
            Kind::Memory => seat.disk.clone(),
            Kind::Sockets => Arc::new(open_when_free(&seat.root.path().join("meta")).await),
        };
        let peers: Arc<dyn Peers> = match self.kind {
            Kind::Memory => Arc::new(From {
                net: self.net.clone(),
                from: seat.addr.clone(),
            }),
            Kind::Sockets => Arc::new(RemotePeers::new(Credentials::default(), Credentials::default())),
        };
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
            moves: Default::default(),
            disk,
            peers,
            store: seat.store.clone(),
        });
        let node = node.await.expect("the node starts");
        match self.kind {
            Kind::Memory => self.net.plug(&seat.addr, node.peer()),
            Kind::Sockets => seat.serve(node.peer()),
        }
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
        if let Some(server) = seat.server.take() {
            server.abort();
            assert!(
                server.await.is_err_and(|end| end.is_cancelled()),
                "the server was running"
            );
        }
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

    /// Awaits that so many nodes vote, and that there is a state.
    pub(super) async fn until_voters(&self, voters: usize) {
        for node in self.running() {
            let waited = node.wait_consensus(|view| view.voters.len() == voters && !view.changing);
            timeout(PATIENCE, waited)
                .await
                .expect("in time")
                .expect("the consensus runs");
            until_state(node, |_| true).await;
        }
    }

    pub(super) async fn until_in_sync(&self) {
        until("all in sync", async || self.running().all(ClusterNode::in_sync)).await;
    }
}
