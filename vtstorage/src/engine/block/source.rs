//! A block as a [`RowSource`]: columns for filters and aggregates, read page by page where rows are wanted.

use super::header::{BlockHeader, ColumnMeta, Field, TableMeta, may_have_key};
use super::pages::Pages;
use super::values::{self, Gathered};
use super::wanted::{WantedRows, wanted_pages, wants_most};
use super::{Block, KeptRows, materialize, nested, prune, slots};
use crate::engine::batch::{CellKind, SpanBatch};
use crate::engine::codec::{IntStream, PAGE_VALUES};
use crate::engine::error::StorageError;
use crate::engine::numbers::{Narrowing, Numbers};
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Values};
use common::cluster::SlotSet;
use common::ids::{SpanId, TenantId, TraceId};
use common::query::{AttrLevel, Column, SpanField};
use common::span::SERVICE_NAME;
use common::value::{AttrValue, find, find_path, map_keys};
use std::ops::Range;

/// The rows of a block during one request.
pub struct BlockRows<'b> {
    block: &'b Block,
    pages: Pages<'b>,
    within: Option<RowSet>,
}

impl<'b> BlockRows<'b> {
    pub(super) fn new(block: &'b Block, scan: bool) -> Self {
        Self {
            block,
            pages: Pages::new(block, scan),
            within: None,
        }
    }

    /// The rows of `tenant` whose slot, of `slots` slots, is in a set.
    pub fn slots_kept(&mut self, tenant: TenantId, slots: u16, set: &SlotSet) -> Result<KeptRows, StorageError> {
        let of_slots = slots::of_block(self.block, &mut self.pages, tenant, slots)?;
        Ok(of_slots.kept(set, self.block.header.rows))
    }

