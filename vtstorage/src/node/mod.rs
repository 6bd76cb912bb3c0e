//! The program `vtstorage`: opens the engine and the cluster's metadata, puts one server in front of both, and ends in
//! order. Composition only: what a node is for others is in [`LocalNode`](local), the rest in its parts.

mod config;
mod epochs;
mod gate;
mod gauges;
mod internal;
mod local;
mod moves;
mod replicas;
pub mod snapshots;
mod status;

pub use config::{StorageNodeConfig, command};
pub use internal::internal_router;
pub use local::LocalNode;
pub use replicas::ReplicaStore;

use crate::cluster::disk::RocksDisk;
use crate::cluster::grpc::{self, RemotePeers};
use crate::cluster::{About, ClusterNode, ConsensusConfig, Membership, MoveConfig};
use crate::engine::error::StorageError;
use crate::engine::store::{Engine, StorageConfig};
use crate::hints::{HintDelivery, Route};
use crate::server::{StorageService, routes};
use crate::transfer::Transfers;
use common::access::{Need, Needs};
use common::cluster::{PeerNode, Settings};
use common::config::EffectiveFlags;
use common::http::{Lifecycle, Phase, bind};
use common::process::{Service, SetupError, Termination};
use common::rpc::{Credentials, Nodes};
use common::telemetry::Metrics;
use common::tls::ServerTls;
use local::Store;
use snapshots::{ClusterPart, Kind, Snapshots, restore, snapshot_router};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Slots of a cluster that this node makes.
const SLOTS: u16 = 1_024;

/// What the paths of other nodes' calls need; the rest is for operators.
const NEEDS: &[(&str, Need)] = &[
    ("/vt.v1.Storage", Need::Nodes),
    ("/vt.v1.Raft", Need::Nodes),
    ("/cluster/in_sync", Need::Health),
];

/// Why the process ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A socket, a signal handler or the cluster's metadata
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file of TLS, users or the cluster's secret
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    #[error("{0}")]
    Flags(String),
    /// The node cannot be a member any more
    #[error("{0}")]
    Cluster(String),
}

/// Runs until SIGTERM or SIGINT; then another node leads the cluster, requests under way are answered, and the engine is
/// closed. It is healthy once it is a member of a cluster.
///
/// # Errors
/// When it cannot start, or cannot go on.
pub async fn run(config: StorageNodeConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), RunError> {
    let mut termination = Termination::listen()?;
    let (tls, credentials) = security(&config)?;
    let mut server = Service::new(&config.http, tls, Lifecycle::starting(), flags, metrics)?;
    let listener = bind(&config.http_listen_addr).await?;
    let listener = listener.ok_or_else(|| RunError::Flags("--httpListenAddr must not be empty".into()))?;
    if let Some(from) = &config.snapshots.storage_restore_from {
        restore(&config.storage.storage_data_path, from, Kind::Member).await?;
    }
    let engine = open_engine(config.storage.clone()).await?;
    let node = Node::start(&config, &credentials, engine.clone(), listener.local_addr()?).await?;
    let lifecycle = server.lifecycle().clone();
    let service = StorageService::new(
        node.local.clone(),
        node.local.clone(),
        lifecycle.clone(),
        &config.server,
    );
    let grpc = routes(service, grpc::routes(node.cluster.peer()), credentials).await;
    let snapshots = Snapshots::new(
        &config.storage.storage_data_path,
        engine.clone(),
        Some(node.of_cluster()),
    );
    let routes = internal_router(engine.clone())
        .merge(gate::gate_router(node.cluster.clone()))
        .merge(snapshot_router(Arc::new(snapshots)))
        .merge(status::status_router(node.status()))
        .merge(grpc);
    server.serve(Some(listener), routes, Needs::of(NEEDS))?;
    let ready = tokio::spawn(serve_once_member(node.cluster.clone(), lifecycle));

    let ended = tokio::select! {
        () = leave_the_lead(&mut termination, &node.cluster) => Ok(()),
        why = node.cluster.failed() => Err(RunError::Cluster(why)),
        why = engine.failed() => Err(RunError::Storage(why)),
    };
    ready.abort();
    if ended.is_ok() {
        // It has the same signal.
        server.signalled().await;
    }
    server.end().await;
    node.stop().await;
    engine.shutdown().await?;
    tracing::info!("stopped");
    ended
}

/// What the node's own socket shows and demands, and what it shows to others.
fn security(config: &StorageNodeConfig) -> Result<(Option<ServerTls>, Credentials), SetupError> {
    let (listener, internal) = (&config.http.tls, &config.internal_tls);
    let authorities = internal.client_authorities(listener)?;
    let users = &config.http.access.auth_config;
    if users.is_some() && authorities.is_none() && config.secret.cluster_secret_file.is_none() {
        tracing::warn!(
            "users have no say between nodes: without --cluster.secretFile whoever comes as a node is let in"
        );
    }
    let credentials = config.secret.credentials()?;
    let credentials = credentials
        .with_tls(internal.client(listener)?)
        .demanding_certificates(authorities.is_some());
    Ok((listener.server(authorities)?, credentials))
}

/// Recovery may take a while, and blocks.
async fn open_engine(config: StorageConfig) -> Result<Arc<Engine>, RunError> {
    let opened = tokio::task::spawn_blocking(|| Engine::open(config))
        .await
        .map_err(std::io::Error::from)?;
    Ok(opened?)
}

