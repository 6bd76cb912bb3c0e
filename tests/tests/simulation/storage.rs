//! A storage node as a host of the simulation: the production node over a store and a disk in memory.

use super::dice::Dice;
use super::store::Store;
use super::wire::{Callee, PORT, Wire};
use async_trait::async_trait;
use common::cluster::{Incarnation, PeerNode, Settings};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vtstorage::cluster::disk::MemoryDisk;
use vtstorage::cluster::{About, ClusterNode, ConsensusConfig, Membership, Names, Search};
use vtstorage::hints::{HintDelivery, Route};
use vtstorage::node::LocalNode;

pub const SLOTS: u16 = 16;

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
    peers: Vec<String>,
}

pub fn addr(host: &str) -> String {
    format!("{host}:{PORT}")
}

impl Seat {
    pub fn new(seed: u64, at: usize, hosts: &[String]) -> Self {
        Self {
            host: hosts[at].clone(),
            store: Store::new(Dice::new(seed, 100 + at as u64)),
            disk: Arc::new(MemoryDisk::with_delay(Duration::from_millis(2))),
            incarnation: Incarnation(at as u128 + 1),
            peers: hosts.iter().map(|host| addr(host)).collect(),
        }
    }

    /// The power goes.
    pub fn crash(&self) {
        self.disk.crash();
        self.store.crash();
    }

    /// Runs the node until it cannot go on.
    pub async fn run(self, wire: Wire, running: Running) -> turmoil::Result {
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
            consensus: ConsensusConfig::default(),
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
        ));
        tokio::spawn(follow(cluster.clone(), local.clone()));
        let _delivery = HintDelivery::start(self.store, route(cluster.clone(), wire.clone()), 0);
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
