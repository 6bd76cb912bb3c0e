//! Which columns rows of a block show something in, counted column by column.

use super::header::{Field, TableMeta};
use super::source::{BlockRows, may_have_maps};
use super::{nested, values};
use crate::engine::batch::{read_resource, read_scope};
use crate::engine::codec::{IntStream, TextStream};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, RowSet, RowSource, Values};
use common::otlp::wire::WireError;
use common::query::{
    AttrLevel, Column, EVENT_FIELDS, EventField, LINK_FIELDS, LinkField, SPAN_FIELDS, SpanField, has_text, inner_keys,
    present_keys,
};
use common::value::{AttrValue, Attribute};
use std::collections::BTreeMap;

/// Takes a column and how many rows show it.
type Visit<'v> = dyn FnMut(Column, u64) + 'v;
/// Says whether to go on.
type Check<'v> = dyn FnMut() -> Result<(), StorageError> + 'v;

impl BlockRows<'_> {
    /// Calls `visit` for each column with the number of `wanted` rows that show something in it; `check` is called now
    /// and then.
    pub fn count_present(
        &mut self,
        wanted: &RowSet,
        check: &mut Check<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        self.count_fields(wanted, check, visit)?;
        let columns = &self.header().columns;
        let (resources, scopes) = (&columns.span.resource, &columns.span.scope);
        let of_resource = |origin: &[u8]| read_resource(origin).map(|r| r.attributes);
        self.count_origins(
            AttrLevel::Resource,
            resources,
            &columns.resources,
            of_resource,
            wanted,
            visit,
        )?;
        let of_scope = |origin: &[u8]| read_scope(origin).map(|s| s.attributes);
        self.count_origins(AttrLevel::Scope, scopes, &columns.scopes, of_scope, wanted, visit)?;
        for key in self.keys(&columns.spans, wanted)? {
            check()?;
            let column = Column::span(key);
            let count = match self.load(&column, wanted)? {
                Some(loaded) => count(&loaded, true, wanted),
                None => 0,
            };
            report(column, count, visit);
        }
        self.count_events(wanted, check, visit)?;
        self.count_links(wanted, check, visit)
    }

    fn count_fields(
        &mut self,
        wanted: &RowSet,
        check: &mut Check<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        for field in SPAN_FIELDS {
            check()?;
            let column = Column::Field(field);
            let count = match field {
                SpanField::TraceId | SpanField::SpanId | SpanField::Duration => u64::from(wanted.count()),
                _ => self
                    .load(&column, wanted)?
                    .map_or(0, |loaded| count(&loaded, false, wanted)),
            };
            report(column, count, visit);
        }
        Ok(())
    }

    /// Resources or scopes: each is looked at once.
    fn count_origins(
        &mut self,
        level: AttrLevel,
        codes: &IntStream,
        origins: &TextStream,
        attributes: impl Fn(&[u8]) -> Result<Vec<Attribute>, WireError>,
        wanted: &RowSet,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        let (at, codes) = self.dense(codes, wanted)?;
        let mut rows: BTreeMap<u64, u64> = BTreeMap::new();
        for (row, code) in at.row_numbers(codes.len()).zip(codes.iter()) {
            if wanted.contains(row) {
                *rows.entry(code).or_default() += 1;
            }
        }
        let as_map = |origin: &[u8]| attributes(origin).map(|attributes| Some(AttrValue::Map(attributes)));
        let origins = values::of_origins(self.pages(), origins, as_map)?;
        for (code, count) in rows {
            if let Some(Some(AttrValue::Map(attributes))) = origins.get(code as usize) {
                present_keys(attributes, &mut |key| visit(Column::Attr { level, key }, count));
            }
        }
        Ok(())
    }

    /// The keys of a table, and those inside of the maps of these rows.
    fn keys(&mut self, table: &TableMeta, wanted: &RowSet) -> Result<Vec<String>, StorageError> {
        let mut keys = Vec::new();
        for (number, column) in table.columns.iter().enumerate() {
            match &column.field {
                Field::Attr(key) => {
                    keys.push(key.clone());
                    if may_have_maps(column)
                        && let Some(loaded) = self.column(table, number, wanted)?
                    {
                        values::each_map(&loaded).for_each(|(_, entries)| inner_keys(key, entries, &mut keys));
                    }
                }
                Field::Spill => {
                    let spilled = self.column(table, number, wanted)?;
                    for (_, entries) in spilled.iter().flat_map(values::each_map) {
                        keys_of(entries, &mut keys);
                    }
                }
                _ => {}
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn count_events(
        &mut self,
        wanted: &RowSet,
        check: &mut Check<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        let columns = &self.header().columns;
        let owners = nested::owners(self.pages(), &columns.spans, &Field::EventsEnd)?;
        let all = RowSet::of_range(columns.events.rows, 0..columns.events.rows);
        let keys = self.keys(&columns.events, &all)?;
        let keys = keys.into_iter().map(|key| EventField::Attr(key.into()));
        for field in EVENT_FIELDS.into_iter().chain(keys) {
            check()?;
            let is_attribute = matches!(field, EventField::Attr(_));
            if let Some(loaded) = self.event_values(&field, &owners)? {
                for (index, count) in count_by_index(&loaded, is_attribute, &owners, wanted) {
                    let (field, index) = (field.clone(), Some(index));
                    visit(Column::Event { field, index }, count);
                }
            }
        }
        Ok(())
    }

    fn count_links(
        &mut self,
        wanted: &RowSet,
        check: &mut Check<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        let columns = &self.header().columns;
        let owners = nested::owners(self.pages(), &columns.spans, &Field::LinksEnd)?;
        let all = RowSet::of_range(columns.links.rows, 0..columns.links.rows);
        let keys = self.keys(&columns.links, &all)?;
        let keys = keys.into_iter().map(|key| LinkField::Attr(key.into()));
        for field in LINK_FIELDS.into_iter().chain(keys) {
            check()?;
            let is_attribute = matches!(field, LinkField::Attr(_));
            if let Some(loaded) = self.link_values(&field, &owners)? {
                for (index, count) in count_by_index(&loaded, is_attribute, &owners, wanted) {
                    let (field, index) = (field.clone(), Some(index));
                    visit(Column::Link { field, index }, count);
                }
            }
        }
        Ok(())
    }
}

fn report(column: Column, count: u64, visit: &mut Visit<'_>) {
    if count > 0 {
        visit(column, count);
    }
}

/// The keys of a list of attributes, and those inside of its maps.
fn keys_of(attributes: &[Attribute], keys: &mut Vec<String>) {
    for Attribute { key, value } in attributes {
        keys.push(key.to_string());
        if let AttrValue::Map(entries) = value {
            inner_keys(key, entries, keys);
        }
    }
}

/// The wanted rows with a value that is shown.
fn count(loaded: &Loaded, is_attribute: bool, wanted: &RowSet) -> u64 {
    let is_shown = shown(&loaded.values, is_attribute);
    let rows = loaded.rows.row_numbers(loaded.values.len()).enumerate();
    let counted = rows.filter(|(i, row)| wanted.contains(*row) && is_shown(*i));
    counted.count() as u64
}

/// The wanted rows by the place of the event or link that has a value that is shown.
fn count_by_index(loaded: &Loaded, is_attribute: bool, owners: &[(u32, u32)], wanted: &RowSet) -> BTreeMap<u32, u64> {
    let is_shown = shown(&loaded.values, is_attribute);
    let mut counts = BTreeMap::new();
    for (i, item) in loaded.rows.row_numbers(loaded.values.len()).enumerate() {
        if let Some((row, index)) = owners.get(item as usize)
            && wanted.contains(*row)
            && is_shown(i)
        {
            *counts.entry(*index).or_default() += 1;
        }
    }
    counts
}

/// Whether a value, by its place, is shown: of attributes also the empty text and zero.
fn shown(values: &Values, is_attribute: bool) -> Box<dyn Fn(usize) -> bool + '_> {
    let of_value = move |value: &AttrValue| match value {
        AttrValue::Str(text) => is_attribute || !text.is_empty(),
        AttrValue::Int(int) => is_attribute || *int != 0,
        value => has_text(value),
    };
    match values {
        Values::Const { value, .. } => {
            let shown = of_value(value);
            Box::new(move |_| shown)
        }
        Values::Mixed(values) => Box::new(move |i| values.get(i).is_some_and(of_value)),
        _ if is_attribute => Box::new(|_| true),
        Values::Dict { dict, codes } => {
            Box::new(move |i| codes.get(i).is_some_and(|code| !dict.get(code as usize).is_empty()))
        }
        Values::Text(texts) => Box::new(move |i| !texts.get(i).is_empty()),
        Values::Int(ints) => Box::new(move |i| ints.get(i).is_some_and(|int| int != 0)),
        Values::UInt(ints) => Box::new(move |i| ints.get(i).is_some_and(|int| int != 0)),
        Values::Double(_) | Values::Bool(_) | Values::TraceIds(_) | Values::SpanIds(_) => Box::new(|_| true),
    }
}
