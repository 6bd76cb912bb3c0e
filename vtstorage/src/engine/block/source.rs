//! A block as a [`RowSource`]: columns for filters and aggregates, read page by page where rows are wanted.

use super::header::{BlockHeader, ColumnMeta, Field, TableMeta, may_have_key};
use super::pages::Pages;
use super::values::{self, Gathered};
use super::wanted::{WantedRows, wanted_pages};
use super::{Block, KeptRows, materialize, nested, prune, slots};
use crate::engine::batch::{CellKind, SpanBatch};
use crate::engine::codec::{IntStream, PAGE_VALUES};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Values};
use common::cluster::SlotSet;
use common::ids::{SpanId, TenantId, TraceId};
use common::query::{AttrLevel, Column, EventField, LinkField, SpanField};
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

    pub(super) fn pages(&mut self) -> &mut Pages<'b> {
        &mut self.pages
    }

    pub(super) fn header(&self) -> &'b BlockHeader {
        &self.block.header
    }

    /// A column that every row has, for the pages with wanted rows.
    pub(super) fn dense(&mut self, stream: &IntStream, want: &RowSet) -> Result<(LoadedRows, Vec<u64>), StorageError> {
        let (mut rows, mut out) = (WantedRows::default(), Vec::new());
        for page in wanted_pages(want) {
            self.pages.ints(stream, page.clone(), &mut out)?;
            rows.page(page);
        }
        Ok((rows.finish(), out))
    }

    fn starts(&mut self, want: &RowSet) -> Result<(LoadedRows, Vec<u64>), StorageError> {
        let columns = &self.header().columns;
        let (rows, mut starts) = self.dense(&columns.span.start, want)?;
        let ends = self.pages.all_ints(&columns.trace.rows_end)?;
        let trace_starts = self.pages.all_ints(&columns.trace.start)?;
        let min = self.header().min_start;
        let mut trace = 0;
        for (i, start) in starts.iter_mut().enumerate() {
            let row = u64::from(rows.row(i));
            while ends.get(trace).is_some_and(|end| *end <= row) {
                trace += 1;
            }
            *start = start
                .wrapping_add(min)
                .wrapping_add(trace_starts.get(trace).copied().unwrap_or_default());
        }
        Ok((rows, starts))
    }

    fn field(&mut self, field: SpanField, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let span = &self.header().columns.span;
        let signed = |(rows, bits): (LoadedRows, Vec<u64>)| Loaded {
            rows,
            values: Values::Int(bits.into_iter().map(u64::cast_signed).collect()),
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
                let (rows, mut ends) = self.starts(want)?;
                let (_, durations) = self.dense(&span.duration, want)?;
                ends.iter_mut()
                    .zip(durations)
                    .for_each(|(end, duration)| *end = end.wrapping_add(duration));
                Loaded {
                    rows,
                    values: Values::UInt(ends),
                }
            }
            SpanField::Duration => {
                let (rows, durations) = self.dense(&span.duration, want)?;
                let durations = durations.into_iter().map(|d| d.cast_signed().max(0).cast_unsigned());
                Loaded {
                    rows,
                    values: Values::UInt(durations.collect()),
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
        let (mut rows, mut out) = (WantedRows::default(), Gathered::new(&self.header().columns.span.name));
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
        let (mut rows, mut ids) = (WantedRows::default(), Vec::new());
        for page in wanted_pages(want) {
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

    fn of_table(&mut self, table: &TableMeta, field: &Field, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
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
        let Some(meta) = table.columns.get(number) else {
            return Ok(None);
        };
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
    fn counts(&mut self, table: &TableMeta, field: &Field, want: &RowSet) -> Result<Loaded, StorageError> {
        let mut counts = vec![0i64; table.rows as usize];
        if let Some(Loaded { rows, values }) = self.of_table(table, field, want)? {
            let values = match values {
                Values::Int(values) => values,
                Values::Const {
                    value: AttrValue::Int(value),
                    count,
                } => vec![value; count],
                _ => Vec::new(),
            };
            for (i, value) in values.into_iter().enumerate() {
                counts
                    .iter_mut()
                    .skip(rows.row(i) as usize)
                    .take(1)
                    .for_each(|count| *count = value);
            }
        }
        Ok(Loaded {
            rows: LoadedRows::Dense { start: 0 },
            values: Values::Int(counts),
        })
    }

    /// An attribute of the span, event or link table: its column, what was spilled, and what is inside of maps.
    fn attr(&mut self, table: &TableMeta, key: &str, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
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
        let (rows, codes) = self.dense(&columns.span.resource, want)?;
        if key == SERVICE_NAME && self.header().services_are_texts {
            let header = self.header();
            let service = |code: &u64| {
                header
                    .resource_services
                    .get(*code as usize)
                    .copied()
                    .unwrap_or_default()
            };
            let codes = codes.iter().map(service).collect();
            return Ok(values::of_dictionary(rows, codes, &header.services));
        }
        let of_origin =
            |origin: &[u8]| crate::engine::batch::read_resource(origin).map(|r| find_path(&r.attributes, key).cloned());
        let values = values::of_origins(&mut self.pages, &columns.resources, of_origin)?;
        Ok(values::by_code(rows, &codes, &values))
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

    fn event(&mut self, field: &EventField, index: Option<u32>, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let spans = &self.header().columns.spans;
        let owners = nested::owners(&mut self.pages, spans, &Field::EventsEnd)?;
        let loaded = self.event_values(field, &owners)?;
        Ok(loaded.and_then(|loaded| values::for_owners(loaded, &owners, index, want)))
    }

    /// The values of events by the number of the event.
    pub(super) fn event_values(
        &mut self,
        field: &EventField,
        owners: &[(u32, u32)],
    ) -> Result<Option<Loaded>, StorageError> {
        let columns = &self.header().columns;
        let all = RowSet::of_range(columns.events.rows, 0..columns.events.rows);
        Ok(match field {
            EventField::Name => {
                let mut out = Gathered::new(&columns.event.name);
                out.read(&mut self.pages, 0..columns.events.rows)?;
                Some(Loaded {
                    rows: LoadedRows::Dense { start: 0 },
                    values: out.finish(&mut self.pages)?,
                })
            }
            EventField::Time => Some(self.event_times(owners)?),
            EventField::DroppedAttributesCount => {
                Some(self.counts(&columns.events, &Field::DroppedAttributes, &all)?)
            }
            EventField::Attr(key) => self.attr(&columns.events, key, &all)?,
        })
    }

    fn event_times(&mut self, owners: &[(u32, u32)]) -> Result<Loaded, StorageError> {
        let rows = self.header().rows;
        let (_, starts) = self.starts(&RowSet::of_range(rows, 0..rows))?;
        let mut times = self.pages.all_ints(&self.header().columns.event.time)?;
        for (time, (row, _)) in times.iter_mut().zip(owners) {
            *time = time.wrapping_add(starts.get(*row as usize).copied().unwrap_or_default());
        }
        Ok(Loaded {
            rows: LoadedRows::Dense { start: 0 },
            values: Values::UInt(times),
        })
    }

    fn link(&mut self, field: &LinkField, index: Option<u32>, want: &RowSet) -> Result<Option<Loaded>, StorageError> {
        let spans = &self.header().columns.spans;
        let owners = nested::owners(&mut self.pages, spans, &Field::LinksEnd)?;
        let loaded = self.link_values(field, &owners)?;
        Ok(loaded.and_then(|loaded| values::for_owners(loaded, &owners, index, want)))
    }

    /// The values of links by the number of the link.
    pub(super) fn link_values(
        &mut self,
        field: &LinkField,
        owners: &[(u32, u32)],
    ) -> Result<Option<Loaded>, StorageError> {
        let columns = &self.header().columns;
        let all = RowSet::of_range(columns.links.rows, 0..columns.links.rows);
        Ok(match field {
            LinkField::TraceId | LinkField::SpanId => self.link_ids(*field == LinkField::TraceId, owners)?,
            LinkField::TraceState => Some(self.link_trace_states()?),
            LinkField::Flags => Some(self.counts(&columns.links, &Field::Flags, &all)?),
            LinkField::DroppedAttributesCount => Some(self.counts(&columns.links, &Field::DroppedAttributes, &all)?),
            LinkField::Attr(key) => self.attr(&columns.links, key, &all)?,
        })
    }

    /// The ids that links point to, read with their spans' rows.
    fn link_ids(&mut self, of_trace: bool, owners: &[(u32, u32)]) -> Result<Option<Loaded>, StorageError> {
        let mut rows: Vec<u32> = owners.iter().map(|(row, _)| *row).collect();
        rows.dedup();
        let ranges: Vec<Range<u32>> = rows.iter().map(|row| *row..row + 1).collect();
        if ranges.is_empty() {
            return Ok(None);
        }
        let batch = self.read_rows(&ranges)?;
        // Ids that are zeros are no value.
        let number = 0..batch.links.len() as u32;
        Ok(Some(if of_trace {
            let ids = number
                .zip(batch.links.iter().map(|l| l.trace_id))
                .filter(|(_, id)| !id.is_zero());
            let (links, ids) = ids.unzip();
            Loaded {
                rows: LoadedRows::Sparse(links),
                values: Values::TraceIds(ids),
            }
        } else {
            let ids = number
                .zip(batch.links.iter().map(|l| l.span_id))
                .filter(|(_, id)| !id.is_zero());
            let (links, ids) = ids.unzip();
            Loaded {
                rows: LoadedRows::Sparse(links),
                values: Values::SpanIds(ids),
            }
        }))
    }

    /// The trace state of each link, empty or not.
    fn link_trace_states(&mut self) -> Result<Loaded, StorageError> {
        let table = &self.header().columns.links;
        let mut states = vec![AttrValue::from(""); table.rows as usize];
        let all = RowSet::of_range(table.rows, 0..table.rows);
        if let Some(Loaded { rows, values }) = self.of_table(table, &Field::TraceState, &all)? {
            for (i, value) in values::into_list(values).into_iter().enumerate() {
                states
                    .iter_mut()
                    .skip(rows.row(i) as usize)
                    .take(1)
                    .for_each(|state| *state = value.clone());
            }
        }
        Ok(Loaded {
            rows: LoadedRows::Dense { start: 0 },
            values: Values::Mixed(states),
        })
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
