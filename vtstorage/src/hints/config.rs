//! Flags of hints.

use common::config::ByteSize;

/// Flags of a storage node in a cluster, about writes that other nodes missed.
#[derive(Clone, Debug, clap::Args)]
pub struct HintConfig {
    /// How much the writes may take that this node keeps for nodes that are away. Beyond it clients are told to wait.
    #[arg(long = "cluster.maxHintBytes", default_value = "8GiB")]
    pub cluster_max_hint_bytes: ByteSize,

    /// How much of them is sent per second, compressed, to nodes that are back.
    #[arg(long = "cluster.hintBytesPerSecond", default_value = "32MiB")]
    pub cluster_hint_bytes_per_second: ByteSize,
}
