//! The other nodes, each with its one connection.

use super::credentials::Credentials;
use super::node::RemoteNode;
use crate::cluster::{ClusterState, Member, NodeId};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// Remote nodes by id. A connection lasts until the member has another address or is gone.
#[derive(Default)]
pub struct Nodes {
    credentials: Credentials,
    by_id: RwLock<HashMap<NodeId, Arc<RemoteNode>>>,
}

impl Nodes {
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            by_id: RwLock::default(),
        }
    }

    /// The node of a member; `None` if its address is none.
    pub fn of(&self, member: &Member) -> Option<Arc<RemoteNode>> {
        if let Some(node) = self.by_id.read().get(&member.id)
            && node.addr() == member.addr
        {
            return Some(node.clone());
        }
        let node = RemoteNode::new(&member.addr, self.credentials.clone()).ok()?;
        let node = Arc::new(node);
        self.by_id.write().insert(member.id, node.clone());
        Some(node)
    }

    /// Forgets nodes that are no members.
    pub fn keep_members(&self, state: &ClusterState) {
        self.by_id.write().retain(|id, _| state.members.contains_key(id));
    }
}
