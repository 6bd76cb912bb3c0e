//! The flags of `vtsingle`: those of its parts, and where it listens.

use clap::{Args, Command};
use common::config::ListenAddr;
use common::http::HttpConfig;
use common::telemetry::LoggerConfig;
use common::tenancy::TenantConfig;
use common::tls::OtlpGrpcTlsConfig;
use vtinsert::InsertConfig;
use vtselect::SelectConfig;
use vtstorage::StorageConfig;
use vtstorage::node::snapshots::SnapshotConfig;

/// All flags of the single node.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct SingleConfig {
    /// Address of the HTTP server, which takes spans and answers queries; :port means all interfaces
    #[arg(long = "httpListenAddr", default_value = ":10428", value_name = "ADDR")]
    pub http_listen_addr: ListenAddr,
    /// Address of the OTLP/gRPC receiver; empty switches it off
    #[arg(
        long = "otlpGRPCListenAddr",
        default_value = ":4317",
        value_name = "ADDR",
        help_heading = "Insert"
    )]
    pub otlp_grpc_listen_addr: ListenAddr,
    #[command(flatten, next_help_heading = "Insert")]
    pub otlp_grpc_tls: OtlpGrpcTlsConfig,
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub insert: InsertConfig,
    #[command(flatten, next_help_heading = "Storage")]
    pub storage: StorageConfig,
    #[command(flatten, next_help_heading = "Storage")]
    pub snapshots: SnapshotConfig,
    #[command(flatten, next_help_heading = "Queries")]
    pub select: SelectConfig,
    #[command(flatten, next_help_heading = "Tenants")]
    pub tenants: TenantConfig,
    #[command(flatten)]
    pub logger: LoggerConfig,
}

/// The program without its flags.
pub fn command() -> Command {
    Command::new("vtsingle")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Trace backend in one process: takes OTLP, keeps spans on disk, answers the Jaeger API")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_flags_do_not_clash() {
        SingleConfig::augment_args(command()).debug_assert();
    }
}
