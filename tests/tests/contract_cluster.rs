//! The contract suite on a cluster in one process: three engines, two copies, the insert node's sink and the select node's
//! source; with all nodes, and with one that answers no query.

use async_trait::async_trait;
use clap::{Args, Command, FromArgMatches};
use common::cluster::{
    ClusterId, ClusterState, ClusterView, Command as Change, Incarnation, NewMember, NodeAnswers, NodeId, NodeQuery,
    Placement, ReplicaWrite, Settings, StorageNode, apply, place,
};
use common::contract::{QueryContext, QueryError, WriteError};
use futures::future::try_join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use tests::contract_suite::{self, Store};
use vtinsert::cluster::{ReplicatedSink, ReplicationConfig};
use vtselect::query::cluster::ClusterSource;
use vtstorage::{Engine, StorageConfig};

const SLOTS: u16 = 64;

/// A storage node in this process.
struct Node {
    engine: Arc<Engine>,
    answers: bool,
}

#[async_trait]
impl StorageNode for Node {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.engine.write_replica(write, SLOTS, &Placement::default()).await
    }

    async fn hint(&self, _: NodeId, _: u64, _: ReplicaWrite) -> Result<(), WriteError> {
        unreachable!("no write fails here")
    }

    async fn mark(&self, _: NodeId) -> Result<u64, WriteError> {
        unreachable!("no write fails here")
    }

    async fn query(&self, query: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        match self.answers {
            true => self.engine.query_within(query.plan, query.scope, context),
            false => Err(QueryError::Unavailable("down".into())),
        }
    }
}

struct View {
    state: Arc<ClusterState>,
    nodes: BTreeMap<NodeId, Arc<Node>>,
}

impl ClusterView for View {
    fn state(&self) -> Option<Arc<ClusterState>> {
        Some(self.state.clone())
    }

    fn node(&self, id: NodeId) -> Option<Arc<dyn StorageNode>> {
        Some(self.nodes.get(&id)?.clone())
    }

    fn refresh(&self, _: u64) {}
}

fn engine(directory: &std::path::Path) -> Arc<Engine> {
    let flags = [
        format!("--storageDataPath={}", directory.display()),
        "--storage.minFreeDiskSpaceBytes=0".to_owned(),
        "--storage.queryThreads=2".to_owned(),
    ];
    let command = StorageConfig::augment_args(Command::new("engine").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).expect("flags");
    Engine::open(StorageConfig::from_arg_matches(&matches).expect("flags")).expect("the engine opens")
}

/// The state of a new cluster of nodes 1 to `nodes` with two copies.
fn new_state(nodes: u64) -> ClusterState {
    let settings = Settings {
        replication_factor: 2,
        slots: SLOTS,
        retention_seconds: 7 * 24 * 3600,
    };
    let member = |id| NewMember {
        id: NodeId(id),
        addr: String::new(),
        zone: String::new(),
        incarnation: Incarnation(1),
    };
    let init = |owners| {
        let mut state = None;
        let command = Change::Init {
            cluster: ClusterId(1),
            settings: settings.clone(),
            members: (1..=nodes).map(member).collect(),
            owners,
            standalone: None,
            last_day: 0,
        };
        apply(&mut state, &command).expect("a cluster");
        state.expect("a cluster")
    };
    // Placement needs members: those of a state with any owners do.
    let any = init(vec![vec![NodeId(1)]; usize::from(SLOTS)]);
    init(place(&Vec::new(), any.members.values(), &settings))
}

async fn cluster(silent: Option<u64>) -> Store {
    let directory = tempfile::tempdir().expect("a directory");
    let node = |id: u64| {
        let node = Node {
            engine: engine(&directory.path().join(id.to_string())),
            answers: silent != Some(id),
        };
        (NodeId(id), Arc::new(node))
    };
    let view = Arc::new(View {
        state: Arc::new(new_state(3)),
        nodes: (1..=3).map(node).collect(),
    });
    let engines: Vec<Arc<Engine>> = view.nodes.values().map(|node| node.engine.clone()).collect();
    let settle = move || {
        let engines = engines.clone();
        async move {
            let flushes = engines.iter().map(|engine| engine.force_flush());
            try_join_all(flushes).await.expect("flushes");
        }
    };
    let sink = ReplicatedSink::new(view.clone(), &ReplicationConfig::default());
    let source = ClusterSource::new(view);
    Store::new(Arc::new(sink), Arc::new(source))
        .settle_with(settle)
        .keep(directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_the_contract() {
    contract_suite::run(|| cluster(None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_the_contract_while_a_node_answers_nothing() {
    contract_suite::run(|| cluster(Some(2))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_agrees_with_the_memory_store() {
    contract_suite::differential(|| cluster(None), 3_000, 2).await;
}
