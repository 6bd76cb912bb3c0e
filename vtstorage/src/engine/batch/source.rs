//! The columns of a batch: what queries read of spans that are not in a block yet. Columns are made as they are asked
//! for, of the rows that are asked for.

use super::gather::Gather;
use super::keyed::{self, Keyed, cell_of, low32};
use super::{CellColumn, Origin, SpanBatch, SpanRow, Text};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Texts, Values};
use common::ids::{SpanId, TenantId, TraceId};
use common::otlp::view::{GroupView, OriginView, ValueView};
use common::otlp::wire::WireError;
use common::query::{AttrLevel, Column, EventField, LinkField, SpanField};
use common::value::AttrValue;
use std::ops::Range;

/// The rows of a batch as a source of columns.
#[derive(Clone, Debug)]
pub struct BatchRows<'a> {
    pub(super) batch: &'a SpanBatch,
    start_range: Option<(u64, u64)>,
    within: Option<RowSet>,
}

impl<'a> BatchRows<'a> {
    pub fn new(batch: &'a SpanBatch) -> Self {
        Self {
            batch,
            start_range: None,
            within: None,
        }
    }

    /// With the earliest and latest start of its rows, where they are known.
    pub fn with_start_range(batch: &'a SpanBatch, range: (u64, u64)) -> Self {
        Self {
            batch,
            start_range: Some(range),
            within: None,
        }
    }

    /// From now on the request is about these rows only.
    pub fn restrict(&mut self, within: RowSet) {
        self.within = Some(within);
    }

    /// One value of every wanted row.
    fn field<T>(&self, want: &RowSet, value: impl Fn(&SpanRow) -> T) -> (LoadedRows, Vec<T>) {
        let rows = &self.batch.rows;
        if want.count() as usize == rows.len() {
            return (LoadedRows::Dense { start: 0 }, rows.iter().map(value).collect());
        }
        let wanted = want
            .iter()
            .filter_map(|row| rows.get(row as usize).map(|r| (row, value(r))));
        let (numbers, values) = wanted.unzip();
        (LoadedRows::Sparse(numbers), values)
    }

    fn span_field(&self, field: SpanField, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let uint = |value: fn(&SpanRow) -> u64| {
            let (rows, values) = self.field(want, value);
            Loaded {
                rows,
                values: Values::UInt(values.into()),
            }
        };
        let int = |value: fn(&SpanRow) -> i64| {
            let (rows, values) = self.field(want, value);
            Loaded {
                rows,
                values: Values::Int(values.into()),
            }
        };
        Ok(Some(match field {
            SpanField::TraceId => {
                let (rows, values) = self.field(want, |r| r.trace_id);
                Loaded {
                    rows,
                    values: Values::TraceIds(values),
                }
            }
            SpanField::SpanId => {
                let (rows, values) = self.field(want, |r| r.span_id);
                Loaded {
                    rows,
                    values: Values::SpanIds(values),
                }
            }
            SpanField::ParentSpanId => return Ok(self.parents(want)),
            SpanField::Name => {
                let (rows, places) = self.field(want, |r| r.name);
                Loaded {
                    rows,
                    values: Values::Text(self.texts(&places).into()),
                }
            }
            SpanField::Start => uint(|r| r.start),
            SpanField::End => uint(|r| r.end),
            SpanField::Duration => uint(|r| r.end.saturating_sub(r.start)),
            SpanField::Kind => int(|r| i64::from(r.kind)),
            SpanField::StatusCode => int(|r| i64::from(r.status)),
            SpanField::Flags => self.count(CellColumn::Flags, want),
            SpanField::DroppedAttributesCount => self.count(CellColumn::DroppedAttributes, want),
            SpanField::DroppedEventsCount => self.count(CellColumn::DroppedEvents, want),
            SpanField::DroppedLinksCount => self.count(CellColumn::DroppedLinks, want),
            SpanField::StatusMessage => return self.cell_text(CellColumn::StatusMessage, want),
            SpanField::TraceState => return self.cell_text(CellColumn::TraceState, want),
            SpanField::ScopeName => {
                return self.origin_column(AttrLevel::Scope, want, |scope| Ok(text_view(scope.name)));
            }
            SpanField::ScopeVersion => {
                return self.origin_column(AttrLevel::Scope, want, |scope| Ok(text_view(scope.version)));
            }
        }))
    }

