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
    most: usize,
    partition_by: Vec<String>,
    partitions: Groups,
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

impl LimitedSort {
    pub(super) fn new(order: Order, place: Place, limit: usize, partition_by: &[String], account: Account) -> Self {
        Self {
            order,
            most: place.offset.saturating_add(limit),
            place,
            partition_by: partition_by.to_vec(),
            partitions: Groups::new(partition_by.len()),
            heaps: Vec::new(),
            store: RowStore::default(),
            arrived: 0,
            account,
        }
    }

    /// Makes room for a row with this key: `None` when it is not among the first of its partition, else the slot that
    /// it may take over.
    fn room(&mut self, partition: usize, key: &[Part]) -> Option<Option<usize>> {
        let heap = self.heaps.get_mut(partition)?;
        if heap.len() < self.most {
            return Some(None);
        }
        // A row that arrived later is behind its equals.
        let worse = heap.peek().is_some_and(|worst| *key < *worst.key);
        worse.then(|| heap.pop().map(|worst| worst.slot))
    }

    /// Holds a row.
    fn hold(&mut self, partition: usize, key: Box<[Part]>, slot: usize) {
        let arrived = self.arrived;
        self.arrived += 1;
        if let Some(heap) = self.heaps.get_mut(partition) {
            heap.push(Entry { key, arrived, slot });
        }
    }

    /// The rows that are passed on, partition by partition, and where each partition starts.
    fn result(&mut self) -> (Vec<usize>, Vec<usize>) {
        let mut slots = Vec::new();
        let mut starts = Vec::new();
        for partition in self.partitions.in_partition_order() {
            let entries = self.heaps.get_mut(partition).map(std::mem::take).unwrap_or_default();
            let entries = entries.into_sorted_vec();
            starts.push(slots.len());
            slots.extend(entries.into_iter().skip(self.place.offset).map(|entry| entry.slot));
        }
        (slots, starts)
    }
}

impl Pipe for LimitedSort {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        let partition_by = std::mem::take(&mut self.partition_by);
        let order = std::mem::take(&mut self.order);
        let columns = Values::of_all(&rows, &partition_by);
        let keys = order.keys(&rows);
        let places = self.store.places(&rows);
        let mut key = Vec::with_capacity(order.width());
        for row in 0..rows.len() {
            let (partition, bytes) = self.partitions.add(&columns, row);
            if partition == self.heaps.len() {
                self.account.grow(bytes + size_of::<BinaryHeap<Entry>>())?;
                self.heaps.push(BinaryHeap::new());
            }
            key.clear();
            keys.write(row, &mut key);
            let Some(old) = self.room(partition, &key) else {
                continue;
            };
            if old.is_none() {
                self.account.grow(size_of::<Entry>() + key.len() * size_of::<Part>())?;
            }
            let slot = self.store.put(old, &rows, row, &places, &mut self.account)?;
            self.hold(partition, key.drain(..).collect(), slot);
        }
        self.order = order;
        self.partition_by = partition_by;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let (slots, starts) = self.result();
        let store = std::mem::take(&mut self.store);
        let set_rank = |rows: &mut Rows, first: usize| self.place.set_rank(rows, first, &starts);
        store.emit(&slots, set_rank, out)
    }
}
