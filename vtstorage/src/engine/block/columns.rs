//! Columns under construction: values are gathered in row order, then the encoding is chosen.

use super::ChunkId;
use super::dictionary::Dictionary;
use super::header::{ColumnData, ColumnMeta, Field};
use super::membership;
use crate::engine::batch::CellKind;
use crate::engine::codec::ints::IntUse;
use crate::engine::codec::{FixedStream, IntKind, IntStream, Packer, SegmentWriter, Segments, TextStream};
use crate::engine::error::StorageError;

/// Hands out stream numbers and collects the chunks of a block.
pub(super) struct Streams {
    next: u16,
    pub(super) chunks: Vec<(ChunkId, Vec<u8>)>,
    pub(super) packer: Packer,
}

impl Streams {
    pub(super) fn new() -> Result<Self, StorageError> {
        Ok(Self {
            next: 0,
            chunks: Vec::new(),
            packer: Packer::new()?,
        })
    }

    pub(super) fn next(&mut self) -> u16 {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn ints(&mut self, kind: IntKind, usage: IntUse, values: &[u64]) -> Result<IntStream, StorageError> {
        let stream = self.next();
        IntStream::encode(kind, usage, values, stream, &mut self.packer, &mut self.chunks)
    }

    pub(super) fn texts<T: AsRef<[u8]>>(&mut self, values: &[T]) -> Result<TextStream, StorageError> {
        let stream = self.next();
        TextStream::encode(values, stream, &mut self.packer, &mut self.chunks)
    }

    pub(super) fn fixed(&mut self, width: u8, values: &[u8]) -> FixedStream {
        let stream = self.next();
        FixedStream::encode(width, values, stream, &mut self.chunks)
    }

    /// A stream of one page.
    pub(super) fn blob(&mut self, bytes: &[u8]) -> Segments {
        let stream = self.next();
        let mut writer = SegmentWriter::new(stream, &mut self.chunks);
        writer.page(1, bytes);
        writer.finish()
    }
}

/// The values gathered so far, of one type as long as that holds.
enum Gathered<'a> {
    Nothing,
    Numbers(Vec<u64>),
    Texts(Vec<&'a [u8]>),
    Owned(Vec<Vec<u8>>),
    Mixed(Vec<(CellKind, u64, &'a [u8])>),
}

/// A column under construction.
pub(super) struct ColumnBuilder<'a> {
    pub(super) field: Field,
    kind: Option<CellKind>,
    count: u32,
    values: Gathered<'a>,
}

impl<'a> ColumnBuilder<'a> {
    pub(super) fn new(field: Field) -> Self {
        Self {
            field,
            kind: None,
            count: 0,
            values: Gathered::Nothing,
        }
    }

    /// Adds a value: `bits` of a number, `bytes` of a text.
    #[inline]
    pub(super) fn push(&mut self, kind: CellKind, bits: u64, bytes: &'a [u8]) {
        self.count += 1;
        match &mut self.values {
            Gathered::Numbers(values) if self.kind == Some(kind) => values.push(bits),
            Gathered::Texts(values) if self.kind == Some(kind) => values.push(bytes),
            Gathered::Mixed(values) => values.push((kind, bits, bytes)),
            _ => self.push_other(kind, bits, bytes),
        }
    }

    /// The first value, or the first of another type.
    fn push_other(&mut self, kind: CellKind, bits: u64, bytes: &'a [u8]) {
        let before = std::mem::replace(&mut self.values, Gathered::Nothing);
        let known = self.kind.replace(kind);
        self.values = match (before, known) {
            (Gathered::Nothing, Some(known)) if known == kind => Gathered::Nothing,
            (Gathered::Nothing, None) if kind.is_text() => Gathered::Texts(vec![bytes]),
            (Gathered::Nothing, None) if kind == CellKind::Empty => Gathered::Nothing,
            (Gathered::Nothing, None) => Gathered::Numbers(vec![bits]),
            (before, known) => {
                self.kind = None;
                let known = known.unwrap_or(CellKind::Empty);
                let mut values = match before {
                    Gathered::Numbers(values) => values.into_iter().map(|v| (known, v, [].as_slice())).collect(),
                    Gathered::Texts(values) => values.into_iter().map(|v| (known, 0, v)).collect(),
                    _ => vec![(known, 0, [].as_slice()); self.count as usize - 1],
                };
                values.push((kind, bits, bytes));
                Gathered::Mixed(values)
            }
        };
    }

    /// Adds a text that lives nowhere else. A column takes only such, or none.
    pub(super) fn push_owned(&mut self, kind: CellKind, bytes: Vec<u8>) {
        self.count += 1;
        self.kind = Some(kind);
        match &mut self.values {
            Gathered::Owned(values) => values.push(bytes),
            values => *values = Gathered::Owned(vec![bytes]),
        }
    }

    /// Writes the column; also returns the dictionary code of each value where it has one.
    pub(super) fn encode(self, streams: &mut Streams) -> Result<EncodedColumn<'a>, StorageError> {
        let mut meta = ColumnMeta {
            field: self.field,
            kind: self.kind,
            count: self.count,
            bounds: None,
            data: ColumnData::Empty,
            filter: None,
        };
        let mut dictionary = None;
        match self.values {
            Gathered::Nothing => {}
            Gathered::Numbers(values) => {
                let kind = self.kind.unwrap_or(CellKind::Int);
                meta.bounds = bounds(kind, &values);
                meta.data = ColumnData::Numbers(streams.ints(int_kind(kind), IntUse::Numbers, &values)?);
            }
            Gathered::Texts(values) => {
                let wants_filter = meta.kind == Some(CellKind::Str);
                dictionary = encode_texts(values, wants_filter, &mut meta, streams)?;
            }
            Gathered::Owned(values) => {
                meta.data = ColumnData::Texts(streams.texts(&values)?);
            }
            Gathered::Mixed(values) => {
                let values: Vec<Vec<u8>> = values.iter().map(mixed_bytes).collect();
                meta.data = ColumnData::Texts(streams.texts(&values)?);
            }
        }
        Ok(EncodedColumn { meta, dictionary })
    }

    /// Writes the column as ids of `width` bytes.
    pub(super) fn encode_fixed(self, width: u8, streams: &mut Streams) -> ColumnMeta {
        let bytes = match self.values {
            Gathered::Texts(values) => values.concat(),
            _ => Vec::new(),
        };
        let data = ColumnData::Fixed(streams.fixed(width, &bytes));
        ColumnMeta {
            field: self.field,
            kind: self.kind,
            count: self.count,
            bounds: None,
            data,
            filter: None,
        }
    }
}

/// A written column, and its dictionary if it has one.
pub(super) struct EncodedColumn<'a> {
    pub(super) meta: ColumnMeta,
    pub(super) dictionary: Option<Dictionary<'a>>,
}

