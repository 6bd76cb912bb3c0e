//! The columns of one source that an aggregation reads, each loaded once, and their values as LogsQL shows them.

use super::coded::Coded;
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Values};
use crate::leaf::filter::Kept;
use common::query::{Column, EMPTY_TEXT, double_text, field_text, is_attribute};
use common::value::AttrValue;

/// Columns by their number in the query.
pub(super) struct Columns<'q> {
    columns: &'q [Column],
    loaded: Vec<Option<Option<Loaded>>>,
    /// The rows that columns are loaded for
    pub(super) matching: &'q RowSet,
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
    pub(super) fn new(columns: &'q [Column], kept: Kept<'_>, matching: &'q RowSet) -> Self {
        Self {
            columns,
            loaded: kept.into_columns(matching),
            matching,
        }
    }

    pub(super) fn load(&mut self, source: &mut dyn RowSource, number: usize) -> Result<(), StorageError> {
        if let (Some(column), Some(loaded @ None)) = (self.columns.get(number), self.loaded.get_mut(number)) {
            *loaded = Some(source.load(column, self.matching)?);
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

    /// Codes for the texts of a column.
    pub(super) fn coded(&self, number: usize) -> Option<Coded> {
        Some(Coded::of_texts(self.get(number)?, self.matching))
    }
}

impl ColumnData<'_> {
    /// Calls `visit` with the value of every row that has one, and perhaps of rows that do not match. Dictionaries and
    /// constants are better looked at as a whole.
    pub(super) fn for_each(&self, matching: &RowSet, mut visit: impl FnMut(u32, Shown<'_>)) {
        let Some(Loaded { rows, values }) = self.loaded else {
            return;
        };
        let attribute = is_attribute(self.column);
        match values {
            Values::Const { value, count } => {
                let (mut text, mut digits) = (String::new(), String::new());
                let shown = self.shown(value, &mut text, &mut digits);
                rows.row_numbers(*count).for_each(|row| visit(row, shown));
            }
            Values::Dict { dict, codes } => each(rows, codes, |row, code| {
                visit(row, shown_text(dict.get(*code as usize), attribute));
            }),
            Values::Text(texts) => {
                for (i, row) in rows.row_numbers(texts.len()).enumerate() {
                    if matching.contains(row) {
                        visit(row, shown_text(texts.get(i), attribute));
                    }
                }
            }
            Values::Int(ints) => each(rows, ints, |row, int| visit(row, shown_int(*int, attribute))),
            Values::UInt(ints) => each(rows, ints, |row, int| match i64::try_from(*int) {
                Ok(int) => visit(row, shown_int(int, attribute)),
                Err(_) => visit(row, Shown::Text(&int.to_string())),
            }),
            Values::Double(doubles) => {
                let mut text = String::new();
                each(rows, doubles, |row, double| {
                    visit(row, shown_double(*double, &mut text))
                });
            }
            Values::Bool(bools) => each(rows, bools, |row, bool| {
                visit(row, Shown::Text(if *bool { "true" } else { "false" }));
            }),
            Values::TraceIds(ids) => each(rows, ids, |row, id| {
                if matching.contains(row) {
                    visit(row, Shown::Text(&id.to_string()));
                }
            }),
            Values::SpanIds(ids) => each(rows, ids, |row, id| {
                if matching.contains(row) {
                    visit(row, Shown::Text(&id.to_string()));
                }
            }),
            Values::Mixed(values) => {
                let (mut text, mut digits) = (String::new(), String::new());
                each(rows, values, |row, value| {
                    if matching.contains(row) {
                        visit(row, self.shown(value, &mut text, &mut digits));
                    }
                });
            }
        }
    }

    /// How a value is shown; the buffers take the text if it has to be made.
    pub(super) fn shown<'v>(&self, value: &'v AttrValue, text: &'v mut String, digits: &'v mut String) -> Shown<'v> {
        let attribute = is_attribute(self.column);
        match value {
            AttrValue::Empty => Shown::Nothing,
            AttrValue::Int(int) => shown_int(*int, attribute),
            AttrValue::Double(double) => shown_double(*double, digits),
            AttrValue::Str(value) => shown_text(value.as_bytes(), attribute),
            value => {
                text.clear();
                text.push_str(&field_text(self.column, value));
                Shown::Text(text)
            }
        }
    }
}

/// Calls `visit` with each value of matching rows and its row, and perhaps with others.
#[inline]
pub(super) fn each_matching<T>(
    rows: &LoadedRows,
    values: &[T],
    matching: &RowSet,
    mut visit: impl FnMut(u32, &T),
) {
    match rows {
        LoadedRows::Dense { start } if matching.count() as usize * FEW < values.len() => {
            for row in matching.iter() {
                let value = row.checked_sub(*start).and_then(|place| values.get(place as usize));
                if let Some(value) = value {
                    visit(row, value);
                }
            }
        }
        rows => each(rows, values, visit),
    }
}

/// With so many times more values than matching rows, rows are looked at one by one.
const FEW: usize = 2;

/// Calls `visit` with each value and its row.
#[inline]
pub(super) fn each<T>(rows: &LoadedRows, values: &[T], mut visit: impl FnMut(u32, &T)) {
    match rows {
        LoadedRows::Dense { start } => (*start..).zip(values).for_each(|(row, value)| visit(row, value)),
        LoadedRows::Sparse(rows) => rows.iter().zip(values).for_each(|(row, value)| visit(*row, value)),
    }
}

/// A text, which must be UTF-8.
pub(super) fn shown_text(text: &[u8], attribute: bool) -> Shown<'_> {
    match std::str::from_utf8(text) {
        Ok("") if attribute => Shown::Text(EMPTY_TEXT),
        Ok("") | Err(_) => Shown::Nothing,
        Ok(text) => Shown::Text(text),
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
