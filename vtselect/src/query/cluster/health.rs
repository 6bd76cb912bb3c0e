//! Which nodes are worth asking. A node that fails is left out of further queries until it has answered a probe, so that
//! no query waits for a node that others know to be dead.

use common::cluster::{ClusterView, NodeId, NodeQuery, Scope, StorageNode};
use common::contract::{QueryContext, QueryError};
use common::ids::TenantId;
use common::query::{CatalogueQuery, Plan};
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a probe may take, and how often one is sent.
const PROBE: Duration = Duration::from_secs(1);

/// What is thought of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Belief {
    Alive,
    /// It failed, and a probe is on its way
    Suspect,
    /// It answered no probe
    Dead,
}

/// The nodes that failed; all others are thought to be alive.
pub(super) struct Health {
    view: Arc<dyn ClusterView>,
    failed: Mutex<BTreeMap<NodeId, Belief>>,
}

impl Health {
    pub(super) fn new(view: Arc<dyn ClusterView>) -> Arc<Self> {
        Arc::new(Self {
            view,
            failed: Mutex::default(),
        })
    }

    pub(super) fn of(&self, id: NodeId) -> Belief {
        self.failed.lock().get(&id).copied().unwrap_or(Belief::Alive)
    }

    pub(super) fn is_alive(&self, id: NodeId) -> bool {
        self.of(id) == Belief::Alive
    }

    /// Notes that a node failed; it is probed in the background until it answers or is no member any more.
    pub(super) fn suspect(self: &Arc<Self>, id: NodeId) {
        if let Entry::Vacant(entry) = self.failed.lock().entry(id) {
            entry.insert(Belief::Suspect);
            tokio::spawn(watch(Arc::downgrade(self), id));
        }
    }

    /// Whether the node answers anything at all, soon.
    pub(super) async fn answers(&self, id: NodeId) -> bool {
        let Some(node) = self.view.node(id) else { return false };
        let asked = tokio::time::timeout(PROBE, probe(&*node)).await;
        match asked {
            Ok(Ok(())) => true,
            Ok(Err(error)) => !matches!(error, QueryError::Unavailable(_)),
            Err(_) => false,
        }
    }
}

/// Asks for nothing, as cheaply as possible.
async fn probe(node: &dyn StorageNode) -> Result<(), QueryError> {
    let query = NodeQuery {
        plan: Plan::catalogue(TenantId::default(), CatalogueQuery::Services),
        version: 0,
        scope: Scope::default(),
    };
    let mut answers = node.query(query, QueryContext::new(PROBE, 1 << 20)).await?;
    match answers.next().await {
        Some(first) => first.map(|_| ()),
        None => Err(QueryError::Unavailable("an answer without an end".into())),
    }
}

async fn watch(health: Weak<Health>, id: NodeId) {
    loop {
        let Some(health) = health.upgrade() else { return };
        let gone = health.view.state().is_some_and(|state| state.member(id).is_none());
        if gone || health.answers(id).await {
            health.failed.lock().remove(&id);
            return;
        }
        health.failed.lock().insert(id, Belief::Dead);
        drop(health);
        tokio::time::sleep(PROBE).await;
    }
}