    fn texts(&self, places: &[Text]) -> Texts {
        let mut texts = Texts::default();
        places.iter().for_each(|place| texts.push(self.batch.bytes(*place)));
        texts
    }

    fn parents(&self, want: &RowSet) -> Option<Loaded> {
        let parent = |row: u32| {
            self.batch
                .rows
                .get(row as usize)
                .map(|r| r.parent)
                .filter(|id| !id.is_zero())
        };
        let (rows, parents): (Vec<u32>, Vec<SpanId>) =
            want.iter().filter_map(|row| parent(row).map(|id| (row, id))).unzip();
        (!rows.is_empty()).then_some(Loaded {
            rows: LoadedRows::Sparse(rows),
            values: Values::SpanIds(parents),
        })
    }

    /// A number that rows have no cell for where it is 0.
    fn count(&self, field: CellColumn, want: &RowSet) -> Loaded {
        let Some(column) = self.batch.spans.column(field) else {
            let count = self.batch.rows.len();
            return Loaded {
                rows: LoadedRows::Dense { start: 0 },
                values: Values::Const {
                    value: AttrValue::Int(0),
                    count,
                },
            };
        };
        let (rows, values): (Vec<u32>, Vec<i64>) = want
            .iter()
            .map(|row| {
                (
                    row,
                    cell_of(self.batch.row_cells(row as usize), column).map_or(0, low32),
                )
            })
            .unzip();
        Loaded {
            rows: LoadedRows::Sparse(rows),
            values: Values::Int(values.into()),
        }
    }

    fn cell_text(&self, field: CellColumn, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let Some(column) = self.batch.spans.column(field) else {
            return Ok(None);
        };
        let mut gather = Gather::default();
        for row in want.iter() {
            if let Some(cell) = cell_of(self.batch.row_cells(row as usize), column) {
                gather.text(row, self.batch.bytes(cell.text()))?;
            }
        }
        Ok(gather.finish())
    }

    /// A value of each row's resource or scope; every one of these is read once.
    fn origin_column(
        &self,
        level: AttrLevel,
        want: &RowSet,
        value: impl Fn(&OriginView<'a>) -> Result<Option<ValueView<'a>>, WireError>,
    ) -> Result<Option<Loaded>, StorageError> {
        let batch = self.batch;
        let origins = if level == AttrLevel::Scope {
            &batch.scopes
        } else {
            &batch.resources
        };
        let number = |row: u32| {
            batch
                .rows
                .get(row as usize)
                .map(|r| if level == AttrLevel::Scope { r.scope } else { r.resource })
        };
        let views = origins
            .iter()
            .map(|origin| value(&origin_view(level, origin)?))
            .collect::<Result<Vec<_>, WireError>>()?;
        if views.iter().all(|v| matches!(v, None | Some(ValueView::Str(_)))) {
            return Ok(dictionary(&views, want, number));
        }
        let mut gather = Gather::default();
        for row in want.iter() {
            if let Some(Some(view)) = number(row).and_then(|n| views.get(n as usize)) {
                gather.view(row, view)?;
            }
        }
        Ok(gather.finish())
    }

    fn span_attr(&self, key: &str, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let keyed = Keyed::new(self.batch, &self.batch.spans, key);
        let mut gather = Gather::default();
        if keyed.is_known() {
            for row in want.iter() {
                keyed.gather(row, self.batch.row_cells(row as usize), &mut gather)?;
            }
        }
        Ok(gather.finish())
    }
}

impl RowSource for BatchRows<'_> {
    fn rows(&self) -> u32 {
        self.batch.rows.len() as u32
    }

