//! Stored values into the form that queries see.

use super::header::{ColumnData, ColumnMeta};
use super::pages::Pages;
use crate::engine::batch::{CellKind, text_value};
use crate::engine::codec::TextStream;
use crate::engine::codec::ints::IntEncoding;
use crate::engine::codec::texts::TextEncoding;
use crate::engine::error::StorageError;
use crate::engine::numbers::Numbers;
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

    /// All values of the column, shared where they can be; `None` where only [`Self::read`] gives them.
    pub(super) fn whole(meta: &'m ColumnMeta, pages: &mut Pages<'_>) -> Result<Option<Values>, StorageError> {
        if let Some(value) = Self::new(meta).constant() {
            let count = meta.count as usize;
            return Ok(Some(Values::Const { value: value?, count }));
        }
        Ok(match (&meta.data, meta.kind) {
            (ColumnData::Dict { dict, codes }, Some(CellKind::Str)) => Some(Values::Dict {
                dict: pages.whole_texts(dict)?,
                codes: pages.whole_numbers(codes)?,
            }),
            (ColumnData::Texts(stream), Some(CellKind::Str)) => Some(Values::Text(pages.whole_texts(stream)?)),
            (ColumnData::Numbers(stream), Some(CellKind::Int)) => Some(Values::Int(pages.whole_numbers(stream)?)),
            _ => None,
        })
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
            (ColumnData::Dict { dict, .. }, Some(CellKind::Str)) => Values::Dict {
                dict: pages.whole_texts(dict)?,
                codes: self.bits.into(),
            },
            (ColumnData::Dict { dict, .. }, kind) => {
                let dict = pages.whole_texts(dict)?;
                let value = |code: u64| text_value(kind.unwrap_or(CellKind::Bytes), dict.get(code as usize));
                Values::Mixed(self.bits.into_iter().map(value).collect::<Result<_, _>>()?)
            }
            (ColumnData::Numbers(_), Some(CellKind::Double)) => {
                Values::Double(self.bits.into_iter().map(f64::from_bits).collect())
            }
            (ColumnData::Numbers(_), Some(CellKind::Bool)) => {
                Values::Bool(self.bits.into_iter().map(|bits| bits != 0).collect())
            }
            (ColumnData::Numbers(_), _) => Values::Int(self.bits.into()),
            (_, Some(CellKind::Str)) => Values::Text(self.texts.into()),
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
                .map(|code| dict.get(code as usize).cloned().unwrap_or_default())
                .collect()
        }
        Values::Text(texts) => texts.iter().map(text).collect(),
        Values::Int(values) | Values::UInt(values) => values.iter_signed().map(AttrValue::Int).collect(),
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
        let values = into_list(values);
        all.extend(rows.row_numbers(values.len()).zip(values));
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
pub(super) fn by_code(rows: LoadedRows, codes: &Numbers, values: &[Option<AttrValue>]) -> Option<Loaded> {
    if values.iter().all(|v| matches!(v, None | Some(AttrValue::Str(_)))) {
        let mut names: Vec<&str> = values.iter().flatten().filter_map(AttrValue::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let place = |value: &Option<AttrValue>| {
            let value = value.as_ref().and_then(AttrValue::as_str)?;
            names.binary_search(&value).ok().map(|i| i as u32)
        };
        let places: Vec<Option<u32>> = values.iter().map(place).collect();
        let (rows, codes) = match places.iter().copied().collect::<Option<Vec<u32>>>() {
            Some(places) => (rows, codes.mapped(&places)),
            None => {
                let found = codes.iter().map(|code| places.get(code as usize).copied().flatten());
                let (rows, codes) = keep_some(&rows, found);
                (rows, codes.into())
            }
        };
        return of_names(rows, codes, &names);
    }
    let found = codes.iter().map(|code| values.get(code as usize).cloned().flatten());
    let (rows, values) = keep_some(&rows, found);
    (!values.is_empty()).then_some(Loaded {
        rows,
        values: Values::Mixed(values),
    })
}

/// Codes into a list of names, of which the empty one is no value; it is the first if it is there.
pub(super) fn of_dictionary(rows: LoadedRows, codes: Numbers, names: &[String]) -> Option<Loaded> {
    if names.first().is_some_and(String::is_empty) {
        let named = codes.iter().map(|code| (code != 0).then_some(code));
        let (rows, codes) = keep_some(&rows, named);
        return of_names(rows, codes.into(), names);
    }
    of_names(rows, codes, names)
}

fn of_names<N: AsRef<str>>(rows: LoadedRows, codes: Numbers, names: &[N]) -> Option<Loaded> {
    let mut dict = Texts::default();
    names.iter().for_each(|name| dict.push(name.as_ref().as_bytes()));
    let values = Values::Dict {
        dict: dict.into(),
        codes,
    };
    (!values.is_empty()).then_some(Loaded { rows, values })
}

/// Drops rows without a value.
fn keep_some<T>(rows: &LoadedRows, values: impl ExactSizeIterator<Item = Option<T>>) -> (LoadedRows, Vec<T>) {
    let kept = rows.row_numbers(values.len()).zip(values);
    let (rows, values) = kept.filter_map(|(row, value)| Some((row, value?))).unzip();
    (LoadedRows::Sparse(rows), values)
}

/// From values of events or links to values of their spans: those at `index`, or all.
pub(super) fn for_owners(loaded: Loaded, owners: &[(u32, u32)], index: Option<u32>, want: &RowSet) -> Option<Loaded> {
    let values = into_list(loaded.values);
    let pairs = loaded.rows.row_numbers(values.len()).zip(values);
    let pairs = pairs.filter_map(|(item, value)| {
        let (row, place) = *owners.get(item as usize)?;
        (index.is_none_or(|index| index == place) && want.contains(row)).then_some((row, value))
    });
    from_pairs(pairs.collect())
}
