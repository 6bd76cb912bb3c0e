//! What a node knows of itself, and keeps: its id, and the cluster that it belongs to.

use super::disk::{self, Batch, Family, MetaDisk};
use common::cluster::{ClusterId, NewMember, NodeId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

const RECORD: &[u8] = b"node";
const FORMAT: u32 = 1;

/// The node's record, JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    format: u32,
    node: NodeId,
    cluster: Option<ClusterId>,
    /// The members of the cluster that this node makes, or has made
    #[serde(default)]
    founding: Option<Vec<NewMember>>,
}

impl Record {
    fn new(node: NodeId) -> Self {
        Self {
            format: FORMAT,
            node,
            cluster: None,
            founding: None,
        }
    }
}

/// Who this node is. A node belongs to one cluster for ever.
pub(crate) struct Identity {
    disk: Arc<dyn MetaDisk>,
    id: NodeId,
    record: Mutex<Record>,
}

impl Identity {
    /// Reads it, or draws a new node id.
    ///
    /// # Errors
    /// When the disk fails or holds something else, or the system has no random numbers.
    pub(crate) async fn open(disk: Arc<dyn MetaDisk>) -> io::Result<Self> {
        let loaded = disk::reading(disk.clone(), |disk| read(&*disk)).await?;
        let record = match loaded {
            Some(record) => record,
            None => {
                let record = Record::new(NodeId(random()? as u64));
                write(&*disk, &record).await?;
                record
            }
        };
        Ok(Self {
            disk,
            id: record.node,
            record: Mutex::new(record),
        })
    }

    pub(crate) fn node(&self) -> NodeId {
        self.id
    }

    /// `None` until the node has come into a cluster.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.record.lock().cluster
    }

    /// The members of the cluster that this node makes, or has made.
    pub(crate) fn founding(&self) -> Option<Vec<NewMember>> {
        self.record.lock().founding.clone()
    }

    /// The node belongs to this cluster from now on; `founding`: it makes it, with these members.
    ///
    /// # Errors
    /// When it belongs to another one, or the disk fails.
    pub(crate) async fn enter(&self, cluster: ClusterId, founding: Option<Vec<NewMember>>) -> io::Result<()> {
        let record = {
            let record = self.record.lock();
            match record.cluster {
                Some(own) if own == cluster => return Ok(()),
                Some(own) => return Err(foreign(own, cluster)),
                None => Record {
                    cluster: Some(cluster),
                    founding,
                    ..record.clone()
                },
            }
        };
        write(&*self.disk, &record).await?;
        *self.record.lock() = record;
        Ok(())
    }
}

fn foreign(own: ClusterId, other: ClusterId) -> io::Error {
    io::Error::other(format!("the data belongs to cluster {own}, not to {other}"))
}

/// 128 random bits.
pub(crate) fn random() -> io::Result<u128> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u128::from_be_bytes(bytes))
}

fn read(disk: &dyn MetaDisk) -> io::Result<Option<Record>> {
    let records = disk.load(Family::Node)?;
    let Some((_, value)) = records.iter().find(|(key, _)| key == RECORD) else {
        return Ok(None);
    };
    let record: Record = serde_json::from_slice(value)?;
    match record.format {
        FORMAT => Ok(Some(record)),
        other => Err(io::Error::other(format!(
            "the node's record has format {other}; this program knows {FORMAT}"
        ))),
    }
}

async fn write(disk: &dyn MetaDisk, record: &Record) -> io::Result<()> {
    let mut batch = Batch::default();
    put(record, &mut batch)?;
    disk.commit(batch).await
}

fn put(record: &Record, batch: &mut Batch) -> io::Result<()> {
    batch.put(Family::Node, RECORD, serde_json::to_vec(record)?);
    Ok(())
}

/// The key and the value by which a node that is in no cluster yet has this id.
pub(super) fn first_record(node: NodeId) -> io::Result<(Vec<u8>, Vec<u8>)> {
    Ok((RECORD.to_vec(), serde_json::to_vec(&Record::new(node))?))
}

/// The cluster of the node on `disk`.
pub(super) fn cluster_on(disk: &dyn MetaDisk) -> io::Result<Option<ClusterId>> {
    Ok(read(disk)?.and_then(|record| record.cluster))
}

/// Has the node on `disk` belong to `cluster`, whatever it belonged to.
pub(super) fn put_cluster(disk: &dyn MetaDisk, cluster: ClusterId, batch: &mut Batch) -> io::Result<()> {
    let record = read(disk)?.ok_or_else(|| io::Error::other("there is no record of the node"))?;
    let record = Record {
        cluster: Some(cluster),
        founding: None,
        ..record
    };
    put(&record, batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::disk::MemoryDisk;

    #[tokio::test]
    async fn a_node_stays_who_it_is() {
        let disk = Arc::new(MemoryDisk::default());
        let first = Identity::open(disk.clone()).await.unwrap();
        assert_eq!(first.cluster(), None);
        first.enter(ClusterId(7), None).await.unwrap();
        let again = Identity::open(disk).await.unwrap();
        assert_eq!((again.node(), again.cluster()), (first.node(), Some(ClusterId(7))));
        let other = Identity::open(Arc::new(MemoryDisk::default())).await.unwrap();
        assert_ne!(other.node(), first.node());
    }

    #[tokio::test]
    async fn a_node_belongs_to_one_cluster() {
        let node = Identity::open(Arc::new(MemoryDisk::default())).await.unwrap();
        node.enter(ClusterId(7), None).await.unwrap();
        node.enter(ClusterId(7), None).await.unwrap();
        assert!(node.enter(ClusterId(8), None).await.is_err());
        assert_eq!(node.cluster(), Some(ClusterId(7)));
    }
}
