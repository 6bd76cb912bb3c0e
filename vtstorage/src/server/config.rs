//! The flags of the server.

use clap::Args;
use common::config::ByteSize;

/// How much other nodes may ask for at a time.
#[derive(Args, Clone, PartialEq, Debug)]
pub struct ServerConfig {
    /// How many queries of other nodes run at a time; more are refused. 0 means 64 for each CPU.
    #[arg(long = "storage.maxConcurrentQueries", default_value_t = 0)]
    pub storage_max_concurrent_queries: usize,

    /// The memory that one query of another node may hold, where it does not ask for less itself.
    #[arg(long = "storage.maxMemoryPerQuery", default_value = "512MiB")]
    pub storage_max_memory_per_query: ByteSize,

    /// Bytes of writes of other nodes that are taken at a time; more are refused with a delay.
    #[arg(long = "storage.maxWriteBytesInFlight", default_value = "256MiB")]
    pub storage_max_write_bytes_in_flight: ByteSize,
}

impl ServerConfig {
    /// `--storage.maxConcurrentQueries`, or by CPUs.
    pub(super) fn concurrent_queries(&self) -> usize {
        match self.storage_max_concurrent_queries {
            0 => 64 * std::thread::available_parallelism().map_or(2, |n| n.get()),
            most => most,
        }
    }
}

impl Default for ServerConfig {
    /// Each flag's default.
    fn default() -> Self {
        Self {
            storage_max_concurrent_queries: 0,
            storage_max_memory_per_query: ByteSize::mib(512),
            storage_max_write_bytes_in_flight: ByteSize::mib(256),
        }
    }
}
