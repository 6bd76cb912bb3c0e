//! Flags of transfers.

use crate::cluster::MoveConfig;
use common::cluster::MoveLimits;
use common::config::{ByteSize, Period};

/// Flags of a storage node about spans that are moved between nodes.
#[derive(Clone, Debug, clap::Args)]
pub struct TransferConfig {
    /// How much this node fetches of other nodes per second, compressed, while it becomes a replica of what they hold; 0
    /// is as fast as it goes
    #[arg(long = "cluster.transferBytesPerSecond", default_value = "16MiB")]
    pub cluster_transfer_bytes_per_second: ByteSize,

    /// How many transfers one node sends, and how many it takes, at a time
    #[arg(long = "cluster.transfersPerNode", default_value_t = 1, value_name = "TRANSFERS")]
    pub cluster_transfers_per_node: usize,

    /// How many slots are moved in one transfer
    #[arg(long = "cluster.transferSlots", default_value_t = 64, value_name = "SLOTS")]
    pub cluster_transfer_slots: usize,

    /// A node that is away for longer is replaced by others; 0 means never
    #[arg(long = "cluster.repairAfter", default_value = "15m")]
    pub cluster_repair_after: Period,

    /// How long spans are still taken under a placement after the next one has begun. Twice --write.timeout of the
    /// insert nodes, so that what began under it can end under it
    #[arg(long = "cluster.epochGrace", default_value = "20s")]
    pub cluster_epoch_grace: Period,
}

impl TransferConfig {
    /// What the leader goes by.
    pub fn moves(&self) -> MoveConfig {
        let repair_after = self.cluster_repair_after.as_duration();
        MoveConfig {
            limits: MoveLimits {
                per_node: self.cluster_transfers_per_node.max(1),
                slots: self.cluster_transfer_slots.max(1),
            },
            grace: self.cluster_epoch_grace.as_duration(),
            repair_after: Some(repair_after).filter(|after| !after.is_zero()),
        }
    }
}
