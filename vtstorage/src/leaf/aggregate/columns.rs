//! The columns of one source that an aggregation reads, each loaded once, and their values as LogsQL shows them.

use super::members::Members;
use crate::engine::error::StorageError;
use crate::engine::numbers::{Offset, with_offsets};
use crate::engine::rows::{Loaded, RowSource, Texts, Values};
use crate::leaf::filter::Kept;
use common::query::{Column, EMPTY_TEXT, double_text, field_text, is_always_shown};
use common::value::AttrValue;

/// Columns by their number in the query.
pub(super) struct Columns<'q> {
    columns: &'q [Column],
    loaded: Vec<Option<Option<Loaded>>>,
    /// The rows that columns are loaded for
    pub(super) members: &'q Members<'q>,
}

/// A column with its values, if any row has one.
#[derive(Clone, Copy)]
pub(super) struct ColumnData<'c> {
    pub(super) column: &'c Column,
    pub(super) loaded: Option<&'c Loaded>,
}

/// A value as LogsQL shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shown<'v> {
    /// As the empty text
    Nothing,
    /// In decimal
    Int(i64),
    /// In decimal, as [`common::query::logsql::value::format_float`] prints it
    Double(f64),
    Text(&'v str),
}

impl<'q> Columns<'q> {
    /// Columns, of which the filter may have loaded some.
    pub(super) fn new(columns: &'q [Column], kept: Kept<'_>, members: &'q Members<'q>) -> Self {
        Self {
            columns,
            loaded: kept.into_columns(members.rows),
            members,
        }
    }

    pub(super) fn load(&mut self, source: &mut dyn RowSource, number: usize) -> Result<(), StorageError> {
        if let (Some(column), Some(loaded @ None)) = (self.columns.get(number), self.loaded.get_mut(number)) {
            *loaded = Some(source.load(column, self.members.rows)?);
        }
        Ok(())
    }

    /// A column that was loaded.
    pub(super) fn get(&self, number: usize) -> Option<ColumnData<'_>> {
        let loaded = self.loaded.get(number).and_then(|loaded| loaded.as_ref());
        debug_assert!(loaded.is_some(), "columns are loaded before they are read");
        Some(ColumnData {
            column: self.columns.get(number)?,
            loaded: loaded.and_then(Option::as_ref),
        })
    }
}

impl ColumnData<'_> {
    /// Calls `visit` with each value of a row that counts and the row's place. Dictionaries and constants are better
    /// looked at as a whole.
    pub(super) fn each(&self, members: &Members<'_>, mut visit: impl FnMut(usize, Shown<'_>)) {
        let Some(Loaded { rows, values }) = self.loaded else {
            return;
        };
        let attribute = is_always_shown(self.column);
        let (mut text, mut digits) = (String::new(), String::new());
        match values {
            Values::Const { value, count } => {
                let shown = self.shown(value, &mut text, &mut digits);
                members.each_index(rows, *count, |place, _| visit(place, shown));
            }
            Values::Dict { dict, codes } => {
                let dict = ShownTexts::new(dict, attribute);
                let base = codes.base();
                with_offsets!(codes, offsets => members.each(rows, offsets, |place, offset| {
                    visit(place, dict.get(base.wrapping_add(offset.wide()) as usize));
                }));
            }
            Values::Text(texts) => {
                let shown = ShownTexts::new(texts, attribute);
                members.each_index(rows, texts.len(), |place, i| visit(place, shown.get(i)));
            }
            Values::Int(ints) => {
                let base = ints.base();
                with_offsets!(ints, offsets => members.each(rows, offsets, |place, offset| {
                    visit(place, shown_int(base.wrapping_add(offset.wide()).cast_signed(), attribute));
                }));
            }
            Values::UInt(ints) => {
                let base = ints.base();
                with_offsets!(ints, offsets => members.each(rows, offsets, |place, offset| {
                    let number = base.wrapping_add(offset.wide());
                    match i64::try_from(number) {
                        Ok(int) => visit(place, shown_int(int, attribute)),
                        Err(_) => visit(place, Shown::Text(&number.to_string())),
                    }
                }));
            }
            Values::Double(doubles) => members.each(rows, doubles, |place, double| {
                visit(place, shown_double(*double, &mut text));
            }),
            Values::Bool(bools) => members.each(rows, bools, |place, bool| {
                visit(place, Shown::Text(if *bool { "true" } else { "false" }));
            }),
            Values::TraceIds(ids) => members.each(rows, ids, |place, id| visit(place, Shown::Text(&id.to_string()))),
            Values::SpanIds(ids) => members.each(rows, ids, |place, id| visit(place, Shown::Text(&id.to_string()))),
            Values::Mixed(values) => members.each(rows, values, |place, value| {
                visit(place, self.shown(value, &mut text, &mut digits));
            }),
        }
    }

    /// How a value is shown; the buffers take the text if it has to be made.
    pub(super) fn shown<'v>(&self, value: &'v AttrValue, text: &'v mut String, digits: &'v mut String) -> Shown<'v> {
        let attribute = is_always_shown(self.column);
        match value {
            AttrValue::Empty => Shown::Nothing,
            AttrValue::Int(int) => shown_int(*int, attribute),
            AttrValue::Double(double) => shown_double(*double, digits),
            AttrValue::Str(value) => shown_text(value, attribute),
            value => {
                text.clear();
                text.push_str(&field_text(self.column, value));
                // Bytes may be none: that is no value, not the empty text.
                shown_text(text, false)
            }
        }
    }
}

/// Texts as they are shown. That they are UTF-8 is made sure of for all of them at once.
pub(super) struct ShownTexts<'t> {
    all: &'t str,
    ends: &'t [u32],
    attribute: bool,
}

impl<'t> ShownTexts<'t> {
    pub(super) fn new(texts: &'t Texts, attribute: bool) -> Self {
        let (bytes, ends) = texts.parts();
        Self {
            all: std::str::from_utf8(bytes).unwrap_or_default(),
            ends,
            attribute,
        }
    }

    /// The text with this number.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Shown<'t> {
        let end = |i: usize| self.ends.get(i).map_or(0, |end| *end as usize);
        let start = number.checked_sub(1).map_or(0, end);
        shown_text(self.all.get(start..end(number)).unwrap_or_default(), self.attribute)
    }
}

fn shown_text(text: &str, attribute: bool) -> Shown<'_> {
    match text {
        "" if attribute => Shown::Text(EMPTY_TEXT),
        "" => Shown::Nothing,
        text => Shown::Text(text),
    }
}

#[inline]
fn shown_int(int: i64, attribute: bool) -> Shown<'static> {
    if int == 0 && !attribute {
        Shown::Nothing
    } else {
        Shown::Int(int)
    }
}

fn shown_double(double: f64, text: &mut String) -> Shown<'_> {
    let size = double.abs();
    if (1e-6..1e21).contains(&size) || double.to_bits() == 0 {
        return Shown::Double(double);
    }
    *text = double_text(double);
    Shown::Text(text)
}
