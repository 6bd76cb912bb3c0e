//! Stored values into the form that queries see.

use super::header::{ColumnData, ColumnMeta};
use super::pages::Pages;
use crate::engine::batch::{CellKind, text_value};
use crate::engine::codec::TextStream;
use crate::engine::codec::ints::IntEncoding;
use crate::engine::codec::texts::TextEncoding;
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, Texts, Values};
use common::otlp::wire::WireError;
use common::value::{AttrValue, Attribute, find};
use std::ops::Range;

/// Values of one column, gathered range by range.
pub(super) struct Gathered<'m> {
    meta: &'m ColumnMeta,
    bits: Vec<u64>,
    texts: Texts,
    count: usize,
}

impl<'m> Gathered<'m> {
    pub(super) fn new(meta: &'m ColumnMeta) -> Self {
        Self {
            meta,
            bits: Vec::new(),
            texts: Texts::default(),
            count: 0,
        }
    }

    /// The one value of a column that has no other.
    fn constant(&self) -> Option<Result<AttrValue, WireError>> {
        match (&self.meta.data, self.meta.kind) {
            (ColumnData::Empty, _) => Some(Ok(AttrValue::Empty)),
            (ColumnData::Numbers(stream), Some(kind)) => match stream.encoding {
                IntEncoding::Const(bits) => Some(Ok(number(kind, bits))),
                _ => None,
            },
            (ColumnData::Texts(stream), Some(kind)) => constant_text(stream, kind),
            (ColumnData::Dict { dict, .. }, Some(kind)) => constant_text(dict, kind),
            _ => None,
        }
    }

    /// Adds the values of `range`.
    pub(super) fn read(&mut self, pages: &mut Pages<'_>, range: Range<u32>) -> Result<(), StorageError> {
        self.count += range.len();
        if self.constant().is_some() {
            return Ok(());
        }
        match &self.meta.data {
            ColumnData::Empty => Ok(()),
            ColumnData::Numbers(stream) => pages.ints(stream, range, &mut self.bits),
            ColumnData::Texts(stream) => {
                let texts = &mut self.texts;
                pages.each_text(stream, range, |text| texts.push(text))
            }
            ColumnData::Dict { codes, .. } => pages.ints(codes, range, &mut self.bits),
            ColumnData::Fixed(stream) => {
                let ids = pages.fixed(stream, range)?;
                ids.chunks(usize::from(stream.width.max(1)))
                    .for_each(|id| self.texts.push(id));
                Ok(())
            }
        }
    }

    pub(super) fn finish(self, pages: &mut Pages<'_>) -> Result<Values, StorageError> {
        if let Some(value) = self.constant() {
            return Ok(Values::Const {
                value: value?,
                count: self.count,
            });
        }
        let kind = self.meta.kind;
        Ok(match (&self.meta.data, kind) {
            (ColumnData::Dict { dict, .. }, Some(CellKind::Str)) => {
                let codes = self.bits.into_iter().map(|code| code as u32).collect();
                Values::Dict {
                    dict: pages.all_texts(dict)?,
                    codes,
                }
            }
            (ColumnData::Dict { dict, .. }, kind) => {
                let dict = pages.all_texts(dict)?;
                let value = |code: u64| text_value(kind.unwrap_or(CellKind::Bytes), dict.get(code as usize));
                Values::Mixed(self.bits.into_iter().map(value).collect::<Result<_, _>>()?)
            }
            (ColumnData::Numbers(_), Some(CellKind::Double)) => {
                Values::Double(self.bits.into_iter().map(f64::from_bits).collect())
            }
            (ColumnData::Numbers(_), Some(CellKind::Bool)) => {
                Values::Bool(self.bits.into_iter().map(|bits| bits != 0).collect())
            }
            (ColumnData::Numbers(_), _) => Values::Int(self.bits.into_iter().map(u64::cast_signed).collect()),
            (_, Some(CellKind::Str)) => Values::Text(self.texts),
            (_, Some(kind)) => Values::Mixed(
                self.texts
                    .iter()
                    .map(|bytes| text_value(kind, bytes))
                    .collect::<Result<_, _>>()?,
            ),
            (_, None) => Values::Mixed(self.texts.iter().map(mixed).collect::<Result<_, _>>()?),
        })
    }
}

