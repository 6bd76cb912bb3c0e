//! The flags of `vtinsert`: those of its parts, and where it listens.

use crate::cluster::ReplicationConfig;
use crate::config::InsertConfig;
use clap::{Args, Command};
use common::config::{ListenAddr, Period};
use common::http::HttpConfig;
use common::rpc::{SecretConfig, StorageNodesConfig};
use common::telemetry::LoggerConfig;
use common::tenancy::TenantConfig;
use common::tls::OtlpGrpcTlsConfig;

/// All flags of an insert node.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct InsertNodeConfig {
    /// Address of the server, which takes spans over HTTP and gRPC; :port means all interfaces
    #[arg(long = "httpListenAddr", default_value = ":10481", value_name = "ADDR")]
    pub http_listen_addr: ListenAddr,
    /// Address of another OTLP/gRPC receiver, such as :4317; empty for none
    #[arg(
        long = "otlpGRPCListenAddr",
        default_value = "",
        value_name = "ADDR",
        help_heading = "Insert"
    )]
    pub otlp_grpc_listen_addr: ListenAddr,
    #[command(flatten, next_help_heading = "Insert")]
    pub otlp_grpc_tls: OtlpGrpcTlsConfig,
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub storage_nodes: StorageNodesConfig,
    #[command(flatten, next_help_heading = "Cluster")]
    pub secret: SecretConfig,
    #[command(flatten)]
    pub insert: InsertConfig,
    /// How far in the future spans may start; later ones are rejected
    #[arg(
        long = "futureRetention",
        default_value = "2d",
        value_name = "PERIOD",
        help_heading = "Insert"
    )]
    pub future_retention: Period,
    #[command(flatten)]
    pub replication: ReplicationConfig,
    #[command(flatten, next_help_heading = "Tenants")]
    pub tenants: TenantConfig,
    #[command(flatten)]
    pub logger: LoggerConfig,
}

/// The program without its flags.
pub fn command() -> Command {
    Command::new("vtinsert")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Insert node of a trace backend: takes OTLP and writes it to the storage nodes, with replicas")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_flags_do_not_clash() {
        InsertNodeConfig::augment_args(command()).debug_assert();
    }
}