    /// The numbers of a tenant's spans by minute of the day of their start; `None` where it has none.
    pub fn minutes_of_tenant(&self, tenant: TenantId) -> Option<&'b [(u16, u32)]> {
        let mut tenants = self.block.header.tenants.iter();
        tenants.find(|of| of.tenant == tenant.0).map(|of| of.minutes.as_slice())
    }

    /// From now on the request is about these rows only.
    pub fn restrict(&mut self, within: RowSet) {
        self.within = Some(within);
    }

    /// Reads the rows of `ranges` (ascending, of one tenant) into a batch, in that order.
    pub fn read_rows(&mut self, ranges: &[Range<u32>]) -> Result<SpanBatch, StorageError> {
        materialize::read_rows(self.block, &mut self.pages, ranges)
    }

    /// Bytes of column data read so far.
    pub fn bytes_read(&self) -> u64 {
        self.pages.bytes_read()
    }

    pub(super) fn block(&self) -> &'b Block {
        self.block
    }

    pub(super) fn pages(&mut self) -> &mut Pages<'b> {
        &mut self.pages
    }

    pub(super) fn header(&self) -> &'b BlockHeader {
        &self.block.header
    }

    /// A column that every row has, for at least the pages with wanted rows.
    pub(super) fn dense(&mut self, stream: &IntStream, want: &RowSet) -> Result<(LoadedRows, Numbers), StorageError> {
        if wants_most(want) {
            return Ok((ALL_ROWS, self.pages.whole_numbers(stream)?));
        }
        let (rows, numbers) = self.dense_pages(stream, want)?;
        Ok((rows, numbers.into()))
    }

    fn dense_pages(&mut self, stream: &IntStream, want: &RowSet) -> Result<(LoadedRows, Vec<u64>), StorageError> {
        let (mut rows, mut out) = (WantedRows::default(), Vec::new());
        for page in wanted_pages(want) {
            self.pages.ints(stream, page.clone(), &mut out)?;
            rows.page(page);
        }
        Ok((rows.finish(), out))
    }

    pub(super) fn starts(&mut self, want: &RowSet) -> Result<(LoadedRows, Numbers), StorageError> {
        let columns = &self.header().columns;
        let stream = &columns.span.start;
        if wants_most(want) {
            let block = self.block;
            let starts = self.pages.derived_numbers(stream, |pages| {
                let mut starts = pages.all_ints(stream)?;
                nested::add_trace_starts(block, pages, 0..block.header.rows, &mut starts)?;
                let mut narrow = Narrowing::new(block.header.min_start, 64, starts.len());
                narrow.extend(&starts);
                Ok(narrow.finish())
            })?;
            return Ok((ALL_ROWS, starts));
        }
        let (rows, mut starts) = self.dense_pages(stream, want)?;
        nested::add_trace_starts(self.block, &mut self.pages, rows.row_numbers(starts.len()), &mut starts)?;
        Ok((rows, starts.into()))
    }

    fn field(&mut self, field: SpanField, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let span = &self.header().columns.span;
        let signed = |(rows, numbers): (LoadedRows, Numbers)| Loaded {
            rows,
            values: Values::Int(numbers),
        };
        Ok(Some(match field {
            SpanField::TraceId => self.trace_ids(want)?,
            SpanField::SpanId => self.span_ids(want)?,
            SpanField::ParentSpanId => return self.parents(want),
            SpanField::Name => return self.name(want).map(Some),
            SpanField::Kind => signed(self.dense(&span.kind, want)?),
            SpanField::StatusCode => signed(self.dense(&span.status, want)?),
            SpanField::Start => {
                let (rows, starts) = self.starts(want)?;
                Loaded {
                    rows,
                    values: Values::UInt(starts),
                }
            }
            SpanField::End => {
                let (rows, starts) = self.starts(want)?;
                let (_, durations) = self.dense(&span.duration, want)?;
                let ends = starts.iter().zip(durations.iter());
                let ends: Vec<u64> = ends.map(|(start, duration)| start.wrapping_add(duration)).collect();
                Loaded {
                    rows,
                    values: Values::UInt(ends.into()),
                }
            }
            SpanField::Duration => {
                let (rows, mut durations) = self.dense(&span.duration, want)?;
                if !durations.all_fit_signed() {
                    let positive = durations.iter_signed().map(|d| d.max(0).cast_unsigned());
                    durations = positive.collect::<Vec<_>>().into();
                }
                Loaded {
                    rows,
                    values: Values::UInt(durations),
                }
            }
            SpanField::TraceState => return self.sparse(&Field::TraceState, want),
            SpanField::StatusMessage => return self.sparse(&Field::StatusMessage, want),
            SpanField::Flags => self.counts(&self.header().columns.spans, &Field::Flags, want)?,
            SpanField::DroppedAttributesCount => {
                self.counts(&self.header().columns.spans, &Field::DroppedAttributes, want)?
            }
            SpanField::DroppedEventsCount => self.counts(&self.header().columns.spans, &Field::DroppedEvents, want)?,
            SpanField::DroppedLinksCount => self.counts(&self.header().columns.spans, &Field::DroppedLinks, want)?,
            SpanField::ScopeName => return self.of_scope(want, &|scope| non_empty(&scope.name)),
            SpanField::ScopeVersion => return self.of_scope(want, &|scope| non_empty(&scope.version)),
        }))
    }

    fn name(&mut self, want: &RowSet) -> Result<Loaded, StorageError> {
        let meta = &self.header().columns.span.name;
        if wants_most(want)
            && let Some(values) = Gathered::whole(meta, &mut self.pages)?
        {
            return Ok(Loaded { rows: ALL_ROWS, values });
        }
        let (mut rows, mut out) = (WantedRows::default(), Gathered::new(meta));
        for page in wanted_pages(want) {
            out.read(&mut self.pages, page.clone())?;
            rows.page(page);
        }
        Ok(Loaded {
            rows: rows.finish(),
            values: out.finish(&mut self.pages)?,
        })
    }

    fn trace_ids(&mut self, want: &RowSet) -> Result<Loaded, StorageError> {
        let pages = wanted_pages(want);
        if (want.count() as usize) < pages.len() * FEW_PER_PAGE {
            let (rows, ids) = nested::trace_ids_of(self.block, &mut self.pages, want)?;
            return Ok(Loaded {
                rows: LoadedRows::Sparse(rows),
                values: Values::TraceIds(ids),
            });
        }
        let (mut rows, mut ids) = (WantedRows::default(), Vec::new());
        for page in pages {
            for trace in nested::traces_of(self.block, &mut self.pages, page.clone())? {
                let here = trace.rows.start.max(page.start)..trace.rows.end.min(page.end);
                ids.extend(here.map(|_| trace.id));
            }
            rows.page(page);
        }
        Ok(Loaded {
            rows: rows.finish(),
            values: Values::TraceIds(ids),
        })
    }

    fn span_ids(&mut self, want: &RowSet) -> Result<Loaded, StorageError> {
        let (mut rows, mut ids) = (WantedRows::default(), Vec::new());
        for page in wanted_pages(want) {
            let bytes = self.pages.fixed(&self.header().columns.span.span_id, page.clone())?;
            ids.extend(bytes.as_chunks::<8>().0.iter().map(|id| SpanId(*id)));
            rows.page(page);
        }
        Ok(Loaded {
            rows: rows.finish(),
            values: Values::SpanIds(ids),
        })
    }

    fn parents(&mut self, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let (mut rows, mut ids) = (Vec::new(), Vec::new());
        for page in wanted_pages(want) {
            // Whole traces around the page, since a parent is a row of its trace.
            let batch = nested::parents_of(self.block, &mut self.pages, page)?;
            rows.extend(batch.iter().map(|(row, _)| *row));
            ids.extend(batch.iter().map(|(_, id)| *id));
        }
        Ok((!rows.is_empty()).then_some(Loaded {
            rows: LoadedRows::Sparse(rows),
            values: Values::SpanIds(ids),
        }))
    }

    /// A sparse column of the span table by its field.
    pub(super) fn sparse(&mut self, field: &Field, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        self.of_table(&self.header().columns.spans, field, want)
    }

    pub(super) fn of_table(
        &mut self,
        table: &TableMeta,
        field: &Field,
        want: &RowSet,
    ) -> Result<Option<Loaded>, StorageError> {
        match table.columns.iter().position(|c| c.field == *field) {
            Some(number) => self.column(table, number, want),
            None => Ok(None),
        }
    }

    /// The values of column `number` of `table` in the pages with wanted rows.
    pub(super) fn column(
        &mut self,
        table: &TableMeta,
        number: usize,
        want: &RowSet,
    ) -> Result<Option<Loaded>, StorageError> {
        let Some(meta) = table.columns.get(number).filter(|meta| meta.count > 0) else {
            return Ok(None);
        };
        if wants_most(want)
            && let Some(values) = Gathered::whole(meta, &mut self.pages)?
        {
            let rows = self.pages.rows_having(table, number as u16)?;
            return Ok(Some(Loaded {
                rows: LoadedRows::Set(rows),
                values,
            }));
        }
        let layout = self.pages.layout(table)?;
        let having = layout.having(number as u16);
        let (mut rows, mut codes) = (Vec::new(), Vec::new());
        let mut out = Gathered::new(meta);
        for range in wanted_pages(want) {
            let page = range.start as usize / PAGE_VALUES;
            let values = layout.rank(number as u16, page)..layout.rank(number as u16, page + 1);
            if values.is_empty() {
                continue;
            }
            nested::add_rows_having(&mut self.pages, table, &having, range, &mut codes, &mut rows)?;
            out.read(&mut self.pages, values)?;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(Loaded {
            rows: LoadedRows::Sparse(rows),
            values: out.finish(&mut self.pages)?,
        }))
    }

    /// A count that is 0 where it is not stored.
    pub(super) fn counts(&mut self, table: &TableMeta, field: &Field, want: &RowSet) -> Result<Loaded, StorageError> {
        let mut counts = vec![0i64; table.rows as usize];
        if let Some(Loaded { rows, values }) = self.of_table(table, field, want)? {
            let values: Vec<i64> = match values {
                Values::Int(values) => values.iter_signed().collect(),
                Values::Const {
                    value: AttrValue::Int(value),
                    count,
                } => vec![value; count],
                _ => Vec::new(),
            };
            for (row, value) in rows.row_numbers(values.len()).zip(values) {
                counts
                    .iter_mut()
                    .skip(row as usize)
                    .take(1)
                    .for_each(|count| *count = value);
            }
        }
        Ok(Loaded {
            rows: LoadedRows::Dense { start: 0 },
            values: Values::Int(counts.into()),
        })
    }

    /// An attribute of the span, event or link table: its column, what was spilled, and what is inside of maps.
    pub(super) fn attr(&mut self, table: &TableMeta, key: &str, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let spilled = self.of_table(table, &Field::Spill, want)?;
        let mut loaded = self.own_attr(table, key, want, spilled.as_ref())?;
        for (map, inner) in map_keys(key) {
            let in_column = attr_column(table, map).is_some_and(may_have_maps);
            if in_column || spilled.as_ref().is_some_and(|spilled| values::has_map(spilled, map)) {
                let maps = self.own_attr(table, map, want, spilled.as_ref())?;
                loaded = values::with_inner(loaded, maps.as_ref(), |entries| find_path(entries, inner));
            }
        }
        Ok(loaded)
    }

    /// The values of exactly this key.
    fn own_attr(
        &mut self,
        table: &TableMeta,
        key: &str,
        want: &RowSet,
        spilled: Option<&Loaded>,
    ) -> Result<Option<Loaded>, StorageError> {
        let number = table
            .columns
            .iter()
            .position(|c| matches!(&c.field, Field::Attr(k) if k == key));
        let loaded = match number {
            Some(number) => self.column(table, number, want)?,
            None => None,
        };
        Ok(values::with_inner(loaded, spilled, |entries| find(entries, key)))
    }

    fn of_resource(&mut self, key: &str, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let columns = &self.header().columns;
        if key == SERVICE_NAME && self.header().services_are_texts {
            return self.services(want);
        }
        let (rows, codes) = self.dense(&columns.span.resource, want)?;
        let of_origin =
            |origin: &[u8]| crate::engine::batch::read_resource(origin).map(|r| find_path(&r.attributes, key).cloned());
        let values = values::of_origins(&mut self.pages, &columns.resources, of_origin)?;
        Ok(values::by_code(rows, &codes, &values))
    }

    fn services(&mut self, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let header = self.header();
        let stream = &header.columns.span.resource;
        let (rows, codes) = if wants_most(want) {
            let services = self.pages.derived_numbers(stream, |pages| {
                Ok(pages.whole_numbers(stream)?.mapped(&header.resource_services))
            })?;
            (ALL_ROWS, services)
        } else {
            let (rows, codes) = self.dense(stream, want)?;
            (rows, codes.mapped(&header.resource_services))
        };
        Ok(values::of_dictionary(rows, codes, &header.services))
    }

    fn of_scope(
        &mut self,
        want: &RowSet,
        value: &dyn Fn(&common::span::Scope) -> Option<AttrValue>,
    ) -> Result<Option<Loaded>, StorageError> {
        let columns = &self.header().columns;
        let (rows, codes) = self.dense(&columns.span.scope, want)?;
        let of_origin = |origin: &[u8]| crate::engine::batch::read_scope(origin).map(|scope| value(&scope));
        let values = values::of_origins(&mut self.pages, &columns.scopes, of_origin)?;
        Ok(values::by_code(rows, &codes, &values))
    }
}