    fn within(&self) -> Option<&RowSet> {
        self.within.as_ref()
    }

    fn tenant_rows(&self, tenant: TenantId) -> Range<u32> {
        if self.batch.tenant == tenant {
            0..self.rows()
        } else {
            0..0
        }
    }

    fn start_range(&self) -> (u64, u64) {
        self.start_range.unwrap_or_else(|| self.batch.start_range())
    }

    fn load(&mut self, column: &Column, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        match column {
            Column::Field(field) => self.span_field(*field, want),
            Column::Attr {
                level: AttrLevel::Span,
                key,
            } => self.span_attr(key, want),
            Column::Attr { level, key } => {
                self.origin_column(*level, want, |origin| keyed::find_path(&origin.attributes, key))
            }
            Column::Event { field, index } => self.event_column(field, *index, want),
            Column::Link { field, index } => self.link_column(field, *index, want),
        }
    }

    /// Knows only which keys the batch has.
    fn may_contain(&mut self, column: &Column, _text: &str) -> Result<bool, StorageError> {
        Ok(self.may_have(column))
    }

    fn may_be_within(&mut self, column: &Column, _min: f64, _max: f64) -> bool {
        self.may_have(column)
    }

    fn trace_rows(&mut self, tenant: TenantId, trace: TraceId) -> Result<Vec<u32>, StorageError> {
        if self.batch.tenant != tenant {
            return Ok(Vec::new());
        }
        let hash = trace.hash();
        let of_trace = |r: &SpanRow| r.hash == hash && r.trace_id == trace;
        let rows = self.batch.rows.iter().enumerate();
        Ok(rows.filter(|(_, r)| of_trace(r)).map(|(row, _)| row as u32).collect())
    }
}

impl BatchRows<'_> {
    fn may_have(&self, column: &Column) -> bool {
        let (table, key) = match column {
            Column::Attr {
                level: AttrLevel::Span,
                key,
            } => (&self.batch.spans, key),
            Column::Event {
                field: EventField::Attr(key),
                ..
            } => (&self.batch.event_cells, key),
            Column::Link {
                field: LinkField::Attr(key),
                ..
            } => (&self.batch.link_cells, key),
            _ => return true,
        };
        Keyed::new(self.batch, table, key).is_known()
    }
}

fn text_view(text: &str) -> Option<ValueView<'_>> {
    (!text.is_empty()).then_some(ValueView::Str(text))
}

fn origin_view(level: AttrLevel, origin: &Origin) -> Result<OriginView<'_>, WireError> {
    let mut view = OriginView::default();
    for message in &GroupView::read(origin)?.origin {
        match level {
            AttrLevel::Scope => view.read_scope(message)?,
            AttrLevel::Resource | AttrLevel::Span => view.read_resource(message)?,
        }
    }
    Ok(view)
}

/// A text of each row's origin as codes: equal texts of several origins have one code.
fn dictionary(views: &[Option<ValueView<'_>>], want: &RowSet, number: impl Fn(u32) -> Option<u32>) -> Option<Loaded> {
    let mut dict = Texts::default();
    let mut known = hashbrown::HashMap::<&str, u32>::with_capacity(views.len());
    let mut codes: Vec<Option<u32>> = Vec::with_capacity(views.len());
    for view in views {
        let Some(ValueView::Str(text)) = view else {
            codes.push(None);
            continue;
        };
        codes.push(Some(*known.entry(text).or_insert_with(|| {
            dict.push(text.as_bytes());
            dict.len() as u32 - 1
        })));
    }
    let code = |row: u32| number(row).and_then(|n| codes.get(n as usize).copied().flatten());
    let (rows, codes): (Vec<u32>, Vec<u32>) = want.iter().filter_map(|row| code(row).map(|c| (row, c))).unzip();
    (!rows.is_empty()).then_some(Loaded {
        rows: LoadedRows::Sparse(rows),
        values: Values::Dict {
            dict: dict.into(),
            codes: codes.into(),
        },
    })
}
