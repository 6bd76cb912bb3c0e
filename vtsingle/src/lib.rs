//! All roles in one process: opens the engine, passes the same `Arc` to the receivers and to the query APIs, serves
//! them, and ends in order. Composition only: it has no logic of its own.

mod config;

pub use config::{SingleConfig, command};

use common::config::EffectiveFlags;
use common::http::{Lifecycle, bind};
use common::process::Service;
use common::telemetry::Metrics;
use common::tls::TlsError;
use std::sync::Arc;
use vtinsert::{Receiver, TimeWindow};
use vtstorage::engine::error::StorageError;
use vtstorage::node::internal_router;
use vtstorage::node::snapshots::{Kind, Snapshots, restore, snapshot_router};
use vtstorage::{Engine, StorageConfig};

/// Why the process ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A socket or a signal handler.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
}

/// Runs until SIGTERM or SIGINT; then requests under way are answered and the engine is closed.
///
/// # Errors
/// When a socket cannot be bound, or the engine cannot be opened or closed.
pub async fn run(config: SingleConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), RunError> {
    let tls = config.http.tls.server(None)?;
    let grpc_tls = config.otlp_grpc_tls.server(&config.http.tls)?;
    let mut service = Service::new(&config.http, tls, Lifecycle::new(), flags, metrics)?;
    let http = bind(&config.http_listen_addr).await?;
    let grpc = bind(&config.otlp_grpc_listen_addr).await?;
    let path = &config.storage.storage_data_path;
    if let Some(from) = &config.snapshots.storage_restore_from {
        restore(path, from, Kind::Single).await?;
    }
    let engine = open_engine(config.storage.clone()).await?;
    let snapshots = Snapshots::new(path, engine.clone(), None);
    let window = TimeWindow {
        past: config.storage.retention_period.into(),
        future: config.storage.future_retention.into(),
    };
    let receiver = Receiver::new(config.insert.clone(), window, engine.clone());
    let routes = internal_router(engine.clone())
        .merge(snapshot_router(Arc::new(snapshots)))
        .merge(receiver.http_router())
        .merge(vtselect::http_router(&config.select, engine.clone()));
    service.serve(http, routes)?;
    let grpc_routes = receiver.grpc_routes().await.into_axum_router();
    service.serve_bare("otlp-grpc", grpc, grpc_tls, grpc_routes)?;
    tracing::info!("ready to serve");

    service.signalled().await;
    service.end().await;
    engine.shutdown().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Recovery may take a while, and blocks.
async fn open_engine(config: StorageConfig) -> Result<Arc<Engine>, RunError> {
    let opened = tokio::task::spawn_blocking(|| Engine::open(config))
        .await
        .map_err(std::io::Error::from)?;
    Ok(opened?)
}
