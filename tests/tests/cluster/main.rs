//! Faults of a cluster of real processes, under load: a module for each, named after the fault. In all of them no export
//! fails beyond one retry, no read is short without saying so, and afterwards everything is there once.

mod cut_network;
mod damaged_files;
mod drained;
mod grown_from_one;
mod joined;
mod killed_front_nodes;
mod killed_in_transfer;
mod killed_leader;
mod killed_storage_node;
mod lost_disk;
mod replication_factor;
mod rolling_restart;
mod under_load;
