//! All roles in one process: opens the engine, passes the same `Arc` to the receivers and to the query APIs, serves
//! them, and ends in order. Composition only: it has no logic of its own.

mod config;
mod internal;
mod listen;
mod signal;

pub use config::{SingleConfig, command};

use common::config::{EffectiveFlags, Source};
use common::http::{App, Lifecycle, Operational, Phase, operational_router, serve};
use common::telemetry::{LoggingError, Metrics, MetricsError};
use internal::internal_router;
use signal::Termination;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vtinsert::{Receiver, TimeWindow};
use vtstorage::engine::error::StorageError;
use vtstorage::{Engine, StorageConfig};

/// Why the process ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Logging(#[from] LoggingError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A socket, a signal handler or the runtime.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
}

/// Runs until SIGTERM or SIGINT; then requests under way are answered and the engine is closed.
///
/// # Errors
/// When a socket cannot be bound, or the engine cannot be opened or closed.
pub async fn run(config: SingleConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), RunError> {
    log_start(&flags);
    let mut termination = Termination::listen()?;
    let http = listen::bind(&config.http_listen_addr).await?;
    let grpc = listen::bind(&config.otlp_grpc_listen_addr).await?;
    let engine = open_engine(config.storage.clone()).await?;
    let window = TimeWindow {
        past: config.storage.retention_period.into(),
        future: config.storage.future_retention.into(),
    };
    let receiver = Receiver::new(config.insert.clone(), window, engine.clone());
    let lifecycle = Lifecycle::new();
    let operational = Operational {
        lifecycle: lifecycle.clone(),
        metrics: metrics.clone(),
        flags: Arc::new(flags),
    };
    let routes = operational_router(operational)
        .merge(internal_router(engine.clone()))
        .merge(receiver.http_router())
        .merge(vtselect::http_router(&config.select, engine.clone()));

    let mut servers = JoinSet::new();
    let limits = config.http.connection_limits();
    let mut start = |name: &'static str, listener: Option<TcpListener>, app: App| -> std::io::Result<()> {
        if let Some(listener) = listener {
            tracing::info!(listener = name, addr = %listener.local_addr()?, "listening");
            servers.spawn(serve(name, listener, app, lifecycle.clone(), limits));
        }
        Ok(())
    };
    start("http", http, App::new(routes, config.http.http_path_prefix.clone()))?;
    start(
        "otlp-grpc",
        grpc,
        App::bare(receiver.grpc_routes().await.into_axum_router()),
    )?;
    let upkeep = tokio::spawn(metrics.upkeep());
    tracing::info!("ready to serve");

    leave_on_signal(&mut termination, &lifecycle, &config).await;
    servers.join_all().await;
    upkeep.abort();
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

/// Waits for a signal, then asks load balancers to go elsewhere before the servers drain; a second signal cuts that
/// wait short.
async fn leave_on_signal(termination: &mut Termination, lifecycle: &Lifecycle, config: &SingleConfig) {
    let signal = termination.next().await;
    let delay = config.http.http_shutdown_delay.as_duration();
    tracing::info!(signal, ?delay, "shutting down");
    lifecycle.enter(Phase::Leaving);
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        _ = termination.next() => {}
    }
    lifecycle.enter(Phase::Draining);
}

fn log_start(flags: &EffectiveFlags) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting vtsingle");
    for flag in flags.iter().filter(|flag| flag.source != Source::Default) {
        tracing::info!(flag = flag.name, value = flag.value, source = %flag.source, "flag set");
    }
}
