//! Which blocks are merged: a pure decision.
//!
//! Only blocks under half full are worth it. They are merged when so many of similar size have gathered that the result
//! is of another order of size, so that a span is rewritten a few times in its life whatever the size of the flushes,
//! or when together they make a block that is never merged again.

use crate::engine::block::BlockId;
use common::ids::Epoch;
use std::collections::{BTreeMap, BTreeSet};

/// What the decision takes from a block of one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) id: BlockId,
    pub(crate) epoch: Epoch,
    /// [`weight`]
    pub(crate) weight: u32,
}

/// Bytes of chunks that make a block as full as a row does. Spans of usual size take about 30.
const BYTES_PER_ROW: u32 = 32;

/// How full a block is, in rows of usual size: large spans fill it, too.
pub(crate) fn weight(rows: u32, chunk_bytes: u32) -> u32 {
    rows.max(chunk_bytes / BYTES_PER_ROW)
}

/// So many blocks of similar size are merged.
const WIDTH: usize = 8;

/// Blocks in one class of size differ by less than this factor.
const CLASS: u32 = 4;

/// What to merge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Eagerness {
    /// What pays in the long run.
    Background,
    /// Any two blocks under half full.
    Forced,
}

/// Groups of blocks of one day to be merged, each into one block of at most `max_weight`.
pub(crate) fn plan(blocks: &[Candidate], max_weight: u32, eagerness: Eagerness) -> Vec<Vec<BlockId>> {
    let mut classes: BTreeMap<(Epoch, u32), Vec<Candidate>> = BTreeMap::new();
    for block in blocks.iter().filter(|block| block.weight < max_weight / 2) {
        let class = if eagerness == Eagerness::Forced {
            0
        } else {
            block.weight.max(1).ilog(CLASS)
        };
        classes.entry((block.epoch, class)).or_default().push(*block);
    }
    classes
        .into_values()
        .flat_map(|class| groups(&class, max_weight, eagerness))
        .collect()
}

/// Cuts blocks of one class into groups, oldest first.
fn groups(class: &[Candidate], max_weight: u32, eagerness: Eagerness) -> Vec<Vec<BlockId>> {
    let mut groups = Vec::new();
    let (mut group, mut weight) = (Vec::new(), 0);
    for block in class {
        if weight + block.weight > max_weight {
            groups.push((std::mem::take(&mut group), std::mem::take(&mut weight)));
        }
        group.push(block.id);
        weight += block.weight;
    }
    groups.push((group, weight));
    let pays = |group: &Vec<BlockId>, weight: u32| match eagerness {
        Eagerness::Forced => true,
        Eagerness::Background => group.len() >= WIDTH || weight >= max_weight / 2,
    };
    groups
        .into_iter()
        .filter(|(group, weight)| group.len() > 1 && pays(group, *weight))
        .map(|(group, _)| group)
        .collect()
}

/// Of two ascending lists, how many values are in both.
pub(crate) fn shared<T: Ord>(a: &[T], b: &[T]) -> usize {
    let (mut a, mut b, mut shared) = (a.iter().peekable(), b.iter().peekable(), 0);
    while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
        match left.cmp(right) {
            std::cmp::Ordering::Less => drop(a.next()),
            std::cmp::Ordering::Greater => drop(b.next()),
            std::cmp::Ordering::Equal => {
                shared += 1;
                a.next();
                b.next();
            }
        }
    }
    shared
}

