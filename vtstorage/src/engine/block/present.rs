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
        let events = Nested {
            table: &self.header().columns.events,
            end: Field::EventsEnd,
            fields: EVENT_FIELDS.to_vec(),
            attribute: |key| EventField::Attr(key.into()),
            values: Self::event_values,
            column: |field, index| Column::Event { field, index },
        };
        self.count_nested(events, wanted, check, visit)
    }

    fn count_links(
        &mut self,
        wanted: &RowSet,
        check: &mut Check<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        let links = Nested {
            table: &self.header().columns.links,
            end: Field::LinksEnd,
            fields: LINK_FIELDS.to_vec(),
            attribute: |key| LinkField::Attr(key.into()),
            values: Self::link_values,
            column: |field, index| Column::Link { field, index },
        };
        self.count_nested(links, wanted, check, visit)
    }

    fn count_nested<F: Clone>(
        &mut self,
        nested: Nested<'_, Self, F>,
        wanted: &RowSet,
        check: &mut Check<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        let spans = &self.header().columns.spans;
        let owners = nested::owners(self.pages(), spans, &nested.end)?;
        let all = RowSet::of_range(nested.table.rows, 0..nested.table.rows);
        let keys = self.keys(nested.table, &all)?.into_iter().map(nested.attribute);
        let fields = nested.fields.into_iter().map(|field| (field, false));
        for (field, is_attribute) in fields.chain(keys.map(|field| (field, true))) {
            check()?;
            if let Some(loaded) = (nested.values)(self, &field, &owners)? {
                for (index, count) in count_by_index(&loaded, is_attribute, &owners, wanted) {
                    visit((nested.column)(field.clone(), Some(index)), count);
                }
            }
        }
        Ok(())
    }
}

/// Gives the values of a field in all rows of a table, whose owners are known.
type Load<R, F> = fn(&mut R, &F, &[(u32, u32)]) -> Result<Option<Loaded>, StorageError>;

/// The events or the links of spans: a table of its own, whose fields are `F`.
struct Nested<'b, R, F> {
    table: &'b TableMeta,
    /// The spans' column that says where their rows end
    end: Field,
    /// All fields but attributes
    fields: Vec<F>,
    attribute: fn(String) -> F,
    values: Load<R, F>,
    column: fn(F, Option<u32>) -> Column,
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
