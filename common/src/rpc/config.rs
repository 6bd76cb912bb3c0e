//! Flags about other nodes.

use super::credentials::{Credentials, Secret};
use crate::tls::StorageNodeTlsConfig;
use clap::Args;
use std::io;
use std::path::PathBuf;

/// Where the storage nodes are, for those that are none.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct StorageNodesConfig {
    /// Address of a storage node, as host:port; may be repeated or a list with commas, and a host name may stand for
    /// several nodes. One that can be reached is enough: it names the others
    #[arg(long = "storageNode", value_name = "ADDR", value_parser = address)]
    pub storage_node: Vec<String>,
    #[command(flatten)]
    pub tls: StorageNodeTlsConfig,
}

/// What the nodes of a cluster know of each other.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct SecretConfig {
    /// File with the cluster's shared secret, the same on all nodes; without it nodes trust whoever reaches them
    #[arg(long = "cluster.secretFile", value_name = "FILE")]
    pub cluster_secret_file: Option<PathBuf>,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the cluster's secret from {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the cluster's secret in {0:?} is empty")]
    Empty(PathBuf),
}

impl SecretConfig {
    /// Reads the secret; white space around it does not count.
    ///
    /// # Errors
    /// When the file cannot be read or holds nothing.
    pub fn credentials(&self) -> Result<Credentials, SecretError> {
        let Some(path) = &self.cluster_secret_file else {
            return Ok(Credentials::new(None));
        };
        let bytes = std::fs::read(path).map_err(|error| SecretError::Unreadable {
            path: path.clone(),
            error,
        })?;
        match Secret::new(bytes.trim_ascii()) {
            Some(secret) => Ok(Credentials::new(Some(secret))),
            None => Err(SecretError::Empty(path.clone())),
        }
    }
}

/// `host:port` with a port that is a number.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("expected an address such as host:10491 or [::1]:10491".to_owned()),
    }
}
