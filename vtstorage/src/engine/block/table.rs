//! Tables under construction: the sparse columns of spans, events or links, and the shape of each row.

use super::columns::{ColumnBuilder, Streams};
use super::header::{Field, TableMeta};
use super::layout::{Layout, Shape};
use crate::engine::batch::{Cell, CellColumn, CellKind, CellTable, SpanBatch};
use crate::engine::codec::IntKind;
use crate::engine::codec::ints::IntUse;
use crate::engine::error::StorageError;
use hashbrown::{HashMap, HashTable};

/// The sparse columns of one level, growing row by row.
pub(super) struct TableBuilder<'a> {
    max_columns: usize,
    columns: Vec<ColumnBuilder<'a>>,
    attrs: HashMap<&'a [u8], u16>,
    fields: Vec<(Field, u16)>,
    /// Columns of the row under construction
    shape: Shape,
    spilled: Vec<u8>,
    shapes: Vec<Shape>,
    by_shape: HashTable<u32>,
    row_shapes: Vec<u64>,
}

/// Which column of the block a batch's column is; filled as cells come.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnMap(Vec<Target>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Unknown,
    Column(u16),
    Spill,
}

impl ColumnMap {
    pub(super) fn of(table: &CellTable) -> Self {
        Self(vec![Target::Unknown; table.columns.len()])
    }
}

impl<'a> TableBuilder<'a> {
    pub(super) fn new(max_columns: usize) -> Self {
        Self {
            max_columns,
            columns: Vec::new(),
            attrs: HashMap::new(),
            fields: Vec::new(),
            shape: Vec::new(),
            spilled: Vec::new(),
            shapes: Vec::new(),
            by_shape: HashTable::new(),
            row_shapes: Vec::new(),
        }
    }

    /// Adds the cells of a row.
    pub(super) fn cells(&mut self, batch: &'a SpanBatch, table: &'a CellTable, map: &mut ColumnMap, cells: &[Cell]) {
        for cell in cells {
            let target = match map.0.get(usize::from(cell.column)) {
                Some(Target::Unknown) | None => self.resolve(batch, table, map, cell.column),
                Some(target) => *target,
            };
            let bytes = if cell.kind.is_text() {
                batch.bytes(cell.text())
            } else {
                &[]
            };
            match target {
                Target::Column(column) => self.push(column, cell.kind, cell.bits(), bytes),
                _ => self.spill(batch, table, cell, bytes),
            }
        }
    }

    fn resolve(&mut self, batch: &'a SpanBatch, table: &'a CellTable, map: &mut ColumnMap, column: u16) -> Target {
        let target = match table.columns.get(usize::from(column)) {
            Some(CellColumn::Attr(key)) => self.attr(batch.bytes(*key), batch.text(*key)),
            Some(CellColumn::StatusMessage) => Target::Column(self.field(Field::StatusMessage)),
            Some(CellColumn::TraceState) => Target::Column(self.field(Field::TraceState)),
            Some(CellColumn::Flags) => Target::Column(self.field(Field::Flags)),
            Some(CellColumn::DroppedAttributes) => Target::Column(self.field(Field::DroppedAttributes)),
            Some(CellColumn::DroppedEvents) => Target::Column(self.field(Field::DroppedEvents)),
            Some(CellColumn::DroppedLinks) => Target::Column(self.field(Field::DroppedLinks)),
            Some(CellColumn::Spill) | None => Target::Spill,
        };
        if let Some(known) = map.0.get_mut(usize::from(column)) {
            *known = target;
        }
        target
    }

    fn attr(&mut self, key: &'a [u8], name: &str) -> Target {
        if let Some(column) = self.attrs.get(key) {
            return Target::Column(*column);
        }
        if self.attrs.len() >= self.max_columns {
            return Target::Spill;
        }
        let column = self.add(Field::Attr(name.to_owned()));
        self.attrs.insert(key, column);
        Target::Column(column)
    }

    fn field(&mut self, field: Field) -> u16 {
        if let Some((_, column)) = self.fields.iter().find(|(known, _)| *known == field) {
            return *column;
        }
        let column = self.add(field.clone());
        self.fields.push((field, column));
        column
    }

    fn add(&mut self, field: Field) -> u16 {
        self.columns.push(ColumnBuilder::new(field));
        (self.columns.len() - 1) as u16
    }

    #[inline]
    fn push(&mut self, column: u16, kind: CellKind, bits: u64, bytes: &'a [u8]) {
        if let Some(builder) = self.columns.get_mut(usize::from(column)) {
            builder.push(kind, bits, bytes);
            self.shape.push(column);
        }
    }

    /// Adds a value of an intrinsic field to the row.
    pub(super) fn push_field(&mut self, field: Field, kind: CellKind, bits: u64, bytes: &'a [u8]) {
        let column = self.field(field);
        self.push(column, kind, bits, bytes);
    }

    /// Puts a cell without a column of its own into the row's spill.
    fn spill(&mut self, batch: &SpanBatch, table: &CellTable, cell: &Cell, bytes: &[u8]) {
        match table.columns.get(usize::from(cell.column)) {
            Some(CellColumn::Attr(key)) => batch.write_cell(batch.text(*key), cell, &mut self.spilled),
            _ => self.spilled.extend_from_slice(bytes),
        }
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) {
        if !self.spilled.is_empty() {
            let column = self.field(Field::Spill);
            let bytes = std::mem::take(&mut self.spilled);
            if let Some(builder) = self.columns.get_mut(usize::from(column)) {
                builder.push_owned(CellKind::Map, bytes);
                self.shape.push(column);
            }
        }
        let hash = shape_hash(&self.shape);
        let (shapes, shape) = (&self.shapes, &self.shape);
        let found = self
            .by_shape
            .find(hash, |c| shapes.get(*c as usize).is_some_and(|s| s == shape))
            .copied();
        let code = found.unwrap_or_else(|| {
            let code = self.shapes.len() as u32;
            self.shapes.push(self.shape.clone());
            let shapes = &self.shapes;
            self.by_shape
                .insert_unique(hash, code, |c| shapes.get(*c as usize).map_or(0, |s| shape_hash(s)));
            code
        });
        self.row_shapes.push(u64::from(code));
        self.shape.clear();
    }

    /// Writes all columns.
    pub(super) fn encode(self, streams: &mut Streams) -> Result<TableMeta, StorageError> {
        let rows = self.row_shapes.len() as u32;
        let shapes = streams.ints(IntKind::Unsigned, IntUse::Codes, &self.row_shapes)?;
        let layout = Layout::new(self.shapes, self.columns.len(), &self.row_shapes);
        let layout = layout.to_bytes(&mut streams.packer)?;
        let layout = streams.blob(&layout);
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            columns.push(match column.field {
                Field::OuterParent | Field::LinkSpan => column.encode_fixed(8, streams),
                Field::LinkTrace => column.encode_fixed(16, streams),
                _ => column.encode(streams)?.meta,
            });
        }
        Ok(TableMeta {
            rows,
            shapes,
            layout,
            columns,
        })
    }
}

fn shape_hash(shape: &[u16]) -> u64 {
    shape.iter().fold(0x9e37_79b9_7f4a_7c15, |hash: u64, column| {
        (hash ^ u64::from(*column))
            .wrapping_mul(0x2545_f491_4f6c_dd1d)
            .rotate_left(23)
    })
}
