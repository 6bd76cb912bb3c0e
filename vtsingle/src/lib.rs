//! All roles in one process: opens the engine, passes the same `Arc` to the receivers and to the query APIs, serves
//! them, and ends in order. Composition only: it has no logic of its own.

mod config;

pub use config::{SingleConfig, command};

use axum::Router;
use common::access::Needs;
use common::config::EffectiveFlags;
use common::http::{Lifecycle, bind};
use common::process::{Service, SetupError};
use common::telemetry::Metrics;
use common::tenancy::Quotas;
use common::tls::ServerTls;
use std::sync::Arc;
use tokio::net::TcpListener;
use vtinsert::{Receiver, TimeWindow};
use vtstorage::engine::error::StorageError;
use vtstorage::node::internal_router;
use vtstorage::node::snapshots::{Kind, Snapshots, restore, snapshot_router};
use vtstorage::{Engine, StorageConfig};

/// Why the process ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A socket, a signal handler, or a file of TLS, users or tenants.
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
}

/// Runs until SIGTERM or SIGINT; then requests under way are answered and the engine is closed.
///
/// # Errors
/// When a socket cannot be bound, a file cannot be read, or the engine cannot be opened or closed.
pub async fn run(config: SingleConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), RunError> {
    let mut front = Front::prepare(&config, flags, metrics).await?;
    let path = &config.storage.storage_data_path;
    if let Some(from) = &config.snapshots.storage_restore_from {
        restore(path, from, Kind::Single).await.map_err(SetupError::Io)?;
    }
    let engine = open_engine(config.storage.clone()).await?;
    let window = TimeWindow {
        past: config.storage.retention_period.into(),
        future: config.storage.future_retention.into(),
    };
    let operators =
        internal_router(engine.clone()).merge(snapshot_router(Arc::new(Snapshots::new(path, engine.clone(), None))));
    let quotas = front.quotas.clone();
    let receiver = Receiver::with_window(config.insert.clone(), move || window, engine.clone(), quotas);
    let queries = vtselect::router_with_quotas(&config.select, engine.clone(), front.quotas.clone());
    front.serve(operators.merge(queries), &receiver).await?;
    tracing::info!("ready to serve");

    let ended = tokio::select! {
        () = front.service.signalled() => Ok(()),
        why = engine.failed() => Err(RunError::Storage(why)),
    };
    front.service.end().await;
    engine.shutdown().await?;
    tracing::info!("stopped");
    ended
}

/// What clients meet: sockets, and what is asked of who comes.
struct Front {
    service: Service,
    http: Option<TcpListener>,
    grpc: Option<TcpListener>,
    grpc_tls: Option<ServerTls>,
    quotas: Option<Arc<Quotas>>,
}

impl Front {
    async fn prepare(config: &SingleConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<Self, SetupError> {
        let tls = config.http.tls.server(None)?;
        let mut service = Service::new(&config.http, tls, Lifecycle::new(), flags, metrics)?;
        let tenants = config.tenants.tenants()?;
        service.set_tenants(tenants.clone());
        Ok(Self {
            service,
            http: bind(&config.http_listen_addr).await?,
            grpc: bind(&config.otlp_grpc_listen_addr).await?,
            grpc_tls: config.otlp_grpc_tls.server(&config.http.tls)?,
            quotas: tenants.map(Quotas::new),
        })
    }

    /// Serves the receiver's paths beside `routes`.
    async fn serve(&mut self, routes: Router, receiver: &Arc<Receiver>) -> Result<(), SetupError> {
        let routes = routes.merge(receiver.http_router());
        let insert = Needs::of(vtinsert::NEEDS);
        let service = &mut self.service;
        service.serve(self.http.take(), routes, insert.clone().and(vtselect::NEEDS))?;
        let routes = receiver.grpc_routes(service.lifecycle()).await.into_axum_router();
        service.serve_bare("otlp-grpc", self.grpc.take(), self.grpc_tls.take(), routes, insert)?;
        Ok(())
    }
}

/// Recovery may take a while, and blocks.
async fn open_engine(config: StorageConfig) -> Result<Arc<Engine>, RunError> {
    let opened = tokio::task::spawn_blocking(|| Engine::open(config))
        .await
        .map_err(|error| SetupError::Io(error.into()))?;
    Ok(opened?)
}