fn constant_text(stream: &TextStream, kind: CellKind) -> Option<Result<AttrValue, WireError>> {
    match &stream.encoding {
        TextEncoding::Const(bytes) => Some(text_value(kind, bytes)),
        TextEncoding::Paged => None,
    }
}

fn number(kind: CellKind, bits: u64) -> AttrValue {
    match kind {
        CellKind::Bool => AttrValue::Bool(bits != 0),
        CellKind::Double => AttrValue::Double(f64::from_bits(bits)),
        _ => AttrValue::Int(bits.cast_signed()),
    }
}

/// A value of a column of mixed types: see [`ColumnMeta::kind`].
fn mixed(value: &[u8]) -> Result<AttrValue, WireError> {
    let Some((kind, body)) = value.split_first() else {
        return Ok(AttrValue::Empty);
    };
    match CellKind::from_number(*kind) {
        None | Some(CellKind::Empty) => Ok(AttrValue::Empty),
        Some(kind) if kind.is_text() => text_value(kind, body),
        Some(kind) => Ok(number(
            kind,
            body.first_chunk::<8>().map_or(0, |bits| u64::from_le_bytes(*bits)),
        )),
    }
}

/// Values as a person would list them, whatever their type.
pub(super) fn into_list(values: Values) -> Vec<AttrValue> {
    let text = |bytes: &[u8]| AttrValue::from(String::from_utf8_lossy(bytes).as_ref());
    match values {
        Values::Const { value, count } => vec![value; count],
        Values::Dict { dict, codes } => {
            let dict: Vec<AttrValue> = dict.iter().map(text).collect();
            codes
                .iter()
                .map(|code| dict.get(*code as usize).cloned().unwrap_or_default())
                .collect()
        }
        Values::Text(texts) => texts.iter().map(text).collect(),
        Values::Int(values) => values.into_iter().map(AttrValue::Int).collect(),
        Values::UInt(values) => values.into_iter().map(|v| AttrValue::Int(v.cast_signed())).collect(),
        Values::Double(values) => values.into_iter().map(AttrValue::Double).collect(),
        Values::Bool(values) => values.into_iter().map(AttrValue::Bool).collect(),
        Values::TraceIds(ids) => ids.into_iter().map(|id| id.to_string().into()).collect(),
        Values::SpanIds(ids) => ids.into_iter().map(|id| id.to_string().into()).collect(),
        Values::Mixed(values) => values,
    }
}

/// A column's values, and of rows without one what `find` finds in the row's map.
pub(super) fn with_inner(
    column: Option<Loaded>,
    maps: Option<&Loaded>,
    find: impl Fn(&[Attribute]) -> Option<&AttrValue>,
) -> Option<Loaded> {
    let mut found: Vec<(u32, AttrValue)> = Vec::new();
    for (row, entries) in maps.into_iter().flat_map(each_map) {
        found.extend(find(entries).map(|value| (row, value.clone())));
    }
    if found.is_empty() {
        return column;
    }
    let mut all: Vec<(u32, AttrValue)> = Vec::new();
    if let Some(Loaded { rows, values }) = column {
        all.extend(
            into_list(values)
                .into_iter()
                .enumerate()
                .map(|(i, value)| (rows.row(i), value)),
        );
    }
    all.extend(found);
    all.sort_by_key(|(row, _)| *row);
    all.dedup_by_key(|(row, _)| *row);
    from_pairs(all)
}

/// Whether any row's map has a map for `key`.
pub(super) fn has_map(maps: &Loaded, key: &str) -> bool {
    each_map(maps).any(|(_, entries)| matches!(find(entries, key), Some(AttrValue::Map(_))))
}

/// The values that are maps, with their rows.
pub(super) fn each_map(loaded: &Loaded) -> impl Iterator<Item = (u32, &[Attribute])> {
    let (value, count) = match &loaded.values {
        Values::Const { value, count } => (Some(value), *count),
        Values::Mixed(values) => (None, values.len()),
        _ => (None, 0),
    };
    let value = move |i: usize| match (&loaded.values, value) {
        (Values::Mixed(values), _) => values.get(i),
        (_, value) => value,
    };
    (0..count).filter_map(move |i| match value(i)? {
        AttrValue::Map(entries) => Some((loaded.rows.row(i), entries.as_slice())),
        _ => None,
    })
}

