//! Finding values in the cells of a row, event or link, and inside of the maps that are there.

use super::gather::Gather;
use super::{Cell, CellColumn, CellKind, CellTable, SpanBatch};
use crate::engine::error::StorageError;
use common::otlp::view::{AttrView, ValueView};
use common::otlp::wire::{Fields, WireError};
use common::value::map_keys;

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
    own: Place<'k>,
    /// Where maps may be that have the key inside, and as what
    maps: Vec<(Place<'k>, &'k str)>,
}

/// Where the cells of a key are.
struct Place<'k> {
    key: &'k str,
    column: Option<u16>,
    spill: Option<u16>,
}

impl<'a, 'k> Keyed<'a, 'k> {
    pub(super) fn new(batch: &'a SpanBatch, table: &CellTable, key: &'k str) -> Self {
        let maps = map_keys(key).map(|(map, inner)| (Place::new(batch, table, map), inner));
        Self {
            batch,
            own: Place::new(batch, table, key),
            maps: maps.filter(|(place, _)| place.is_known()).collect(),
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.own.is_known() || !self.maps.is_empty()
    }

    /// Collects the key's value for `row`; where it repeats, its first.
    pub(super) fn gather(&self, row: u32, cells: &[Cell], gather: &mut Gather) -> Result<(), StorageError> {
        if let Some(cell) = self.own.column.and_then(|column| cell_of(cells, column)) {
            let bytes = if cell.kind.is_text() {
                self.batch.bytes(cell.text())
            } else {
                &[]
            };
            return gather.cell(row, cell.kind, cell.bits(), bytes);
        }
        if let Some(value) = self.own.spilled(self.batch, cells)? {
            return gather.view(row, &value);
        }
        for (place, inner) in &self.maps {
            if let Some(map) = place.map(self.batch, cells)?
                && let Some(value) = find_path_in_list(map, inner)?
            {
                return gather.view(row, &value);
            }
        }
        Ok(())
    }
}

impl<'k> Place<'k> {
    fn new(batch: &SpanBatch, table: &CellTable, key: &'k str) -> Self {
        let is_key = |c: &CellColumn| matches!(c, CellColumn::Attr(text) if batch.bytes(*text) == key.as_bytes());
        let column = table.columns.iter().position(is_key);
        Self {
            key,
            column: column.and_then(|at| u16::try_from(at).ok()),
            spill: table.column(CellColumn::Spill),
        }
    }

    fn is_known(&self) -> bool {
        self.column.is_some() || self.spill.is_some()
    }

    fn spilled<'a>(&self, batch: &'a SpanBatch, cells: &[Cell]) -> Result<Option<ValueView<'a>>, WireError> {
        match self.spill.and_then(|column| cell_of(cells, column)) {
            Some(cell) => find_in_list(batch.bytes(cell.text()), self.key),
            None => Ok(None),
        }
    }

    /// The bytes of the `KeyValueList` that is the key's value, if it is one.
    fn map<'a>(&self, batch: &'a SpanBatch, cells: &[Cell]) -> Result<Option<&'a [u8]>, WireError> {
        match self.column.and_then(|column| cell_of(cells, column)) {
            Some(cell) if cell.kind == CellKind::Map => Ok(Some(batch.bytes(cell.text()))),
            Some(_) => Ok(None),
            None => Ok(match self.spilled(batch, cells)? {
                Some(ValueView::Map(map)) => Some(map),
                _ => None,
            }),
        }
    }
}

/// As [`common::value::find_path`], among views.
pub(super) fn find_path<'a>(attributes: &[AttrView<'a>], key: &str) -> Result<Option<ValueView<'a>>, WireError> {
    let find = |key: &str| attributes.iter().find(|attr| attr.key == key).map(|attr| attr.value);
    if let Some(value) = find(key) {
        return Ok(Some(value));
    }
    for (map, inner) in map_keys(key) {
        if let Some(ValueView::Map(map)) = find(map)
            && let Some(value) = find_path_in_list(map, inner)?
        {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// As [`common::value::find_path`], in the bytes of a `KeyValueList`.
fn find_path_in_list<'a>(list: &'a [u8], key: &str) -> Result<Option<ValueView<'a>>, WireError> {
    if let Some(value) = find_in_list(list, key)? {
        return Ok(Some(value));
    }
    for (map, inner) in map_keys(key) {
        if let Some(ValueView::Map(map)) = find_in_list(list, map)?
            && let Some(value) = find_path_in_list(map, inner)?
        {
            return Ok(Some(value));
        }
    }
    Ok(None)
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
