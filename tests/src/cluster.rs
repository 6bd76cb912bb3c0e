//! A cluster of real processes for tests: storage, insert and select nodes on the loopback interface, each on an address
//! that it keeps over restarts.

use crate::load::MAX_TRACES;
use crate::netns::Network;
use crate::process::{Options, PATIENCE, Program, Server};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
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
    /// More flags for the insert nodes
    pub insert_flags: Vec<String>,
    /// More flags for the select nodes
    pub select_flags: Vec<String>,
    /// The data of the first storage node, from when it was a node of its own
    pub first_data: Option<PathBuf>,
    /// The certificate in PEM of the authority to trust, where all nodes speak TLS
    pub authority: Option<String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            storage: 3,
            insert: 1,
            select: 1,
            replication_factor: 2,
            storage_flags: Vec::new(),
            insert_flags: Vec::new(),
            authority: None,
            select_flags: vec![format!("--search.maxTraces={MAX_TRACES}")],
            first_data: None,
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

    /// Starts the cluster on the loopback interface and waits until it is formed and all nodes serve.
    ///
    /// # Panics
    /// With the log of a node that does not come up.
    pub fn start(self) -> Cluster {
        let mut places = free_addrs(self.storage + self.insert + self.select).into_iter();
        self.start_at(&mut move || Place {
            addr: places.next().expect("an address for each node"),
            prefix: Vec::new(),
        })
    }

    /// As [`Self::start`], on hosts of `network`: those of the storage nodes, then of the insert, then of the select nodes.
    ///
    /// # Panics
    /// With the log of a node that does not come up.
    pub fn start_on(self, network: &Network, hosts: &[u8]) -> Cluster {
        let mut places = hosts.iter().zip(FIRST_PORT..);
        self.start_at(&mut move || {
            let (host, port) = places.next().expect("a host for each node");
            Place {
                addr: (network.addr(*host), port).into(),
                prefix: network.prefix(*host).into(),
            }
        })
    }

    fn start_at(self, next: &mut dyn FnMut() -> Place) -> Cluster {
        let mut take = |count: usize| -> Vec<Place> { (0..count).map(|_| next()).collect() };
        let (storage, insert, select) = (take(self.storage), take(self.insert), take(self.select));
        let peers: Vec<String> = storage.iter().map(|place| place.addr.to_string()).collect();
        let peers = peers.join(",");
        let storage = thread::scope(|scope| {
            let start = |(at, place): (usize, &Place)| {
                let options = self.storage_node(place, &peers);
                match self.first_data.as_ref().filter(|_| at == 0) {
                    Some(data) => options.data_dir(data).start(),
                    None => options.start(),
                }
            };
            let places = storage.iter().enumerate();
            let nodes: Vec<_> = places.map(|place| scope.spawn(move || start(place))).collect();
            let nodes = nodes.into_iter().map(|node| node.join().expect("a storage node"));
            nodes.collect::<Vec<_>>()
        });
        let front = |program, places: &[Place], flags: &[String]| {
            let start = |place: &Place| self.spoken_with(front_node(program, place, &peers, flags)).start();
            places.iter().map(start).collect()
        };
        let cluster = Cluster {
            insert: front(Program::Insert, &insert, &self.insert_flags),
            select: front(Program::Select, &select, &self.select_flags),
            storage,
        };
        cluster.wait_in_sync();
        cluster
    }

    fn storage_node(&self, place: &Place, peers: &str) -> Options {
        let options = place
            .options(Program::Storage)
            .flag(format!("--cluster.peers={peers}"))
            .flag(format!("--cluster.advertiseAddr={}", place.addr))
            .flag(format!("--replicationFactor={}", self.replication_factor));
        self.spoken_with(self.storage_flags.iter().fold(options, Options::flag))
    }

    fn spoken_with(&self, options: Options) -> Options {
        match &self.authority {
            Some(authority) => options.trusting(authority),
            None => options,
        }
    }
}

/// The port of the first node, where nodes have hosts of their own.
const FIRST_PORT: u16 = 10_491;

/// Where a node runs.
struct Place {
    addr: SocketAddr,
    prefix: Vec<String>,
}

impl Place {
    fn options(&self, program: Program) -> Options {
        Options::of(program).addr(self.addr).prefix(self.prefix.clone())
    }
}

fn front_node(program: Program, place: &Place, peers: &str, flags: &[String]) -> Options {
    let options = place.options(program).flag(format!("--storageNode={peers}"));
    flags.iter().fold(options, Options::flag)
}

impl Cluster {
    /// Starts another select node, on any free port.
    ///
    /// # Panics
    /// With its log, when it does not come up.
    pub fn another_select(&self, flags: &[String]) -> Server {
        let peers: Vec<String> = self.storage.iter().map(|node| node.http_addr().to_string()).collect();
        let options = Options::of(Program::Select).flag(format!("--storageNode={}", peers.join(",")));
        flags.iter().fold(options, Options::flag).start()
    }

    /// Starts another storage node, which joins the cluster, with the flags of the others.
    ///
    /// # Panics
    /// With its log, when it does not come up.
    pub fn join(&mut self, layout: &Layout) {
        let peers: Vec<String> = self.storage.iter().map(|node| node.http_addr().to_string()).collect();
        let addr = free_addrs(1).remove(0);
        let place = Place {
            addr,
            prefix: Vec::new(),
        };
        self.storage.push(layout.storage_node(&place, &peers.join(",")).start());
    }

    /// Has the first storage node carry out an order, and its answer.
    ///
    /// # Panics
    /// When it is refused.
    pub fn order(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.storage[0].post(path, "application/json", body.to_string().as_bytes());
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).expect("an answer in JSON")
    }

    /// Waits until all spans lie where their slots' owners are, and nowhere else.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`].
    pub fn wait_until_moved(&self) {
        self.wait("all is moved", || {
            let transfers = self.status("/cluster/transfers");
            let left = transfers["slots_left"].as_u64();
            let epochs = (transfers["epoch"].as_u64(), transfers["sealed"].as_u64());
            left == Some(0) && epochs.0 == epochs.1.map(|sealed| sealed + 1)
        });
        self.wait("nobody holds what is not his", || {
            let digests: BTreeMap<String, Value> = self.storage.iter().map(digest).collect();
            let placement = self.status("/cluster/slots");
            let slots = placement["slots"].as_array().cloned().unwrap_or_default();
            slots.iter().all(|slot| {
                let is_owner = |id: &str| {
                    slot["replicas"]
                        .as_array()
                        .is_some_and(|ids| ids.iter().any(|r| r == id))
                };
                let held = |held: &Value| !held[slot["slot"].to_string()].is_null();
                digests.iter().all(|(id, slots)| is_owner(id) || !held(slots))
            })
        });
    }

    /// The spans that each storage node holds.
    pub fn spans(&self) -> Vec<u64> {
        let count = |node: &Server| {
            let (_, slots) = digest(node);
            let slots = slots.as_object().expect("slots");
            slots
                .values()
                .map(|slot| slot["spans"].as_u64().expect("a number"))
                .sum()
        };
        self.storage.iter().map(count).collect()
    }

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
