//! The first rows of an order, of each partition.

use std::collections::BinaryHeap;

use super::super::super::groups::{Groups, Values};
use super::super::super::row_store::RowStore;
use super::super::super::{Account, ExecError, Flow, Out, Pipe, Rows};
use super::Place;
use super::key::{Order, Part};

/// Holds the first `offset + limit` rows of each partition.
pub(in super::super) struct LimitedSort {
    order: Order,
    place: Place,
    partition_by: Vec<String>,
    partitions: Groups,
    held: Held,
}

/// The rows that may be in the result.
struct Held {
    /// How many of each partition
    most: usize,
    heaps: Vec<BinaryHeap<Entry>>,
    store: RowStore,
    arrived: u64,
    account: Account,
}

/// A row that is held. The greatest one is the first to go.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: Box<[Part]>,
    arrived: u64,
    slot: usize,
}

/// A row of a block, and the places of the block's columns in the store.
struct Candidate<'r> {
    rows: &'r Rows,
    places: &'r [usize],
    row: usize,
}

impl LimitedSort {
    pub(super) fn new(order: Order, place: Place, limit: usize, partition_by: &[String], account: Account) -> Self {
        Self {
            order,
            partition_by: partition_by.to_vec(),
            partitions: Groups::new(partition_by.len()),
            held: Held {
                most: place.offset.saturating_add(limit),
                heaps: Vec::new(),
                store: RowStore::default(),
                arrived: 0,
                account,
            },
            place,
        }
    }

    /// The rows that are passed on, partition by partition, and where each partition starts.
    fn result(&mut self) -> (Vec<usize>, Vec<usize>) {
        let mut slots = Vec::new();
        let mut starts = Vec::new();
        for partition in self.partitions.in_partition_order() {
            let heap = self.held.heaps.get_mut(partition).map(std::mem::take);
            let entries = heap.unwrap_or_default().into_sorted_vec();
            starts.push(slots.len());
            slots.extend(entries.into_iter().skip(self.place.offset).map(|entry| entry.slot));
        }
        (slots, starts)
    }
}

impl Held {
    fn add_partition(&mut self, bytes: usize) -> Result<(), ExecError> {
        self.heaps.push(BinaryHeap::new());
        self.account.grow(bytes + size_of::<BinaryHeap<Entry>>())
    }

    /// Holds the row, if it is among the first of its partition; that takes its key.
    fn offer(&mut self, partition: usize, key: &mut Vec<Part>, candidate: &Candidate<'_>) -> Result<(), ExecError> {
        let Some(heap) = self.heaps.get_mut(partition) else {
            return Ok(());
        };
        let old = if heap.len() < self.most {
            self.account.grow(size_of::<Entry>() + key.len() * size_of::<Part>())?;
            None
        } else {
            // A row that arrived later is behind its equals.
            match heap.peek() {
                Some(worst) if **key < *worst.key => heap.pop().map(|worst| worst.slot),
                _ => return Ok(()),
            }
        };
        let Candidate { rows, places, row } = candidate;
        heap.push(Entry {
            key: key.drain(..).collect(),
            arrived: self.arrived,
            slot: self.store.put(old, rows, *row, places, &mut self.account)?,
        });
        self.arrived += 1;
        Ok(())
    }
}

impl Pipe for LimitedSort {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        let Self {
            order,
            held,
            partitions,
            ..
        } = self;
        let columns = Values::of_all(&rows, &self.partition_by);
        let places = held.store.places(&rows);
        let keys = order.keys(&rows);
        let mut key = Vec::with_capacity(order.width());
        for row in 0..rows.len() {
            let (partition, bytes) = partitions.add(&columns, row);
            if partition == held.heaps.len() {
                held.add_partition(bytes)?;
            }
            key.clear();
            keys.write(row, &mut key);
            let candidate = Candidate {
                rows: &rows,
                places: &places,
                row,
            };
            held.offer(partition, &mut key, &candidate)?;
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let (slots, starts) = self.result();
        let store = std::mem::take(&mut self.held.store);
        let set_rank = |rows: &mut Rows, first: usize| self.place.set_rank(rows, first, &starts);
        store.emit(&slots, set_rank, out)
    }
}
