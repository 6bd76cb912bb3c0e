//! The cluster as insert and select hosts see it: the newest state that any storage node has told.

use super::wire::{Callee, Wire};
use common::cluster::{ClusterState, ClusterView, NodeId, StorageNode};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// How long one node is watched before the next one is.
const TURN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

pub struct View {
    wire: Wire,
    addrs: Vec<String>,
    state: watch::Sender<Option<Arc<ClusterState>>>,
    wake: Notify,
}

impl View {
    /// Begins to watch. To be called on the host that it is for.
    pub fn start(wire: Wire, addrs: Vec<String>) -> Arc<Self> {
        let view = Arc::new(Self {
            wire,
            addrs,
            state: watch::Sender::new(None),
            wake: Notify::new(),
        });
        tokio::spawn(view.clone().watch());
        view
    }

    /// Waits for a first state.
    pub async fn first(&self) {
        let known = self.state.subscribe().wait_for(Option::is_some).await.map(drop);
        known.expect("the view is still there");
    }

    async fn watch(self: Arc<Self>) {
        for addr in self.addrs.iter().cycle() {
            tokio::select! {
                () = self.ask(addr, TURN) => {}
                () = self.wake.notified() => {
                    join_all(self.addrs.iter().map(|addr| self.ask(addr, Duration::ZERO))).await;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Takes the state of a node if that is newer, or gets newer within a time.
    async fn ask(&self, addr: &str, within: Duration) {
        let known = self.version();
        if let Ok(Some(state)) = self.wire.call(addr, move |callee| newer(callee, known, within)).await {
            self.state.send_if_modified(|own| {
                let is_newer = own.as_ref().is_none_or(|own| own.version < state.version);
                if is_newer {
                    *own = Some(state);
                }
                is_newer
            });
        }
    }

    fn version(&self) -> u64 {
        self.state.borrow().as_ref().map_or(0, |state| state.version)
    }
}

async fn newer(callee: Arc<Callee>, known: u64, within: Duration) -> Option<Arc<ClusterState>> {
    callee.cluster.wait_version(known + 1, within).await;
    callee.cluster.state().filter(|state| state.version > known)
}

impl ClusterView for View {
    fn state(&self) -> Option<Arc<ClusterState>> {
        self.state.borrow().clone()
    }

    fn node(&self, id: NodeId) -> Option<Arc<dyn StorageNode>> {
        let state = self.state()?;
        Some(self.wire.to(&state.member(id)?.addr))
    }

    fn refresh(&self, version: u64) {
        if self.version() <= version {
            self.wake.notify_one();
        }
    }
}
