//! The flags of `vtstorage`: those of its parts, and where it listens.

use super::snapshots::SnapshotConfig;
use crate::cluster::ClusterConfig;
use crate::engine::store::StorageConfig;
use crate::hints::HintConfig;
use crate::server::ServerConfig;
use crate::transfer::TransferConfig;
use clap::{Args, Command};
use common::config::ListenAddr;
use common::http::HttpConfig;
use common::rpc::SecretConfig;
use common::telemetry::LoggerConfig;
use common::tls::InternalTlsConfig;

/// All flags of a storage node.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct StorageNodeConfig {
    /// Address of the server for HTTP and gRPC, which other nodes call; :port means all interfaces
    #[arg(long = "httpListenAddr", default_value = ":10491", value_name = "ADDR")]
    pub http_listen_addr: ListenAddr,
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub cluster: ClusterConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub secret: SecretConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub internal_tls: InternalTlsConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub hints: HintConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub transfers: TransferConfig,
    #[command(flatten, next_help_heading = "Storage")]
    pub storage: StorageConfig,
    #[command(flatten, next_help_heading = "Storage")]
    pub snapshots: SnapshotConfig,
    #[command(flatten, next_help_heading = "Storage")]
    pub server: ServerConfig,
    #[command(flatten)]
    pub logger: LoggerConfig,
}

/// The program without its flags.
pub fn command() -> Command {
    Command::new("vtstorage")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Storage node of a trace backend: keeps spans on disk, in a cluster of such nodes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_flags_do_not_clash() {
        StorageNodeConfig::augment_args(command()).debug_assert();
    }
}