fn int_kind(kind: CellKind) -> IntKind {
    match kind {
        CellKind::Double => IntKind::Double,
        CellKind::Bool => IntKind::Unsigned,
        _ => IntKind::Signed,
    }
}

/// Least and greatest int or double, as bits; none where a double is not a number.
fn bounds(kind: CellKind, values: &[u64]) -> Option<(u64, u64)> {
    match kind {
        CellKind::Int => {
            let ints = values.iter().map(|v| v.cast_signed());
            Some((ints.clone().min()?.cast_unsigned(), ints.max()?.cast_unsigned()))
        }
        CellKind::Double => {
            let doubles = values.iter().map(|v| f64::from_bits(*v));
            if doubles.clone().any(f64::is_nan) {
                return None;
            }
            Some((
                doubles.clone().reduce(f64::min)?.to_bits(),
                doubles.reduce(f64::max)?.to_bits(),
            ))
        }
        _ => None,
    }
}

/// A value of a column of mixed types, as it is stored.
fn mixed_bytes((kind, bits, bytes): &(CellKind, u64, &[u8])) -> Vec<u8> {
    let mut out = vec![*kind as u8];
    match kind {
        CellKind::Empty => {}
        kind if kind.is_text() => out.extend_from_slice(bytes),
        _ => out.extend_from_slice(&bits.to_le_bytes()),
    }
    out
}

/// Columns with fewer distinct texts have no filter: their dictionary is as quick.
const MIN_FILTERED: usize = 64;

fn encode_texts<'a>(
    values: Vec<&'a [u8]>,
    wants_filter: bool,
    meta: &mut ColumnMeta,
    streams: &mut Streams,
) -> Result<Option<Dictionary<'a>>, StorageError> {
    let dictionary = Dictionary::of(&values);
    match &dictionary {
        Some(dictionary) => {
            let dict = streams.texts(&dictionary.texts)?;
            let codes = streams.ints(IntKind::Unsigned, IntUse::Codes, &dictionary.codes)?;
            meta.data = ColumnData::Dict { dict, codes };
        }
        None => meta.data = ColumnData::Texts(streams.texts(&values)?),
    }
    let filtered = dictionary.as_ref().map_or(&values, |dictionary| &dictionary.texts);
    if wants_filter && filtered.len() > MIN_FILTERED {
        let hashes = filtered.iter().map(|text| membership::hash(text)).collect();
        meta.filter = membership::build(hashes).map(|filter| streams.blob(&filter));
    }
    Ok(dictionary)
}