/// Values of one type as that type, others as mixed.
fn from_pairs(pairs: Vec<(u32, AttrValue)>) -> Option<Loaded> {
    if pairs.is_empty() {
        return None;
    }
    let (rows, values) = pairs.into_iter().unzip();
    Some(Loaded {
        rows: LoadedRows::Sparse(rows),
        values: Values::Mixed(values),
    })
}

/// One value (or none) for each origin of the block.
pub(super) fn of_origins(
    pages: &mut Pages<'_>,
    origins: &TextStream,
    mut value: impl FnMut(&[u8]) -> Result<Option<AttrValue>, WireError>,
) -> Result<Vec<Option<AttrValue>>, StorageError> {
    let mut out = Vec::with_capacity(origins.count as usize);
    pages.each_text(origins, 0..origins.count, |origin| out.push(value(origin)))?;
    Ok(out.into_iter().collect::<Result<_, _>>()?)
}

/// Spreads the values of origins over the rows that refer to them.
pub(super) fn by_code(rows: LoadedRows, codes: &[u64], values: &[Option<AttrValue>]) -> Option<Loaded> {
    if values.iter().all(|v| matches!(v, None | Some(AttrValue::Str(_)))) {
        let mut names: Vec<&str> = values.iter().flatten().filter_map(AttrValue::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let place = |value: &Option<AttrValue>| {
            value
                .as_ref()
                .and_then(AttrValue::as_str)
                .and_then(|v| names.binary_search(&v).ok())
                .map(|i| i as u32)
        };
        let places: Vec<Option<u32>> = values.iter().map(place).collect();
        let found = codes.iter().map(|code| places.get(*code as usize).copied().flatten());
        let (rows, codes) = keep_some(rows, found);
        let mut dict = Texts::default();
        names.iter().for_each(|name| dict.push(name.as_bytes()));
        return (!codes.is_empty()).then_some(Loaded {
            rows,
            values: Values::Dict { dict, codes },
        });
    }
    let found = codes.iter().map(|code| values.get(*code as usize).cloned().flatten());
    let (rows, values) = keep_some(rows, found);
    (!values.is_empty()).then_some(Loaded {
        rows,
        values: Values::Mixed(values),
    })
}

/// Codes into a list of names, of which the empty one is no value.
pub(super) fn of_dictionary(rows: LoadedRows, codes: Vec<u32>, names: &[String]) -> Option<Loaded> {
    let mut dict = Texts::default();
    names.iter().for_each(|name| dict.push(name.as_bytes()));
    let (rows, codes) = if names.first().is_some_and(String::is_empty) {
        keep_some(rows, codes.into_iter().map(|code| (code != 0).then_some(code)))
    } else {
        (rows, codes)
    };
    (!codes.is_empty()).then_some(Loaded {
        rows,
        values: Values::Dict { dict, codes },
    })
}

/// Drops rows without a value.
fn keep_some<T>(rows: LoadedRows, values: impl Iterator<Item = Option<T>>) -> (LoadedRows, Vec<T>) {
    let (mut kept, mut out, mut dropped) = (Vec::new(), Vec::new(), false);
    for (i, value) in values.enumerate() {
        match value {
            Some(value) => {
                kept.push(rows.row(i));
                out.push(value);
            }
            None => dropped = true,
        }
    }
    if dropped {
        (LoadedRows::Sparse(kept), out)
    } else {
        (rows, out)
    }
}

/// From values of events or links to values of their spans: those at `index`, or all.
pub(super) fn for_owners(loaded: Loaded, owners: &[(u32, u32)], index: Option<u32>, want: &RowSet) -> Option<Loaded> {
    let pairs = into_list(loaded.values)
        .into_iter()
        .enumerate()
        .filter_map(|(i, value)| {
            let (row, place) = *owners.get(loaded.rows.row(i) as usize)?;
            (index.is_none_or(|index| index == place) && want.contains(row)).then_some((row, value))
        });
    from_pairs(pairs.collect())
}
