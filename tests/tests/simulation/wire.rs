//! Calls between hosts over the simulated network. Each call is a TCP connection of its own, so that calls overtake each
//! other. What goes over the connection is the ticket of the call and the word that it is done; the request and its answer
//! themselves are handed over in memory. A callee gives signs of life, as connections in production do: a caller that
//! hears nothing for a while gives up, and does not know what has become of its call.

use async_trait::async_trait;
use common::cluster::{
    Command, HintCount, NewMember, NodeAnswers, NodeId, NodePart, NodeQuery, PeerNode, Pull, Pulls, ReplicaWrite,
    StorageNode,
};
use common::contract::{QueryContext, QueryError, WriteError};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};
use vtstorage::cluster::{
    ClusterNode, ConsensusMessage, Forwarded, Introduction, Joined, LeaseReply, LeaseRequest, Peer, PeerError, Peers,
};
use vtstorage::node::LocalNode;

pub const PORT: u16 = 10_491;
const CONNECT: Duration = Duration::from_secs(1);
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(3);
const WORKING: u8 = 0;
const DONE: u8 = 1;

/// What a storage node answers with.
pub struct Callee {
    pub cluster: Arc<ClusterNode>,
    pub local: Arc<LocalNode>,
}

type Parcel = Box<dyn Any + Send>;
type Work = Box<dyn FnOnce(Arc<Callee>) -> BoxFuture<'static, Parcel> + Send>;

#[derive(Default)]
struct Table {
    tickets: u64,
    asked: BTreeMap<u64, Work>,
    answered: BTreeMap<u64, Parcel>,
}

/// The network, for all hosts.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Table>>);

impl Wire {
    /// Has `work` done by the node at an address.
    pub async fn call<T, F, Fut>(&self, addr: &str, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Callee>) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let mut stream = timeout(CONNECT, TcpStream::connect(addr)).await??;
        let work: Work = Box::new(move |callee| Box::pin(async move { Box::new(work(callee).await) as Parcel }));
        let ticket = {
            let mut table = self.0.lock();
            table.tickets += 1;
            let ticket = table.tickets;
            table.asked.insert(ticket, work);
            ticket
        };
        stream.write_u64(ticket).await?;
        while timeout(SILENCE, stream.read_u8()).await?? != DONE {}
        let parcel = self.0.lock().answered.remove(&ticket);
        let answer = parcel.and_then(|parcel| parcel.downcast().ok());
        Ok(*answer.expect("an answer to this call"))
    }

    /// Answers calls to this host.
    pub async fn serve(&self, callee: Arc<Callee>) -> io::Result<()> {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(self.clone().answer(callee.clone(), stream));
        }
    }

    /// What was asked is done to its end, even if nobody waits any more.
    async fn answer(self, callee: Arc<Callee>, mut stream: TcpStream) -> io::Result<()> {
        let ticket = stream.read_u64().await?;
        let Some(work) = self.0.lock().asked.remove(&ticket) else {
            return Ok(());
        };
        let mut working = tokio::spawn(work(callee));
        loop {
            tokio::select! {
                parcel = &mut working => {
                    self.0.lock().answered.insert(ticket, parcel?);
                    return stream.write_u8(DONE).await;
                }
                () = sleep(SIGN_OF_LIFE) => stream.write_u8(WORKING).await?,
            }
        }
    }

    pub fn to(&self, addr: &str) -> Arc<Line> {
        Arc::new(Line {
            wire: self.clone(),
            addr: addr.to_owned(),
        })
    }
}

impl Peers for Wire {
    fn at(&self, addr: &str) -> Arc<dyn Peer> {
        self.to(addr)
    }
}

/// The way to one node.
pub struct Line {
    wire: Wire,
    addr: String,
}

macro_rules! peer_calls {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Peer for Line {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$answer, PeerError> {
                let called = self.wire.call(&self.addr, move |callee| async move {
                    callee.cluster.peer().$name($($arg),*).await
                });
                called.await.unwrap_or_else(|error| Err(PeerError::Unreachable(error.to_string())))
            })*
        }
    };
}
peer_calls! {
    introduce() -> Introduction;
    consensus(message: ConsensusMessage) -> Vec<u8>;
    lease(request: LeaseRequest) -> LeaseReply;
    forward(command: Command) -> Forwarded;
    join(member: NewMember) -> Joined;
    hints_for(target: NodeId) -> u64;
    confirm_no_hints(target: NodeId, generation: u64, version: u64) -> bool;
}

macro_rules! node_calls {
    ($contract:ident: $($name:ident($($arg:ident: $type:ty),*) -> $answer:ty, $error:ident;)*) => {
        #[async_trait]
        impl $contract for Line {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$answer, $error> {
                let called = self.wire.call(&self.addr, move |callee| async move {
                    callee.$name($($arg),*).await
                });
                called.await.unwrap_or_else(|error| Err($error::Unavailable(error.to_string())))
            })*
        }
    };
}
node_calls! {
    StorageNode:
    write(write: ReplicaWrite) -> (), WriteError;
    hint(target: NodeId, generation: u64, write: ReplicaWrite) -> (), WriteError;
    mark(target: NodeId) -> u64, WriteError;
    query(query: NodeQuery, context: QueryContext) -> NodeAnswers, QueryError;
}
node_calls! {
    PeerNode:
    deliver(write: ReplicaWrite) -> (), WriteError;
    hints_for(target: NodeId) -> HintCount, WriteError;
    confirm_no_hints(target: NodeId, generation: u64, version: u64) -> bool, WriteError;
    pull(pull: Pull) -> Pulls, WriteError;
}

/// The node's answers; those of a query or a pull are gathered before they are sent.
impl Callee {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.local.write(write).await
    }

    async fn hint(&self, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError> {
        self.local.hint(target, generation, write).await
    }

    async fn mark(&self, target: NodeId) -> Result<u64, WriteError> {
        self.local.mark(target).await
    }

    async fn query(&self, query: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        let parts: Vec<Result<NodePart, QueryError>> = self.local.query(query, context).await?.collect().await;
        Ok(stream::iter(parts).boxed())
    }

    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.local.deliver(write).await
    }

    async fn hints_for(&self, target: NodeId) -> Result<HintCount, WriteError> {
        PeerNode::hints_for(&*self.local, target).await
    }

    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, WriteError> {
        PeerNode::confirm_no_hints(&*self.local, target, generation, version).await
    }

    async fn pull(&self, pull: Pull) -> Result<Pulls, WriteError> {
        let pulled: Vec<_> = self.local.pull(pull).await?.collect().await;
        Ok(stream::iter(pulled).boxed())
    }
}
