//! The metadata of a node that was restored from a snapshot: all nodes of the backup go on together, as another cluster
//! than the one that they were, which may still run.

use super::disk::{Batch, MetaDisk};
use super::{identity, raft};
use common::cluster::ClusterId;
use std::io;

/// Moves the node on `disk` from its cluster into the one that is restored from the backup `name`; all of its nodes come
/// to the same id by themselves. Returns both ids. To be done before the node starts; it is done whole or not at all.
///
/// # Errors
/// When the disk fails, or the node was in no cluster.
pub async fn enter_restored(disk: &dyn MetaDisk, name: &str) -> io::Result<(ClusterId, ClusterId)> {
    let mut batch = Batch::default();
    let old = identity::cluster_on(disk)?.ok_or_else(|| io::Error::other("the node was in no cluster"))?;
    let new = restored(old, name);
    identity::put_cluster(disk, new, &mut batch)?;
    raft::put_cluster(disk, new, &mut batch)?;
    disk.commit(batch).await?;
    Ok((old, new))
}

/// The id of the cluster that a backup of another becomes.
fn restored(cluster: ClusterId, name: &str) -> ClusterId {
    let id = xxhash_rust::xxh3::xxh3_128(format!("{cluster}/{name}").as_bytes());
    ClusterId(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::disk::{Family, MemoryDisk};
    use crate::cluster::identity::Identity;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_node_comes_into_another_cluster_and_stays_who_it_is() {
        let disk = Arc::new(MemoryDisk::default());
        let before = Identity::open(disk.clone()).await.unwrap();
        assert!(
            enter_restored(&*disk, "monday").await.is_err(),
            "it is in no cluster yet"
        );
        before.enter(ClusterId(7), None).await.unwrap();
        let (old, new) = enter_restored(&*disk, "monday").await.unwrap();
        assert_eq!(old, ClusterId(7));
        let after = Identity::open(disk.clone()).await.unwrap();
        assert_eq!((after.node(), after.cluster()), (before.node(), Some(new)));
        assert!(disk.load(Family::Log).unwrap().is_empty());
    }

    #[test]
    fn all_nodes_of_a_backup_come_to_the_same_cluster() {
        let name = |cluster: u128, name: &str| restored(ClusterId(cluster), name);
        assert_eq!(name(1, "a"), name(1, "a"));
        assert!(name(1, "a") != name(1, "b") && name(1, "a") != name(2, "a") && name(1, "a") != ClusterId(1));
    }
}