/// The node's parts behind its server.
struct Node {
    cluster: Arc<ClusterNode>,
    engine: Arc<Engine>,
    local: Arc<LocalNode>,
    /// What the flags ask of a cluster
    settings: Settings,
    moves: MoveConfig,
    delivery: HintDelivery,
    disk: Arc<RocksDisk>,
    transfers: Transfers,
    tasks: JoinSet<()>,
}

impl Node {
    async fn start(
        config: &StorageNodeConfig,
        credentials: &Credentials,
        engine: Arc<Engine>,
        bound: SocketAddr,
    ) -> Result<Self, RunError> {
        let hints = engine.hints(config.hints.cluster_max_hint_bytes.bytes());
        let settings = Settings {
            replication_factor: config.cluster.replication_factor,
            slots: SLOTS,
            retention_seconds: config.storage.retention_period.as_duration().as_secs(),
        };
        let path = config.storage.storage_data_path.join("meta");
        let disk = tokio::task::spawn_blocking(move || RocksDisk::open(&path)).await;
        let disk = Arc::new(disk.map_err(std::io::Error::from)??);
        let local_store = Store {
            engine: engine.clone(),
            hints: hints.clone(),
            future: Duration::from(config.storage.future_retention),
        };
        let membership = membership(config, credentials, disk.clone(), local_store, &settings, bound)?;
        let cluster = Arc::new(ClusterNode::start(membership).await?);
        if let Some(id) = cluster.cluster() {
            credentials.bind(id);
        }
        let local = Arc::new(LocalNode::new(
            engine.clone(),
            hints.clone(),
            cluster.clone(),
            config.transfers.cluster_epoch_grace.as_duration(),
        ));
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(
            cluster.clone(),
            (engine.clone(), local.clone()),
            credentials.clone(),
            settings.clone(),
        ));
        tasks.spawn(gauges::keep(cluster.clone()));
        let bytes_per_second = config.hints.cluster_hint_bytes_per_second.bytes();
        let route = route(cluster.clone(), Nodes::new(credentials.clone()));
        Ok(Self {
            transfers: Transfers::start(cluster.clone(), engine.clone(), route.clone(), &config.transfers)
                .repairing(engine.clone()),
            delivery: HintDelivery::start(hints, route, bytes_per_second),
            engine,
            local,
            cluster,
            settings,
            disk,
            moves: config.transfers.moves(),
            tasks,
        })
    }

    fn status(&self) -> status::Status {
        status::Status {
            cluster: self.cluster.clone(),
            engine: self.engine.clone(),
            flags: self.settings.clone(),
            moves: self.moves,
        }
    }

    fn of_cluster(&self) -> ClusterPart {
        ClusterPart {
            disk: self.disk.clone(),
            node: self.cluster.clone(),
        }
    }

    async fn stop(mut self) {
        drop(self.transfers);
        drop(self.delivery);
        self.tasks.shutdown().await;
        self.cluster.shutdown().await;
    }
}

fn membership(
    config: &StorageNodeConfig,
    credentials: &Credentials,
    disk: Arc<RocksDisk>,
    store: Store,
    settings: &Settings,
    bound: SocketAddr,
) -> Result<Membership, RunError> {
    let stats = store.engine.stats();
    let addr = config.cluster.advertised(bound)?;
    tracing::info!(addr, "other nodes reach this one here");
    Ok(Membership {
        about: About {
            addr,
            zone: config.cluster.cluster_zone.clone(),
            incarnation: store.engine.incarnation(),
            standalone: stats.rows > 0 || stats.head_rows > 0,
            settings: settings.clone(),
        },
        search: config.cluster.search().map_err(RunError::Flags)?,
        consensus: ConsensusConfig::default(),
        disk,
        moves: config.transfers.moves(),
        peers: Arc::new(RemotePeers::new(credentials.clone(), credentials.stranger())),
        store: Arc::new(store),
    })
}

/// The way to other members.
fn route(cluster: Arc<ClusterNode>, nodes: Nodes) -> Route {
    Arc::new(move |id| {
        let state = cluster.state()?;
        let node = nodes.of(state.member(id)?)?;
        Some(node as Arc<dyn PeerNode>)
    })
}

/// Tells the parts of each state: which epochs are open, which days are kept, and which cluster's calls are taken.
async fn follow(
    cluster: Arc<ClusterNode>,
    (engine, local): (Arc<Engine>, Arc<LocalNode>),
    credentials: Credentials,
    flags: Settings,
) {
    let mut states = cluster.states();
    let mut settings = None;
    loop {
        let state = states.borrow_and_update().clone();
        if let Some(state) = state {
            local.applied(&state);
            engine.keep_from(state.oldest_day);
            credentials.bind(state.cluster);
            if settings.as_ref() != Some(&state.settings) {
                for differing in status::differing(&flags, &state.settings) {
                    tracing::warn!("a flag is outweighed by the cluster's settings: {differing}");
                }
                settings = Some(state.settings.clone());
            }
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Waits for the signal to end, and leaves the lead while others still reach this node.
async fn leave_the_lead(termination: &mut Termination, cluster: &ClusterNode) {
    termination.next().await;
    cluster.hand_over().await;
}

/// Healthy is a node that others can use.
async fn serve_once_member(cluster: Arc<ClusterNode>, lifecycle: Lifecycle) {
    let id = cluster.id();
    let mut states = cluster.states();
    let member = states.wait_for(|state| state.as_ref().is_some_and(|state| state.member(id).is_some()));
    if member.await.is_ok() {
        lifecycle.enter(Phase::Serving);
        tracing::info!(node = %id, "ready to serve");
    }
}
