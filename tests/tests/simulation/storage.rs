//! A storage node as a host of the simulation: the production node over a store and a disk in memory.

use super::dice::Dice;
use super::store::Store;
use super::wire::{Callee, PORT, Wire};
use async_trait::async_trait;
use common::cluster::{Incarnation, MoveLimits, NodeId, PeerNode, Settings};
use common::config::{ByteSize, Period};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use vtstorage::cluster::disk::MemoryDisk;
use vtstorage::cluster::{About, ClusterNode, ConsensusConfig, Membership, MoveConfig, Names, Search};
use vtstorage::hints::{HintDelivery, Route};
use vtstorage::node::LocalNode;
use vtstorage::transfer::{TransferConfig, Transfers};

pub const SLOTS: u16 = 16;
/// So many nodes make the cluster; others join it.
pub const FOUNDERS: usize = 3;
/// How long epochs stay open: as in production longer than requests may take.
const GRACE: Duration = Duration::from_secs(20);

/// With some seeds, others take the place of nodes that are away for so long.
const REPAIR_AFTER: Duration = Duration::from_secs(4);

/// The nodes that run, by host.
pub type Running = Arc<Mutex<BTreeMap<String, Arc<ClusterNode>>>>;

struct AsGiven;

#[async_trait]
impl Names for AsGiven {
    async fn resolve(&self, peer: &str) -> Vec<String> {
        vec![peer.to_owned()]
    }
}

/// What outlives the crashes of a node.
#[derive(Clone)]
pub struct Seat {
    pub host: String,
    pub store: Store,
    disk: Arc<MemoryDisk>,
    incarnation: Incarnation,
    consensus: ConsensusConfig,
    /// After how long others take the place of a node that is away
    repair_after: Option<Duration>,
    peers: Vec<String>,
    /// When it comes, after the start of the simulation
    comes: Duration,
}

pub fn addr(host: &str) -> String {
    format!("{host}:{PORT}")
}

impl Seat {
    pub fn new(seed: u64, at: usize, hosts: &[String]) -> Self {
        let mut dice = Dice::new(seed, 300 + at as u64);
        let node = NodeId(dice.next());
        // The consensus library draws election timeouts by itself, between bounds: here there is one between them.
        let election = Duration::from_millis(40 * at as u64) + dice.millis(525, 564);
        Self {
            host: hosts[at].clone(),
            store: Store::new(Dice::new(seed, 100 + at as u64)),
            disk: Arc::new(MemoryDisk::of_node(node, Duration::from_millis(2))),
            incarnation: Incarnation(at as u128 + 1),
            repair_after: (seed % 4 == 2).then_some(REPAIR_AFTER),
            consensus: ConsensusConfig {
                election_min: election,
                election_max: election + Duration::from_millis(1),
                ..ConsensusConfig::default()
            },
            peers: hosts.iter().take(FOUNDERS).map(|host| addr(host)).collect(),
            comes: match at < FOUNDERS {
                true => Duration::ZERO,
                false => Duration::from_secs(10) + Dice::new(seed, 200 + at as u64).millis(1, 20_000),
            },
        }
    }

    /// The power goes.
    pub fn crash(&self) {
        self.disk.crash();
        self.store.crash();
    }

    /// Runs the node until it cannot go on.
    pub async fn run(self, wire: Wire, running: Running) -> turmoil::Result {
        sleep(self.comes.saturating_sub(turmoil::sim_elapsed().unwrap_or_default())).await;
        let membership = Membership {
            about: About {
                addr: addr(&self.host),
                zone: String::new(),
                incarnation: self.incarnation,
                standalone: false,
                settings: Settings {
                    replication_factor: 2,
                    slots: SLOTS,
                    retention_seconds: 7 * 86_400,
                },
            },
            search: Search {
                expect: self.peers.len(),
                peers: self.peers,
                names: Arc::new(AsGiven),
            },
            consensus: self.consensus,
            moves: MoveConfig {
                limits: MoveLimits { per_node: 2, slots: 3 },
                grace: GRACE,
                repair_after: self.repair_after,
            },
            disk: self.disk,
            peers: Arc::new(wire.clone()),
            store: Arc::new(self.store.clone()),
        };
        let cluster = Arc::new(ClusterNode::start(membership).await?);
        running.lock().insert(self.host, cluster.clone());
        let local = Arc::new(LocalNode::new(
            Arc::new(self.store.clone()),
            self.store.clone(),
            cluster.clone(),
            GRACE,
        ));
        let route = route(cluster.clone(), wire.clone());
        let transfers = transfers();
        let _transfers = Transfers::start(cluster.clone(), Arc::new(self.store.clone()), route.clone(), &transfers);
        tokio::spawn(follow(cluster.clone(), local.clone()));
        let _delivery = HintDelivery::start(self.store, route, 0);
        let callee = Arc::new(Callee {
            cluster: cluster.clone(),
            local,
        });
        tokio::select! {
            served = wire.serve(callee) => Ok(served?),
            why = cluster.failed() => Err(why.into()),
        }
    }
}

/// As fast as it goes.
fn transfers() -> TransferConfig {
    TransferConfig {
        cluster_transfer_bytes_per_second: ByteSize::mib(0),
        cluster_transfers_per_node: 2,
        cluster_transfer_slots: 3,
        cluster_repair_after: Period::from_secs(0),
        cluster_epoch_grace: Period::from_secs(GRACE.as_secs()),
    }
}

async fn follow(cluster: Arc<ClusterNode>, local: Arc<LocalNode>) {
    let mut states = cluster.states();
    loop {
        let state = states.borrow_and_update().clone();
        if let Some(state) = state {
            local.applied(&state);
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn route(cluster: Arc<ClusterNode>, wire: Wire) -> Route {
    Arc::new(move |id| {
        let state = cluster.state()?;
        Some(wire.to(&state.member(id)?.addr) as Arc<dyn PeerNode>)
    })
}
