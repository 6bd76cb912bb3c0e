//! The program `vtinsert`: watches the cluster, hands a sink over it to the receivers, serves them, and ends in order.
//! Composition only: it has no logic of its own.

mod config;

pub use config::{InsertNodeConfig, command};

use crate::cluster::ReplicatedSink;
use crate::config::TimeWindow;
use crate::receiver::Receiver;
use common::cluster::ClusterView;
use common::config::EffectiveFlags;
use common::http::{App, Lifecycle, Operational, Phase, Servers, bind, operational_router};
use common::process::{Termination, leave_on_signal};
use common::rpc::{RemoteView, SecretError};
use common::telemetry::Metrics;
use std::sync::Arc;
use std::time::Duration;

/// Why the process ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A socket or a signal handler.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("no storage node is given: --storageNode=host:port")]
    NoStorageNode,
}

/// Runs until SIGTERM or SIGINT; then requests under way are answered. It is healthy once it knows the cluster.
///
/// # Errors
/// When a socket cannot be bound, the secret cannot be read, or no storage node is given.
pub async fn run(config: InsertNodeConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), RunError> {
    let mut termination = Termination::listen()?;
    if config.storage_nodes.storage_node.is_empty() {
        return Err(RunError::NoStorageNode);
    }
    let credentials = config.secret.credentials()?;
    let http = bind(&config.http_listen_addr).await?;
    let grpc = bind(&config.otlp_grpc_listen_addr).await?;
    let view = RemoteView::start(config.storage_nodes.storage_node, credentials);
    let sink = Arc::new(ReplicatedSink::new(view.clone(), &config.replication));
    let window = window(view.clone(), config.future_retention.into());
    let receiver = Receiver::with_window(config.insert, window, sink);
    let lifecycle = Lifecycle::starting();
    let operational = Operational {
        lifecycle: lifecycle.clone(),
        metrics: metrics.clone(),
        flags: Arc::new(flags),
    };
    let grpc_routes = receiver.grpc_routes().await.into_axum_router();
    let routes = operational_router(operational)
        .merge(receiver.http_router())
        .merge(grpc_routes.clone());

    let mut servers = Servers::new(lifecycle.clone(), config.http.connection_limits());
    let prefix = config.http.http_path_prefix.clone();
    servers.start("http", http, App::new(routes, prefix))?;
    servers.start("otlp-grpc", grpc, App::bare(grpc_routes))?;
    let upkeep = tokio::spawn(metrics.upkeep());
    let ready = tokio::spawn(serve_once_known(view, lifecycle.clone()));

    let delay = config.http.http_shutdown_delay.as_duration();
    leave_on_signal(&mut termination, &lifecycle, delay).await;
    servers.ended().await;
    ready.abort();
    upkeep.abort();
    tracing::info!("stopped");
    Ok(())
}

async fn serve_once_known(view: Arc<RemoteView>, lifecycle: Lifecycle) {
    if let Some(state) = view.first().await {
        lifecycle.enter(Phase::Serving);
        tracing::info!(cluster = %state.cluster, nodes = state.members.len(), "ready to serve");
    }
}

/// The cluster's retention. While that is not known nothing can be stored, and no span is rejected as too old.
fn window(view: Arc<dyn ClusterView>, future: Duration) -> impl Fn() -> TimeWindow + Send + Sync + 'static {
    move || TimeWindow {
        past: view.state().map_or(Duration::MAX, |state| {
            Duration::from_secs(state.settings.retention_seconds)
        }),
        future,
    }
}
