//! Sorting of all rows.

use super::super::super::row_store::RowStore;
use super::super::super::{Account, ExecError, Flow, Out, Pipe, Rows};
use super::Place;
use super::key::{Order, Part};

/// Holds all rows until the end.
pub(super) struct FullSort {
    order: Order,
    place: Place,
    /// The parts of all keys, one after the other
    parts: Vec<Part>,
    store: RowStore,
    account: Account,
}

impl FullSort {
    pub(super) fn new(order: Order, place: Place, account: Account) -> Self {
        Self {
            order,
            place,
            parts: Vec::new(),
            store: RowStore::default(),
            account,
        }
    }
}

impl Pipe for FullSort {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        let row_bytes = size_of::<usize>() + self.order.width() * size_of::<Part>();
        self.account.grow(rows.len() * row_bytes)?;
        let keys = self.order.keys(&rows);
        (0..rows.len()).for_each(|row| keys.write(row, &mut self.parts));
        self.store.append(rows, &mut self.account)?;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let (parts, width) = (std::mem::take(&mut self.parts), self.order.width());
        let key = |row: &usize| parts.get(row * width..(row + 1) * width);
        let mut order: Vec<usize> = (0..self.store.len()).collect();
        order.sort_by(|a, b| key(a).cmp(&key(b)));
        drop(parts);
        let order = order.get(self.place.offset..).unwrap_or(&[]);
        let store = std::mem::take(&mut self.store);
        store.emit(order, |rows, first| self.place.set_rank(rows, first, &[]), out)
    }
}
