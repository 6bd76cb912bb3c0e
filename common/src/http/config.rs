//! Flags of the HTTP server that all binaries share. The address to listen on is each binary's own.

use super::{ConnectionLimits, PathPrefix};
use crate::access::AccessConfig;
use crate::config::Period;
use crate::tls::TlsConfig;

/// How HTTP is served and how it ends.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct HttpConfig {
    /// What all HTTP paths begin with, such as /traces behind a proxy that passes it on; empty for none
    #[arg(long = "http.pathPrefix", default_value = "", value_name = "PATH")]
    pub http_path_prefix: PathPrefix,
    /// How long /health and /-/ready answer 503 before the server stops to accept connections, so that load balancers
    /// notice
    #[arg(long = "http.shutdownDelay", default_value = "0s", value_parser = Period::parse_seconds, value_name = "PERIOD")]
    pub http_shutdown_delay: Period,
    /// How long requests under way may take to finish when the server stops
    #[arg(
        long = "http.maxGracefulShutdownDuration",
        default_value = "7s",
        value_parser = Period::parse_seconds,
        value_name = "PERIOD"
    )]
    pub http_max_graceful_shutdown: Period,
    /// How long a connection may be silent between requests, and a request's headers may take to arrive
    #[arg(
        long = "http.idleConnTimeout",
        default_value = "1m",
        value_parser = Period::parse_seconds,
        value_name = "PERIOD"
    )]
    pub http_idle_conn_timeout: Period,
    /// How many connections a listener holds at a time; more are closed at once
    #[arg(long = "http.maxConnections", default_value_t = 10_000, value_name = "CONNECTIONS")]
    pub http_max_connections: u32,
    #[command(flatten)]
    pub tls: TlsConfig,
    #[command(flatten)]
    pub access: AccessConfig,
}

impl HttpConfig {
    /// What holds for each connection.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            idle_timeout: self.http_idle_conn_timeout.as_duration(),
            drain_timeout: self.http_max_graceful_shutdown.as_duration(),
            connections: self.http_max_connections,
        }
    }
}
