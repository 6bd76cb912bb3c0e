//! The flags of `vtselect`: those of its parts, and where it listens.

use crate::config::SelectConfig;
use clap::{Args, Command};
use common::config::ListenAddr;
use common::http::HttpConfig;
use common::rpc::{SecretConfig, StorageNodesConfig};
use common::telemetry::LoggerConfig;
use common::tenancy::TenantConfig;

/// All flags of a select node.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct SelectNodeConfig {
    /// Address of the HTTP server, which answers queries; :port means all interfaces
    #[arg(long = "httpListenAddr", default_value = ":10471", value_name = "ADDR")]
    pub http_listen_addr: ListenAddr,
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub storage_nodes: StorageNodesConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub secret: SecretConfig,
    #[command(flatten, next_help_heading = "Queries")]
    pub select: SelectConfig,
    #[command(flatten, next_help_heading = "Tenants")]
    pub tenants: TenantConfig,
    #[command(flatten)]
    pub logger: LoggerConfig,
}

/// The program without its flags.
pub fn command() -> Command {
    Command::new("vtselect")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Select node of a trace backend: answers the Jaeger API and LogsQL from the storage nodes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_flags_do_not_clash() {
        SelectNodeConfig::augment_args(command()).debug_assert();
    }
}
