//! The network between nodes in one process, which can be cut.

use crate::cluster::{
    ConsensusMessage, Forwarded, Introduction, Joined, LeaseReply, LeaseRequest, Peer, PeerError, Peers,
};
use async_trait::async_trait;
use common::cluster::{Command, NewMember, NodeId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Default)]
struct Wires {
    nodes: BTreeMap<String, Arc<dyn Peer>>,
    cut: BTreeSet<(String, String)>,
}

/// The network in memory.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<Wires>>);

impl Net {
    pub(super) fn plug(&self, addr: &str, peer: Arc<dyn Peer>) {
        self.0.lock().nodes.insert(addr.to_owned(), peer);
    }

    pub(super) fn unplug(&self, addr: &str) {
        self.0.lock().nodes.remove(addr);
    }

    /// Cuts all wires between a node and the others, or mends them.
    pub(super) fn isolate(&self, addr: &str, cut: bool) {
        let mut wires = self.0.lock();
        let others: Vec<String> = wires.nodes.keys().filter(|other| *other != addr).cloned().collect();
        for other in others {
            for wire in [(addr.to_owned(), other.clone()), (other, addr.to_owned())] {
                match cut {
                    true => wires.cut.insert(wire),
                    false => wires.cut.remove(&wire),
                };
            }
        }
    }

    fn reach(&self, from: &str, to: &str) -> Result<Arc<dyn Peer>, PeerError> {
        let wires = self.0.lock();
        let cut = wires.cut.contains(&(from.to_owned(), to.to_owned()));
        let node = wires.nodes.get(to).filter(|_| !cut);
        node.cloned().ok_or_else(|| PeerError::Unreachable(to.to_owned()))
    }
}

/// The network as one node sees it.
pub(super) struct From {
    pub(super) net: Net,
    pub(super) from: String,
}

struct Wire {
    net: Net,
    from: String,
    to: String,
}

impl Peers for From {
    fn at(&self, addr: &str) -> Arc<dyn Peer> {
        Arc::new(Wire {
            net: self.net.clone(),
            from: self.from.clone(),
            to: addr.to_owned(),
        })
    }
}

macro_rules! passed_on {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Peer for Wire {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$answer, PeerError> {
                let answer = self.net.reach(&self.from, &self.to)?.$name($($arg),*).await;
                self.net.reach(&self.to, &self.from)?;
                answer
            })*
        }
    };
}
passed_on! {
    introduce() -> Introduction;
    consensus(message: ConsensusMessage) -> Vec<u8>;
    lease(request: LeaseRequest) -> LeaseReply;
    forward(command: Command) -> Forwarded;
    join(member: NewMember) -> Joined;
    hints_for(target: NodeId) -> u64;
    confirm_no_hints(target: NodeId, generation: u64, version: u64) -> bool;
}
