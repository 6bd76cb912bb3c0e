//! What the consensus keeps, made that of another cluster with the same members.

use super::log::{PURGED, decode, encode, entry_key};
use super::machine::{APPLIED, Applied, STATE};
use crate::cluster::disk::{Batch, Family, MetaDisk};
use common::cluster::{ClusterId, ClusterState};
use std::io;

/// Has the state on `disk` be that of `cluster`, and forgets the log that led to it: whoever joins later would make the old
/// cluster of it.
///
/// # Errors
/// When the disk fails, or holds something else.
pub(crate) fn put_cluster(disk: &dyn MetaDisk, cluster: ClusterId, batch: &mut Batch) -> io::Result<()> {
    for (key, value) in disk.load(Family::State)? {
        match key.as_slice() {
            STATE => {
                let state: Option<ClusterState> = decode(&value)?;
                let state = state.map(|state| ClusterState { cluster, ..state });
                batch.put(Family::State, STATE, encode(&state)?);
            }
            APPLIED => {
                let applied: Applied = decode(&value)?;
                if let Some(last) = applied.last {
                    batch.delete_range(Family::Log, entry_key(0), entry_key(last.index.saturating_add(1)));
                    batch.put(Family::Log, PURGED, encode(&last)?);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
