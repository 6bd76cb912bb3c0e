//! The program `vtselect`: watches the cluster, hands a source over it to the query APIs, serves them, and ends in order.
//! Composition only: it has no logic of its own.

mod config;

pub use config::{SelectNodeConfig, command};

use crate::query::cluster::ClusterSource;
use crate::router::http_router;
use common::config::EffectiveFlags;
use common::http::{App, Lifecycle, Operational, Phase, Servers, bind, operational_router};
use common::process::{Termination, leave_on_signal};
use common::rpc::{RemoteView, SecretError};
use common::telemetry::Metrics;
use std::sync::Arc;

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

/// Runs until SIGTERM or SIGINT; then queries under way are answered. It is healthy once it knows the cluster.
///
/// # Errors
/// When a socket cannot be bound, the secret cannot be read, or no storage node is given.
pub async fn run(config: SelectNodeConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), RunError> {
    let mut termination = Termination::listen()?;
    if config.storage_nodes.storage_node.is_empty() {
        return Err(RunError::NoStorageNode);
    }
    let credentials = config.secret.credentials()?;
    let http = bind(&config.http_listen_addr).await?;
    let view = RemoteView::start(config.storage_nodes.storage_node, credentials);
    let source = Arc::new(ClusterSource::new(view.clone()));
    let lifecycle = Lifecycle::starting();
    let operational = Operational {
        lifecycle: lifecycle.clone(),
        metrics: metrics.clone(),
        flags: Arc::new(flags),
    };
    let routes = operational_router(operational).merge(http_router(&config.select, source));

    let mut servers = Servers::new(lifecycle.clone(), config.http.connection_limits());
    servers.start("http", http, App::new(routes, config.http.http_path_prefix.clone()))?;
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
