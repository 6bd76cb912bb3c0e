//! A cluster of real processes for tests: storage, insert and select nodes on the loopback interface, each on an address
//! that it keeps over restarts.

use crate::process::{Options, PATIENCE, Program, Server};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct Layout {
    pub storage: usize,
    pub insert: usize,
    pub select: usize,
    pub replication_factor: u8,
    /// More flags for the storage nodes
    pub storage_flags: Vec<String>,
    /// More flags for the select nodes
    pub select_flags: Vec<String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            storage: 3,
            insert: 1,
            select: 1,
            replication_factor: 2,
            storage_flags: Vec::new(),
            select_flags: Vec::new(),
        }
    }
}

/// A running cluster. Its processes are killed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    pub storage: Vec<Server>,
    pub insert: Vec<Server>,
    pub select: Vec<Server>,
}

impl Layout {
    pub fn replication_factor(mut self, factor: u8) -> Self {
        self.replication_factor = factor;
        self
    }

    /// Insert and select nodes, as many of each.
    pub fn front_nodes(mut self, nodes: usize) -> Self {
        (self.insert, self.select) = (nodes, nodes);
        self
    }

    /// Starts the cluster and waits until it is formed and all nodes serve.
    ///
    /// # Panics
    /// With the log of a node that does not come up.
    pub fn start(self) -> Cluster {
        let addrs = free_addrs(self.storage);
        let peers = list(&addrs);
        let storage = thread::scope(|scope| {
            let start = |addr: &SocketAddr| self.storage_node(*addr, &peers).start();
            let nodes: Vec<_> = addrs.iter().map(|addr| scope.spawn(move || start(addr))).collect();
            let nodes = nodes.into_iter().map(|node| node.join().expect("a storage node"));
            nodes.collect::<Vec<_>>()
        });
        let front = |program, count, flags: &[String]| {
            let node = |addr| self.front_node(program, addr, &peers, flags).start();
            free_addrs(count).into_iter().map(node).collect()
        };
        let cluster = Cluster {
            insert: front(Program::Insert, self.insert, &[]),
            select: front(Program::Select, self.select, &self.select_flags),
            storage,
        };
        cluster.wait_in_sync();
        cluster
    }

    fn storage_node(&self, addr: SocketAddr, peers: &str) -> Options {
        let mut options = Options::of(Program::Storage)
            .addr(addr)
            .flag(format!("--cluster.peers={peers}"))
            .flag(format!("--cluster.advertiseAddr={addr}"))
            .flag(format!("--replicationFactor={}", self.replication_factor));
        for flag in &self.storage_flags {
            options = options.flag(flag);
        }
        options
    }

    fn front_node(&self, program: Program, addr: SocketAddr, peers: &str, flags: &[String]) -> Options {
        let mut options = Options::of(program).addr(addr).flag(format!("--storageNode={peers}"));
        for flag in flags {
            options = options.flag(flag);
        }
        options
    }
}

impl Cluster {
    /// Base URLs of the insert nodes.
    pub fn insert_urls(&self) -> Vec<String> {
        self.insert.iter().map(|node| node.url("")).collect()
    }

    /// What the first storage node that answers says at `path`.
    ///
    /// # Panics
    /// When none answers.
    pub fn status(&self, path: &str) -> Value {
        let answers = self.storage.iter().filter_map(|node| node.try_get(path));
        let mut answers = answers.filter(|(status, _)| *status == 200);
        let (_, body) = answers
            .next()
            .unwrap_or_else(|| panic!("no storage node answers {path}"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// Waits until all members are live and in sync.
    ///
    /// # Panics
    /// When they are not within [`PATIENCE`].
    pub fn wait_in_sync(&self) {
        self.wait("all nodes are in sync", || {
            let members = self.status("/cluster/members");
            let members = members["members"].as_array().cloned().unwrap_or_default();
            members.len() == self.storage.len()
                && members
                    .iter()
                    .all(|member| member["in_sync"] == true && member["live"] == true)
        });
    }

    /// Waits until the replicas of each slot hold the same spans.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`].
    pub fn wait_for_equal_digests(&self) {
        let placement = self.status("/cluster/slots");
        let slots = placement["slots"].as_array().expect("slots");
        self.wait("replicas hold the same", || {
            let digests: BTreeMap<String, Value> = self.storage.iter().map(digest).collect();
            slots.iter().all(|slot| {
                let replicas = slot["replicas"].as_array().expect("replicas").iter();
                let mut held = replicas.map(|id| &digests[id.as_str().expect("an id")][slot["slot"].to_string()]);
                let first = held.next();
                held.all(|other| Some(other) == first)
            })
        });
    }

    /// Waits for a condition.
    ///
    /// # Panics
    /// With what the cluster says of its members, when it does not hold within [`PATIENCE`].
    pub fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            let status = || self.status("/cluster/members");
            assert!(Instant::now() < deadline, "not so in time: {what}: {}", status());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The place of the storage node that leads.
    pub fn leader(&self) -> Option<usize> {
        let leads = |node: &Server| node.metric("vt_raft_is_leader") == Some(1.0);
        self.storage
            .iter()
            .position(|node| node.try_get("/health").is_some() && leads(node))
    }
}

/// A node's id with the digest of what it holds, by slot.
fn digest(node: &Server) -> (String, Value) {
    let mut answer = node.get_json("/internal/digest");
    (
        answer["node"].as_str().expect("an id").to_owned(),
        answer["slots"].take(),
    )
}

/// Addresses on the loopback interface that were free a moment ago.
fn free_addrs(count: usize) -> Vec<SocketAddr> {
    let listen = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listeners: Vec<TcpListener> = (0..count).map(listen).collect();
    listeners.iter().map(|l| l.local_addr().expect("an address")).collect()
}

fn list(addrs: &[SocketAddr]) -> String {
    let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    addrs.join(",")
}
