//! The program `vtselect`: watches the cluster, hands a source over it to the query APIs, serves them, and ends in order.
//! Composition only: it has no logic of its own.

mod config;

pub use config::{SelectNodeConfig, command};

use crate::query::cluster::ClusterSource;
use crate::router::{NEEDS, router_with_quotas};
use common::access::Needs;
use common::config::EffectiveFlags;
use common::http::bind;
use common::process::{FrontNode, SetupError};
use common::telemetry::Metrics;
use common::tenancy::Quotas;
use std::sync::Arc;

/// Runs until SIGTERM or SIGINT; then queries under way are answered. It is healthy once it knows the cluster.
///
/// # Errors
/// When a socket cannot be bound, a file cannot be read, or no storage node is given.
pub async fn run(config: SelectNodeConfig, flags: EffectiveFlags, metrics: Metrics) -> Result<(), SetupError> {
    let http = bind(&config.http_listen_addr).await?;
    let mut node = FrontNode::start(config.storage_nodes, &config.secret, &config.http, flags, metrics)?;
    let source = Arc::new(ClusterSource::new(node.view()));
    let tenants = config.tenants.tenants()?;
    node.service.set_tenants(tenants.clone());
    let routes = router_with_quotas(&config.select, source, tenants.map(Quotas::new));
    node.service.serve(http, routes, Needs::of(NEEDS))?;
    node.run().await;
    Ok(())
}
