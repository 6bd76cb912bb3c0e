//! The columns of a batch's events and links.

use super::gather::Gather;
use super::keyed::{Keyed, cell_of, count_in};
use super::source::BatchRows;
use super::{CellColumn, LinkRow};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, Values};
use common::query::{EventField, LinkField};
use std::ops::Range;

impl BatchRows<'_> {
    pub(super) fn event_column(
        &self,
        field: &EventField,
        index: Option<u32>,
        want: &RowSet,
    ) -> Result<Option<Loaded>, StorageError> {
        let batch = self.batch;
        let mut gather = Gather::default();
        match field {
            EventField::Name => {
                each(
                    want,
                    index,
                    |row| batch.row_events(row),
                    |row, e| {
                        let name = batch.events.get(e).map(|e| e.name).unwrap_or_default();
                        gather.text(row, batch.bytes(name))
                    },
                )?;
            }
            EventField::Time => return self.event_times(index, want),
            EventField::DroppedAttributesCount => {
                let column = batch.event_cells.column(CellColumn::DroppedAttributes);
                each(
                    want,
                    index,
                    |row| batch.row_events(row),
                    |row, e| {
                        gather.int(row, count_in(batch.event_cells(e), column));
                        Ok(())
                    },
                )?;
            }
            EventField::Attr(key) => {
                let keyed = Keyed::new(batch, &batch.event_cells, key);
                each(
                    want,
                    index,
                    |row| batch.row_events(row),
                    |row, e| keyed.gather(row, batch.event_cells(e), &mut gather),
                )?;
            }
        }
        Ok(gather.finish())
    }

    fn event_times(&self, index: Option<u32>, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let (mut rows, mut times) = (Vec::new(), Vec::new());
        each(
            want,
            index,
            |row| self.batch.row_events(row),
            |row, e| {
                rows.push(row);
                times.push(self.batch.events.get(e).map(|e| e.time).unwrap_or_default());
                Ok(())
            },
        )?;
        Ok((!rows.is_empty()).then_some(Loaded {
            rows: LoadedRows::Sparse(rows),
            values: Values::UInt(times.into()),
        }))
    }

    pub(super) fn link_column(
        &self,
        field: &LinkField,
        index: Option<u32>,
        want: &RowSet,
    ) -> Result<Option<Loaded>, StorageError> {
        let batch = self.batch;
        let links = |row| batch.row_links(row);
        let mut gather = Gather::default();
        match field {
            LinkField::TraceId => {
                let id = |link: &LinkRow| (!link.trace_id.is_zero()).then_some(link.trace_id);
                return self.link_ids(index, want, id, Values::TraceIds);
            }
            LinkField::SpanId => {
                let id = |link: &LinkRow| (!link.span_id.is_zero()).then_some(link.span_id);
                return self.link_ids(index, want, id, Values::SpanIds);
            }
            LinkField::TraceState => {
                let column = batch.link_cells.column(CellColumn::TraceState);
                each(want, index, links, |row, l| {
                    let cell = column.and_then(|column| cell_of(batch.link_cells(l), column));
                    gather.text(row, cell.map_or(&[], |cell| batch.bytes(cell.text())))
                })?;
            }
            LinkField::Flags | LinkField::DroppedAttributesCount => {
                let is_flags = *field == LinkField::Flags;
                let cell = if is_flags {
                    CellColumn::Flags
                } else {
                    CellColumn::DroppedAttributes
                };
                let column = batch.link_cells.column(cell);
                each(want, index, links, |row, l| {
                    gather.int(row, count_in(batch.link_cells(l), column));
                    Ok(())
                })?;
            }
            LinkField::Attr(key) => {
                let keyed = Keyed::new(batch, &batch.link_cells, key);
                each(want, index, links, |row, l| {
                    keyed.gather(row, batch.link_cells(l), &mut gather)
                })?;
            }
        }
        Ok(gather.finish())
    }

    /// An id of each link that has it.
    fn link_ids<T>(
        &self,
        index: Option<u32>,
        want: &RowSet,
        id: impl Fn(&LinkRow) -> Option<T>,
        values: fn(Vec<T>) -> Values,
    ) -> Result<Option<Loaded>, StorageError> {
        let (mut rows, mut ids) = (Vec::new(), Vec::new());
        each(
            want,
            index,
            |row| self.batch.row_links(row),
            |row, l| {
                if let Some(id) = self.batch.links.get(l).and_then(&id) {
                    rows.push(row);
                    ids.push(id);
                }
                Ok(())
            },
        )?;
        Ok((!rows.is_empty()).then_some(Loaded {
            rows: LoadedRows::Sparse(rows),
            values: values(ids),
        }))
    }
}

/// Calls `visit` with each wanted row and each of its items, or only the one at `index`.
fn each(
    want: &RowSet,
    index: Option<u32>,
    items: impl Fn(usize) -> Range<usize>,
    mut visit: impl FnMut(u32, usize) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    for row in want.iter() {
        let items = items(row as usize);
        let chosen = match index {
            None => items,
            Some(index) => {
                let at = items.start.saturating_add(index as usize);
                if at < items.end { at..at + 1 } else { 0..0 }
            }
        };
        for item in chosen {
            visit(row, item)?;
        }
    }
    Ok(())
}
