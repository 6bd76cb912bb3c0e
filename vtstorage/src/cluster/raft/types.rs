//! The types that the consensus library is used with.

use common::cluster::Command;
use openraft::BasicNode;
use std::io::Cursor;

openraft::declare_raft_types!(
    /// The cluster's metadata: commands in, replies out. Node ids are those of [`common::cluster::NodeId`].
    pub(crate) TypeConfig:
        D = Command,
        R = super::Reply,
        NodeId = u64,
        Node = BasicNode,
        SnapshotData = Cursor<Vec<u8>>,
);

pub(super) type Entry = openraft::Entry<TypeConfig>;
pub(super) type LogId = openraft::LogId<u64>;
pub(super) type Vote = openraft::Vote<u64>;
pub(super) type StorageError = openraft::StorageError<u64>;
pub(super) type StorageIoError = openraft::StorageIOError<u64>;
pub(super) type StoredMembership = openraft::StoredMembership<u64, BasicNode>;
pub(super) type SnapshotMeta = openraft::SnapshotMeta<u64, BasicNode>;
pub(super) type Snapshot = openraft::Snapshot<TypeConfig>;
pub(super) type Raft = openraft::Raft<TypeConfig>;
