//! Sorting of all rows.

use super::super::super::row_store::RowStore;
use super::super::super::{Account, ExecError, Flow, Out, Pipe, Rows};
use super::Place;
use super::key::{Key, Order, Part};

/// Holds all rows until the end.
pub(super) struct FullSort {
    order: Order,
    place: Place,
    keys: Vec<Key>,
    store: RowStore,
    account: Account,
}

impl FullSort {
    pub(super) fn new(order: Order, place: Place, account: Account) -> Self {
        Self {
            order,
            place,
            keys: Vec::new(),
            store: RowStore::default(),
            account,
        }
    }
}

impl Pipe for FullSort {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        let keys = self.order.keys(&rows);
        let before = self.keys.len();
        self.keys.extend((0..rows.len()).map(|row| keys.of(row)));
        let parts: usize = self.keys.iter().skip(before).map(|key| key.len()).sum();
        self.account
            .grow(rows.len() * (size_of::<Key>() + size_of::<usize>()) + parts * size_of::<Part>())?;
        self.store.append(rows, &mut self.account)?;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let keys = std::mem::take(&mut self.keys);
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|a, b| keys.get(*a).cmp(&keys.get(*b)));
        drop(keys);
        let order = order.get(self.place.offset..).unwrap_or(&[]);
        let store = std::mem::take(&mut self.store);
        store.emit(order, |rows, first| self.place.set_rank(rows, first, &[]), out)
    }
}
