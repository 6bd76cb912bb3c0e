//! Programs that hold no spans themselves and reach them in a cluster of storage nodes.

use super::{Service, SetupError};
use crate::config::EffectiveFlags;
use crate::http::{HttpConfig, Lifecycle, Phase};
use crate::rpc::{RemoteView, SecretConfig, StorageNodesConfig};
use crate::telemetry::Metrics;
use std::sync::Arc;

/// A program in front of a cluster. It is healthy once it knows the cluster.
pub struct FrontNode {
    pub service: Service,
    view: Arc<RemoteView>,
}

impl FrontNode {
    /// Begins to watch the cluster. To be called within a runtime.
    ///
    /// # Errors
    /// When no storage node is given, or the secret or a file of TLS cannot be read.
    pub fn start(
        storage: StorageNodesConfig,
        secret: &SecretConfig,
        http: &HttpConfig,
        flags: EffectiveFlags,
        metrics: Metrics,
    ) -> Result<Self, SetupError> {
        let service = Service::new(http, http.tls.server(None)?, Lifecycle::starting(), flags, metrics)?;
        if storage.storage_node.is_empty() {
            return Err(SetupError::NoStorageNode);
        }
        let credentials = secret.credentials()?.with_tls(storage.tls.client()?);
        let view = RemoteView::start(storage.storage_node, credentials);
        Ok(Self { service, view })
    }

    /// The cluster as it is known.
    pub fn view(&self) -> Arc<RemoteView> {
        self.view.clone()
    }

    /// Runs until SIGTERM or SIGINT; then requests under way are answered. To be called when the servers are started.
    pub async fn run(mut self) {
        let known = serve_once_known(self.view.clone(), self.service.lifecycle().clone());
        let ready = tokio::spawn(known);
        self.service.signalled().await;
        self.service.end().await;
        ready.abort();
        tracing::info!("stopped");
    }
}

async fn serve_once_known(view: Arc<RemoteView>, lifecycle: Lifecycle) {
    if let Some(state) = view.first().await {
        lifecycle.enter(Phase::Serving);
        tracing::info!(cluster = %state.cluster, nodes = state.members.len(), "ready to serve");
    }
}
