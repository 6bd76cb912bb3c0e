//! What insert and select nodes ask of storage nodes. A remote client implements it over the network, the node's own
//! server in its process, and tests over memory.

use super::{ClusterState, NodeId, SlotSet};
use crate::contract::{QueryContext, QueryError, WriteError};
use crate::ids::{Epoch, RequestId, TenantId};
use crate::query::{Answer, Plan};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use std::sync::Arc;

/// The part of one client request in a [`ReplicaWrite`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestPart {
    /// Of the client's request. A slot of a request is stored once.
    pub id: RequestId,
    /// Slots of the spans in this part
    pub slots: SlotSet,
    /// Its share of the message's bytes, in the order of the parts
    pub bytes: u32,
}

/// Spans of one tenant for one node, cut from one or more client requests and put into one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaWrite {
    pub tenant: TenantId,
    /// The placement epoch that the spans were placed under
    pub epoch: Epoch,
    pub parts: Vec<RequestPart>,
    /// Bytes of the message, not compressed: the sum over the parts
    pub length: u32,
    /// OTLP `TracesData` messages, one for each part, one after the other (which is one `TracesData` again), compressed
    /// as one zstd frame, or several that follow each other; raw where `compressed` is false
    pub payload: Bytes,
    pub compressed: bool,
}

/// Some epochs of some slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopeRange {
    /// First and last epoch, both included
    pub epochs: (Epoch, Epoch),
    pub slots: SlotSet,
}

/// Which of its spans a node shall look at: those in any of the ranges, which do not overlap.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// The cluster's number of slots
    pub slots: u16,
    pub ranges: Vec<ScopeRange>,
}

/// A query to one node.
#[derive(Clone, Debug)]
pub struct NodeQuery {
    pub plan: Plan,
    /// Version of the cluster state that the scope was made from. A node that is behind waits for it, or refuses.
    pub version: u64,
    /// For [`crate::query::Shape::Catalogue`] of no meaning: a node's catalogue is not cut by slots
    pub scope: Scope,
}

/// What a node sends back, in order: any number of parts, then the end.
#[derive(Clone, PartialEq, Debug)]
pub enum NodePart {
    Part(Answer),
    /// A part as [`crate::wire::decode_answer`] reads it
    Encoded(Vec<u8>),
    /// The last: everything in scope was looked at. `in_sync`: when the node began, it had no mark, held a read lease, and
    /// nothing in scope was damaged; otherwise what it sent may be short.
    End {
        in_sync: bool,
    },
}

/// A node's answer. A stream that ends without [`NodePart::End`] is broken: nothing of it may be used.
pub type NodeAnswers = BoxStream<'static, Result<NodePart, QueryError>>;

/// A storage node, seen from outside.
#[async_trait]
pub trait StorageNode: Send + Sync + 'static {
    /// Stores spans durably. Idempotent by (request, slot).
    ///
    /// # Errors
    /// [`WriteError::StaleEpoch`] where the epoch is closed; [`WriteError::Overloaded`] and [`WriteError::ReadOnly`] are
    /// back-pressure; anything else means that it is not known whether the spans are stored.
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError>;

    /// Keeps spans durably for `target`, which missed them, until that node takes them. Refused unless the node still
    /// bears the mark of `generation` and that is not closing.
    async fn hint(&self, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError>;

    /// Marks `target` as out of sync, by consensus; any node passes the call on to the leader. Returns the generation of
    /// its mark.
    async fn mark(&self, target: NodeId) -> Result<u64, WriteError>;

    /// Starts a query. Dropping the answer cancels it.
    async fn query(&self, query: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError>;
}

/// The cluster as an insert or select node sees it: the last state it got, and its nodes.
pub trait ClusterView: Send + Sync + 'static {
    /// `None` until a first state has come.
    fn state(&self) -> Option<Arc<ClusterState>>;

    /// A member. The connection is made when it is first needed.
    fn node(&self, id: NodeId) -> Option<Arc<dyn StorageNode>>;

    /// Asks for a newer state than `version` soon: called when a node refused because of it.
    fn refresh(&self, version: u64);
}