/// Groups without those that touch a block in `taken`, or in an earlier group.
pub(crate) fn disjoint(groups: Vec<Vec<BlockId>>, mut taken: BTreeSet<BlockId>) -> Vec<Vec<BlockId>> {
    let mut kept = Vec::new();
    for group in groups {
        if group.iter().all(|id| !taken.contains(id)) {
            taken.extend(&group);
            kept.push(group);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: u32 = 65_536;

    fn blocks(rows: &[u32]) -> Vec<Candidate> {
        let block = |(id, rows): (usize, &u32)| Candidate {
            id: BlockId(id as u64),
            epoch: Epoch(0),
            weight: *rows,
        };
        rows.iter().enumerate().map(block).collect()
    }

    fn planned(rows: &[u32], eagerness: Eagerness) -> Vec<Vec<u64>> {
        let groups = plan(&blocks(rows), MAX, eagerness);
        groups
            .into_iter()
            .map(|group| group.into_iter().map(|id| id.0).collect())
            .collect()
    }

    #[test]
    fn full_and_lone_blocks_are_left_alone() {
        for eagerness in [Eagerness::Background, Eagerness::Forced] {
            assert!(planned(&[MAX, MAX / 2, 60_000, 100], eagerness).is_empty());
        }
    }

    #[test]
    fn small_blocks_wait_for_company_of_their_size() {
        assert!(planned(&[100; 7], Eagerness::Background).is_empty());
        assert_eq!(planned(&[100; 8], Eagerness::Background), [[0, 1, 2, 3, 4, 5, 6, 7]]);
        assert!(planned(&[100, 100, 100, 100, 3_000, 3_000, 3_000, 3_000], Eagerness::Background).is_empty());
        assert_eq!(planned(&[100, 5_000], Eagerness::Forced), [[0, 1]]);
    }

    #[test]
    fn what_makes_a_large_block_is_merged() {
        assert_eq!(planned(&[20_000, 20_000], Eagerness::Background), [[0, 1]]);
        assert_eq!(planned(&[30_000, 30_000, 30_000], Eagerness::Background), [[0, 1]]);
    }

    #[test]
    fn large_spans_fill_a_block() {
        assert_eq!(weight(100, 31), 100);
        assert_eq!(weight(20_000, 4 << 20), 2 * MAX);
    }

    #[test]
    fn epochs_are_not_mixed() {
        let mut mixed = blocks(&[20_000, 20_000]);
        mixed[1].epoch = Epoch(1);
        assert!(plan(&mixed, MAX, Eagerness::Forced).is_empty());
    }

    #[test]
    fn groups_do_not_overlap() {
        let ids = |ids: &[u64]| ids.iter().map(|id| BlockId(*id)).collect::<Vec<_>>();
        let groups = vec![ids(&[1, 2]), ids(&[2, 3]), ids(&[4, 5]), ids(&[6, 7])];
        assert_eq!(disjoint(groups, [BlockId(5)].into()), [ids(&[1, 2]), ids(&[6, 7])]);
    }

    #[test]
    fn shared_values_are_counted() {
        assert_eq!(shared(&[1, 3, 5, 7], &[2, 3, 7, 9]), 2);
        assert_eq!(shared::<u32>(&[], &[1]), 0);
    }

    proptest! {
        /// However large the flushes are: few blocks stay, and a span is rewritten a few times.
        #[test]
        fn a_day_of_flushes_stays_cheap(sizes in prop::collection::vec(1..20_000u32, 300)) {
            let (mut day, mut rewritten, mut next) = (Vec::new(), 0u64, 0);
            for rows in &sizes {
                day.push(Candidate { id: BlockId(next), epoch: Epoch(0), weight: *rows });
                next += 1;
                while let Some(group) = plan(&day, MAX, Eagerness::Background).into_iter().next() {
                    let rows = day.iter().filter(|b| group.contains(&b.id)).map(|b| b.weight).sum::<u32>();
                    prop_assert!(rows <= MAX);
                    rewritten += u64::from(rows);
                    day.retain(|b| !group.contains(&b.id));
                    day.push(Candidate { id: BlockId(next), epoch: Epoch(0), weight: rows });
                    next += 1;
                }
            }
            let total = sizes.iter().map(|rows| u64::from(*rows)).sum::<u64>();
            let small = day.iter().filter(|b| b.weight < MAX / 2).count();
            prop_assert!(small < 8 * WIDTH, "{small} small blocks");
            prop_assert!(rewritten <= 4 * total, "{rewritten} rows rewritten of {total}");
        }
    }
}
