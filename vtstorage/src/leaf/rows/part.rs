//! Makes parts of answers out of rows.

use super::set_of;
use super::source::Reader;
use crate::engine::error::StorageError;
use crate::engine::numbers::Numbers;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Texts, Values};
use common::query::{Column, ColumnRows, RowPart, RowValues};
use common::value::AttrValue;
use std::sync::Arc;

/// Rows as spans, and about how much memory they take.
pub(super) fn spans(reader: &mut Reader<'_, '_>, rows: &[u32]) -> Result<(RowPart, usize), StorageError> {
    let (spans, bytes) = reader.spans(rows)?;
    Ok((RowPart::Spans(spans), bytes))
}

/// Columns of rows (ascending), and about how much memory they take.
pub(super) fn columns(
    source: &mut dyn RowSource,
    columns: &[Column],
    rows: &[u32],
) -> Result<(RowPart, usize), StorageError> {
    let want = set_of(source, rows);
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        values.push(match source.load(column, &want)? {
            None => RowValues::Values(vec![None; rows.len()]),
            Some(loaded) => row_values(&loaded, &want),
        });
    }
    let bytes = values.iter().map(memory_bytes).sum();
    let part = ColumnRows {
        len: rows.len(),
        columns: values,
    };
    Ok((RowPart::Columns(part), bytes))
}

fn row_values(loaded: &Loaded, want: &RowSet) -> RowValues {
    let picked = Picked {
        rows: &loaded.rows,
        want,
    };
    match &loaded.values {
        Values::Const {
            value: AttrValue::Str(text),
            count,
        } => RowValues::Dict {
            values: vec![text.clone()],
            codes: picked.values(*count, |_| Some(0)),
        },
        Values::Const { value, count } => RowValues::Values(picked.values(*count, |_| Some(value.clone()))),
        Values::Dict { dict, codes } => dictionary(dict, codes, &picked),
        Values::Text(texts) => picked.attributes(texts.len(), |i| text(texts.get(i)).into()),
        Values::Int(ints) => picked.attributes(ints.len(), |i| {
            AttrValue::Int(ints.get(i).unwrap_or_default().cast_signed())
        }),
        Values::UInt(ints) => picked.attributes(ints.len(), |i| {
            let int = ints.get(i).unwrap_or_default();
            i64::try_from(int).map_or_else(|_| int.to_string().into(), AttrValue::Int)
        }),
        Values::Double(doubles) => picked.each(doubles, |double| AttrValue::Double(*double)),
        Values::Bool(bools) => picked.each(bools, |bool| AttrValue::Bool(*bool)),
        Values::TraceIds(ids) => picked.each(ids, |id| id.to_string().into()),
        Values::SpanIds(ids) => picked.each(ids, |id| id.to_string().into()),
        Values::Mixed(values) => picked.each(values, AttrValue::clone),
    }
}

/// Texts are UTF-8.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Makes a text of each entry that is in use.
fn dictionary(dict: &Texts, codes: &Numbers, picked: &Picked<'_>) -> RowValues {
    let mut known: Vec<Option<u32>> = vec![None; dict.len()];
    let mut values: Vec<Arc<str>> = Vec::new();
    let codes = picked.values(codes.len(), |i| {
        let code = codes.get(i)? as usize;
        let known = known.get_mut(code)?;
        Some(*known.get_or_insert_with(|| {
            values.push(text(dict.get(code)).into());
            values.len() as u32 - 1
        }))
    });
    RowValues::Dict { values, codes }
}

/// Values of the wanted rows only.
struct Picked<'a> {
    rows: &'a LoadedRows,
    want: &'a RowSet,
}

impl Picked<'_> {
    /// For each wanted row the value, by its place among the `count` loaded ones.
    fn values<T: Clone>(&self, count: usize, mut value: impl FnMut(usize) -> Option<T>) -> Vec<Option<T>> {
        let mut out = Vec::with_capacity(self.want.count() as usize);
        let mut wanted = self.want.iter().peekable();
        for (i, row) in self.rows.row_numbers(count).enumerate() {
            while wanted.next_if(|wanted| *wanted < row).is_some() {
                out.push(None);
            }
            if wanted.next_if(|wanted| *wanted == row).is_some() {
                out.push(value(i));
            }
        }
        out.extend(wanted.map(|_| None));
        out
    }

    fn attributes(&self, count: usize, mut value: impl FnMut(usize) -> AttrValue) -> RowValues {
        RowValues::Values(self.values(count, |i| Some(value(i))))
    }

    fn each<T>(&self, values: &[T], value: impl Fn(&T) -> AttrValue) -> RowValues {
        RowValues::Values(self.values(values.len(), |i| values.get(i).map(&value)))
    }
}

fn memory_bytes(values: &RowValues) -> usize {
    match values {
        RowValues::Dict { values, codes } => {
            let texts: usize = values.iter().map(|text| size_of::<Arc<str>>() + 16 + text.len()).sum();
            texts + codes.len() * size_of::<Option<u32>>()
        }
        RowValues::Values(values) => {
            let content: usize = values.iter().flatten().map(content_bytes).sum();
            content + values.len() * size_of::<Option<AttrValue>>()
        }
    }
}

/// About how much memory a value takes besides its own size.
fn content_bytes(value: &AttrValue) -> usize {
    match value {
        AttrValue::Str(text) => 16 + text.len(),
        AttrValue::Bytes(bytes) => 16 + bytes.len(),
        AttrValue::Array(values) => values
            .iter()
            .map(|value| size_of::<AttrValue>() + content_bytes(value))
            .sum(),
        AttrValue::Map(entries) => entries
            .iter()
            .map(|entry| size_of::<common::value::Attribute>() + 16 + entry.key.len() + content_bytes(&entry.value))
            .sum(),
        AttrValue::Empty | AttrValue::Bool(_) | AttrValue::Int(_) | AttrValue::Double(_) => 0,
    }
}
