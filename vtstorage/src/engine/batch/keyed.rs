//! Finding values in the cells of a row, event or link.

use super::gather::Gather;
use super::{Cell, CellColumn, CellTable, SpanBatch};
use crate::engine::error::StorageError;
use common::otlp::view::{AttrView, ValueView};
use common::otlp::wire::{Fields, WireError};

impl CellTable {
    /// The number of the column of an intrinsic field.
    pub(super) fn column(&self, field: CellColumn) -> Option<u16> {
        self.columns
            .iter()
            .position(|c| *c == field)
            .and_then(|at| u16::try_from(at).ok())
    }
}

/// Finds the value of one key in the cells of a row, event or link.
pub(super) struct Keyed<'a, 'k> {
    batch: &'a SpanBatch,
    key: &'k str,
    column: Option<u16>,
    spill: Option<u16>,
}

impl<'a, 'k> Keyed<'a, 'k> {
    pub(super) fn new(batch: &'a SpanBatch, table: &CellTable, key: &'k str) -> Self {
        let is_key = |c: &CellColumn| matches!(c, CellColumn::Attr(text) if batch.bytes(*text) == key.as_bytes());
        let column = table
            .columns
            .iter()
            .position(is_key)
            .and_then(|at| u16::try_from(at).ok());
        Self {
            batch,
            key,
            column,
            spill: table.column(CellColumn::Spill),
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.column.is_some() || self.spill.is_some()
    }

    /// Collects the key's value for `row`; where it repeats, its first.
    pub(super) fn gather(&self, row: u32, cells: &[Cell], gather: &mut Gather) -> Result<(), StorageError> {
        if let Some(cell) = self.column.and_then(|column| cell_of(cells, column)) {
            let bytes = if cell.kind.is_text() {
                self.batch.bytes(cell.text())
            } else {
                &[]
            };
            return gather.cell(row, cell.kind, cell.bits(), bytes);
        }
        if let Some(cell) = self.spill.and_then(|column| cell_of(cells, column))
            && let Some(value) = find_in_list(self.batch.bytes(cell.text()), self.key)?
        {
            return gather.view(row, &value);
        }
        Ok(())
    }
}

/// The first value of `key` in the bytes of a `KeyValueList`.
fn find_in_list<'a>(list: &'a [u8], key: &str) -> Result<Option<ValueView<'a>>, WireError> {
    let mut fields = Fields::new(list);
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            let attr = AttrView::read(field.bytes()?)?;
            if attr.key == key {
                return Ok(Some(attr.value));
            }
        }
    }
    Ok(None)
}

#[inline]
pub(super) fn cell_of(cells: &[Cell], column: u16) -> Option<&Cell> {
    cells.iter().find(|cell| cell.column == column)
}

/// Counts and flags are 32 bits wide.
pub(super) fn low32(cell: &Cell) -> i64 {
    (cell.bits() & 0xffff_ffff) as i64
}

pub(super) fn count_in(cells: &[Cell], column: Option<u16>) -> i64 {
    column.and_then(|column| cell_of(cells, column)).map_or(0, low32)
}
