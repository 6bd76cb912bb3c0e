//! The sparse columns of a batch under construction: of its spans, events or links.

use super::arena::{Arena, Recent};
use super::intern::Interner;
use super::{Cell, CellColumn, CellKind, CellTable, Scalar};
use common::otlp::glance::{self, Glance};
use common::otlp::view::{AttrView, MAX_VALUE_DEPTH, ValueView};
use common::otlp::wire::WireError;

/// What a batch may hold.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Attribute columns per level; further keys go to the spill column.
    pub max_columns: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_columns: 1_024 }
    }
}

/// One column of a level under construction.
#[derive(Clone)]
struct Column {
    /// The last row that has it, which finds keys that repeat within a row
    row: u32,
    recent: Recent,
}

/// The columns and cells of one level.
pub(super) struct Level<'a> {
    interner: Interner<'a>,
    cells: Vec<Cell>,
    columns: Vec<Column>,
    /// Attributes of the row that got no column of their own, as the bytes of each `KeyValue`
    spill: Vec<&'a [u8]>,
}

impl<'a> Level<'a> {
    pub(super) fn new() -> Self {
        Self {
            interner: Interner::new(),
            cells: Vec::new(),
            columns: Vec::new(),
            spill: Vec::new(),
        }
    }

    /// Makes room for so many cells.
    pub(super) fn reserve(&mut self, cells: usize) {
        self.cells.reserve(cells);
    }

    /// To be called before the attributes of a row.
    #[inline]
    pub(super) fn begin_row(&mut self) {
        self.interner.begin_row();
    }

    /// Adds the attribute in the bytes of a `KeyValue` to `row`, which is the last one begun.
    #[inline]
    pub(super) fn attribute(
        &mut self,
        row: u32,
        message: &'a [u8],
        limits: DecodeLimits,
        arena: &mut Arena,
    ) -> Result<(), WireError> {
        let Some((key, value)) = glance::key_value(message) else {
            return self.unusual(row, message, limits, arena);
        };
        let Some(column) = self.column(row, key, message, limits, arena)? else {
            return Ok(());
        };
        let scalar = match Glance::of(value) {
            Some(Glance::Text(text)) => self.text(column, text, arena)?,
            Some(Glance::Bool(value)) => Scalar::Bool(value),
            Some(Glance::Int(value)) => Scalar::Int(value),
            Some(Glance::Double(value)) => Scalar::Double(value),
            None => self.scalar(column, ValueView::read(value)?, arena)?,
        };
        self.cells.push(Cell::new(column, scalar));
        Ok(())
    }

    /// An attribute in any form.
    #[inline(never)]
    fn unusual(
        &mut self,
        row: u32,
        message: &'a [u8],
        limits: DecodeLimits,
        arena: &mut Arena,
    ) -> Result<(), WireError> {
        let attr = AttrView::read(message)?;
        if let Some(column) = self.column(row, attr.key.as_bytes(), message, limits, arena)? {
            let scalar = self.scalar(column, attr.value, arena)?;
            self.cells.push(Cell::new(column, scalar));
        }
        Ok(())
    }

    /// The column of an attribute; without one, it goes to the spill.
    #[inline]
    fn column(
        &mut self,
        row: u32,
        key: &'a [u8],
        message: &'a [u8],
        limits: DecodeLimits,
        arena: &mut Arena,
    ) -> Result<Option<u16>, WireError> {
        let column = self.interner.attr(key, limits.max_columns, || arena.add_text(key))?;
        if let Some(column) = column {
            let place = usize::from(column);
            if place >= self.columns.len() {
                let recent = Recent::default();
                self.columns.resize(place + 1, Column { row: u32::MAX, recent });
            }
            if let Some(known) = self.columns.get_mut(place)
                && std::mem::replace(&mut known.row, row) != row
            {
                return Ok(Some(column));
            }
        }
        self.spill.push(message);
        Ok(None)
    }

    #[inline]
    fn text(&mut self, column: u16, text: &[u8], arena: &mut Arena) -> Result<Scalar, WireError> {
        let text = match self.columns.get_mut(usize::from(column)) {
            Some(column) => arena.add_recent(&mut column.recent, text)?,
            None => arena.add_text(text)?,
        };
        Ok(Scalar::Text(CellKind::Str, text))
    }

    fn scalar(&mut self, column: u16, value: ValueView<'_>, arena: &mut Arena) -> Result<Scalar, WireError> {
        let (kind, bytes) = match value {
            ValueView::Empty => return Ok(Scalar::Empty),
            ValueView::Bool(b) => return Ok(Scalar::Bool(b)),
            ValueView::Int(i) => return Ok(Scalar::Int(i)),
            ValueView::Double(d) => return Ok(Scalar::Double(d)),
            ValueView::Str(s) => return self.text(column, s.as_bytes(), arena),
            ValueView::Bytes(b) => (CellKind::Bytes, b),
            ValueView::Array(list) => (CellKind::Array, list),
            ValueView::Map(list) => (CellKind::Map, list),
        };
        value.check(MAX_VALUE_DEPTH)?;
        Ok(Scalar::Text(kind, arena.add(bytes)))
    }

    /// Ends the attributes of a row: puts those without a column into a cell of their own.
    #[inline]
    pub(super) fn end_attributes(&mut self, arena: &mut Arena) -> Result<(), WireError> {
        if self.spill.is_empty() {
            Ok(())
        } else {
            self.end_spill(arena)
        }
    }

    #[inline(never)]
    fn end_spill(&mut self, arena: &mut Arena) -> Result<(), WireError> {
        let mut list = Vec::new();
        for message in self.spill.drain(..) {
            let attr = AttrView::read(message)?;
            attr.value.check(MAX_VALUE_DEPTH)?;
            super::spans::write_attribute(&attr, &mut list);
        }
        let text = arena.add(&list);
        self.field(CellColumn::Spill, Scalar::Text(CellKind::Map, text));
        Ok(())
    }

    fn field(&mut self, field: CellColumn, value: Scalar) {
        let column = self.interner.field(field);
        self.cells.push(Cell::new(column, value));
    }

    /// Adds a field that is a text, unless it is empty.
    #[inline]
    pub(super) fn text_field(&mut self, field: CellColumn, text: &[u8], arena: &mut Arena) -> Result<(), WireError> {
        if !text.is_empty() {
            let text = arena.add_text(text)?;
            self.field(field, Scalar::Text(CellKind::Str, text));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn count(&mut self, field: CellColumn, count: u32) {
        if count != 0 {
            self.field(field, Scalar::Int(i64::from(count)));
        }
    }

    pub(super) fn end(&self) -> u32 {
        self.cells.len() as u32
    }

    pub(super) fn into_table(mut self) -> CellTable {
        self.cells.shrink_to_fit();
        CellTable {
            columns: self.interner.into_columns(),
            cells: self.cells,
        }
    }
}
