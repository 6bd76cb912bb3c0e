//! The flags of writing to a cluster.

use common::config::{ByteSize, Period};

/// How spans are written to storage nodes.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Replication")]
pub struct ReplicationConfig {
    /// How long a request may take to be stored by the cluster, marks and hints included, before the client is asked to try
    /// again
    #[arg(long = "write.timeout", default_value_t = TIMEOUT, value_name = "PERIOD")]
    pub write_timeout: Period,
    /// How long one storage node may take before it is given up for this write, and marked as out of sync
    #[arg(long = "write.replicaTimeout", default_value_t = REPLICA_TIMEOUT, value_name = "PERIOD")]
    pub write_replica_timeout: Period,
    /// Copies on different nodes that a span needs to be acknowledged while fewer nodes are in sync than the replication
    /// factor asks for
    #[arg(long = "write.minCopies", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..), value_name = "N")]
    pub write_min_copies: u8,
    /// How long a part of a request waits for others that go to the same storage nodes
    #[arg(long = "insert.coalesceDuration", default_value_t = COALESCE_DURATION, value_name = "PERIOD")]
    pub insert_coalesce_duration: Period,
    /// Size at which parts that wait are sent, before compression
    #[arg(long = "insert.coalesceBytes", default_value_t = COALESCE_BYTES, value_name = "SIZE")]
    pub insert_coalesce_bytes: ByteSize,
    /// Compressed bytes under way to one storage node; more wait
    #[arg(long = "insert.maxInflightBytesPerNode", default_value_t = INFLIGHT_BYTES, value_name = "SIZE")]
    pub insert_max_inflight_bytes_per_node: ByteSize,
}

const TIMEOUT: Period = Period::from_secs(10);
const REPLICA_TIMEOUT: Period = Period::from_secs(4);
const COALESCE_DURATION: Period = Period::from_millis(5);
const COALESCE_BYTES: ByteSize = ByteSize::kib(256);
const INFLIGHT_BYTES: ByteSize = ByteSize::mib(32);

impl Default for ReplicationConfig {
    /// What the flags are when none is given.
    fn default() -> Self {
        Self {
            write_timeout: TIMEOUT,
            write_replica_timeout: REPLICA_TIMEOUT,
            write_min_copies: 1,
            insert_coalesce_duration: COALESCE_DURATION,
            insert_coalesce_bytes: COALESCE_BYTES,
            insert_max_inflight_bytes_per_node: INFLIGHT_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[test]
    fn defaults_of_the_flags_and_of_the_type_agree() {
        let command = ReplicationConfig::augment_args(clap::Command::new("test").no_binary_name(true));
        let parsed = ReplicationConfig::from_arg_matches(&command.get_matches_from([""; 0])).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", ReplicationConfig::default()));
    }
}