impl RowSource for BlockRows<'_> {
    fn rows(&self) -> u32 {
        self.header().rows
    }

    fn within(&self) -> Option<&RowSet> {
        self.within.as_ref()
    }

    fn tenant_rows(&self, tenant: TenantId) -> Range<u32> {
        self.header().tenant_rows(tenant)
    }

    fn start_range(&self) -> (u64, u64) {
        (self.header().min_start, self.header().max_start)
    }

    fn load(&mut self, column: &Column, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        match column {
            Column::Field(field) => self.field(*field, want),
            Column::Attr {
                level: AttrLevel::Resource,
                key,
            } if !may_have_key(&self.header().resource_keys, key) => Ok(None),
            Column::Attr {
                level: AttrLevel::Scope,
                key,
            } if !may_have_key(&self.header().scope_keys, key) => Ok(None),
            Column::Attr {
                level: AttrLevel::Resource,
                key,
            } => self.of_resource(key, want),
            Column::Attr {
                level: AttrLevel::Scope,
                key,
            } => self.of_scope(want, &|scope| find_path(&scope.attributes, key).cloned()),
            Column::Attr {
                level: AttrLevel::Span,
                key,
            } => self.attr(&self.header().columns.spans, key, want),
            Column::Event { field, index } => self.event(field, *index, want),
            Column::Link { field, index } => self.link(field, *index, want),
        }
    }

    fn may_contain(&mut self, column: &Column, text: &str) -> Result<bool, StorageError> {
        prune::may_contain(self.header(), &mut self.pages, column, text)
    }

    fn may_be_within(&mut self, column: &Column, min: f64, max: f64) -> bool {
        prune::may_be_within(self.header(), column, min, max)
    }

    fn trace_rows(&mut self, tenant: TenantId, trace: TraceId) -> Result<Vec<u32>, StorageError> {
        let rows = nested::find_trace(self.block, &mut self.pages, tenant, trace)?;
        Ok(rows.map(Iterator::collect).unwrap_or_default())
    }
}

/// So few rows of a page are looked up one by one.
const FEW_PER_PAGE: usize = PAGE_VALUES / 16;

const ALL_ROWS: LoadedRows = LoadedRows::Dense { start: 0 };

fn non_empty(text: &str) -> Option<AttrValue> {
    (!text.is_empty()).then(|| text.into())
}

/// The column an attribute of this table has.
fn attr_column<'t>(table: &'t TableMeta, key: &str) -> Option<&'t ColumnMeta> {
    let mut columns = table.columns.iter();
    columns.find(|c| matches!(&c.field, Field::Attr(k) if k == key))
}

pub(super) fn may_have_maps(column: &ColumnMeta) -> bool {
    matches!(column.kind, None | Some(CellKind::Map))
}

/// The column an attribute of this table has, and whether values may hide in the spill column or in maps.
pub(super) fn attr_places<'t>(table: &'t TableMeta, key: &str) -> (Option<&'t ColumnMeta>, bool) {
    let in_maps = || map_keys(key).any(|(map, _)| attr_column(table, map).is_some_and(may_have_maps));
    let elsewhere = table.columns.iter().any(|c| c.field == Field::Spill) || in_maps();
    (attr_column(table, key), elsewhere)
}
