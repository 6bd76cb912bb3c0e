//! Named steps at which a test can stop the store, to see what recovery makes of it. Off unless armed; nothing global.

use crate::engine::error::StorageError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

macro_rules! failpoints {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// A step between two that persist something.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Failpoint {
            $($(#[$doc])* $point,)*
        }

        impl Failpoint {
            pub const ALL: &[Self] = &[$(Self::$point,)*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

failpoints! {
    /// A batch is decoded, not in the log.
    BeforeWal = "wal.before",
    /// A batch is in the log, not in a head, not acknowledged.
    AfterWal = "wal.after",
    /// A head is sealed.
    FlushSealed = "flush.sealed",
    /// The chunks of one of the blocks are written.
    FlushChunk = "flush.chunk",
    /// All chunks are written, no header is.
    FlushChunks = "flush.chunks",
    /// The flush is committed, queries do not see its blocks yet.
    FlushCommitted = "flush.committed",
    /// Queries see the blocks.
    FlushDone = "flush.done",
    /// The chunks of merged blocks are written.
    MergeChunks = "merge.chunks",
    /// The merge is committed, queries still see its inputs.
    MergeCommitted = "merge.committed",
    /// The inputs of a merge are about to be deleted.
    MergeDelete = "merge.delete",
    /// A partition is recorded as being made.
    PartitionRecorded = "partition.recorded",
    /// One of its two column families is made.
    PartitionHalfMade = "partition.half_made",
    /// Both are made, it is not recorded as live.
    PartitionMade = "partition.made",
    /// A partition is recorded as being dropped.
    PartitionDropRecorded = "partition.drop_recorded",
    /// One of its two column families is dropped.
    PartitionHalfDropped = "partition.half_dropped",
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Abort,
    Fail,
}

#[derive(Debug)]
struct Armed {
    point: Failpoint,
    left: AtomicU32,
    action: Action,
}

/// Which step stops the store, if any. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Failpoints(Option<Arc<Armed>>);

impl Failpoints {
    /// Aborts the process at the n-th hit of a step: reads `name` or `name:n`.
    pub fn aborting(text: &str) -> Result<Self, String> {
        let (name, hits) = text.split_once(':').unwrap_or((text, "1"));
        let hits = hits
            .parse()
            .map_err(|_| format!("expected a number of hits, got {hits:?}"))?;
        let point = Failpoint::ALL.iter().find(|point| point.name() == name);
        let known = || Failpoint::ALL.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ");
        let point = *point.ok_or_else(|| format!("no failpoint {name:?}; there are: {}", known()))?;
        Ok(Self::armed(point, hits, Action::Abort))
    }

    /// The n-th hit and all later ones are errors: for tests in one process, which then drop the store.
    pub fn failing(point: Failpoint, hits: u32) -> Self {
        Self::armed(point, hits, Action::Fail)
    }

    fn armed(point: Failpoint, hits: u32, action: Action) -> Self {
        Self(Some(Arc::new(Armed {
            point,
            left: AtomicU32::new(hits),
            action,
        })))
    }

    /// Whether the step was reached so often that it stopped the store.
    #[cfg(test)]
    pub(crate) fn fired(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|armed| armed.left.load(Ordering::SeqCst) == 0)
    }

    /// To be called at a step.
    pub(crate) fn hit(&self, point: Failpoint) -> Result<(), StorageError> {
        let Some(armed) = self.0.as_ref().filter(|armed| armed.point == point) else {
            return Ok(());
        };
        let left = armed
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| Some(n.saturating_sub(1)));
        match (left, armed.action) {
            (Ok(2..), _) => Ok(()),
            (_, Action::Abort) => std::process::abort(),
            (_, Action::Fail) => Err(StorageError::Failpoint(point.name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_fails_from_its_nth_hit_on() {
        let points = Failpoints::failing(Failpoint::FlushSealed, 2);
        assert!(points.hit(Failpoint::FlushChunks).is_ok());
        assert!(points.hit(Failpoint::FlushSealed).is_ok());
        assert!(points.hit(Failpoint::FlushSealed).is_err());
        assert!(points.hit(Failpoint::FlushSealed).is_err());
        assert!(Failpoints::default().hit(Failpoint::FlushSealed).is_ok());
    }

    #[test]
    fn names_are_read() {
        for point in Failpoint::ALL {
            assert_eq!(
                Failpoints::aborting(&format!("{}:3", point.name()))
                    .unwrap()
                    .0
                    .unwrap()
                    .point,
                *point
            );
        }
        assert!(Failpoints::aborting("nowhere").unwrap_err().contains("flush.sealed"));
        assert!(Failpoints::aborting("flush.sealed:x").is_err());
    }
}
