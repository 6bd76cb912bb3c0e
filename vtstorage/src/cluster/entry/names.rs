//! Addresses behind names.

use async_trait::async_trait;

/// Turns `host:port` into addresses.
#[async_trait]
pub trait Names: Send + Sync + 'static {
    /// All addresses of a name, as `ip:port`; none if it is not known now.
    async fn resolve(&self, peer: &str) -> Vec<String>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn resolve(&self, peer: &str) -> Vec<String> {
        match tokio::net::lookup_host(peer).await {
            Ok(found) => found.map(|addr| addr.to_string()).collect(),
            Err(error) => {
                tracing::debug!(%error, peer, "the name of a peer is not known");
                Vec::new()
            }
        }
    }
}
