//! The program `vtinsert`: watches the cluster, hands a sink over it to the receivers, serves them, and ends in order.
//! Composition only: it has no logic of its own.

mod config;

pub use config::{InsertNodeConfig, command};

use crate::cluster::ReplicatedSink;
use crate::config::TimeWindow;
use crate::otlp::NEEDS;
use crate::receiver::Receiver;
use common::access::Needs;
use common::cluster::ClusterView;
use common::config::EffectiveFlags;
use common::http::bind;
use common::process::{FrontNode, SetupError};
use common::telemetry::Metrics;
use common::tenancy::Quotas;
use std::sync::Arc;
use std::time::Duration;

/// Runs until SIGTERM or SIGINT; then requests under way are answered. It is healthy once it knows the cluster.
///
/// # Errors
/// When a socket cannot be bound, a file cannot be read, or no storage node is given.
pub async fn run(config: InsertNodeConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), SetupError> {
    let http = bind(&config.http_listen_addr).await?;
    let grpc = bind(&config.otlp_grpc_listen_addr).await?;
    let grpc_tls = config.otlp_grpc_tls.server(&config.http.tls)?;
    let mut node = FrontNode::start(config.storage_nodes, &config.secret, &config.http, flags, metrics)?;
    let sink = Arc::new(ReplicatedSink::new(node.view(), &config.replication));
    let window = window(node.view(), config.future_retention.into());
    let tenants = config.tenants.tenants()?;
    node.service.set_tenants(tenants.clone());
    let receiver = Receiver::with_window(config.insert, window, sink, tenants.map(Quotas::new));
    let grpc_routes = receiver.grpc_routes(node.service.lifecycle()).await.into_axum_router();
    let routes = receiver.http_router().merge(grpc_routes.clone());
    let needs = Needs::of(NEEDS);
    node.service.serve(http, routes, needs.clone())?;
    node.service
        .serve_bare("otlp-grpc", grpc, grpc_tls, grpc_routes, needs)?;
    node.run().await;
    Ok(())
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
