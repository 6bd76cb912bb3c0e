//! Streams of 64-bit numbers: constant, bit-packed, bytes under zstd, or `pco`, whichever suits the values.

use super::{PAGE_VALUES, Packer, SegmentWriter, Segments, Unpacker};
use crate::engine::block::ChunkId;
use crate::engine::error::StorageError;
use crate::engine::numbers::{Narrowing, Numbers};
use bitpacking::{BitPacker, BitPacker4x};
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, PagingSpec};
use serde::{Deserialize, Serialize};

/// How the bits of a stream's numbers are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntKind {
    Unsigned,
    Signed,
    Double,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum IntEncoding {
    /// Every value is this one; there are no pages.
    Const(u64),
    /// Value minus `min` in `width` bits.
    Packed { min: u64, width: u8 },
    /// Value minus `min` in `width` bytes, pages under zstd.
    Zstd { min: u64, width: u8 },
    /// `pco` pages; its header and chunk metadata.
    Pco(Vec<u8>),
}

/// A stream of numbers, given as bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntStream {
    pub kind: IntKind,
    pub encoding: IntEncoding,
    pub count: u32,
    pub segments: Segments,
}

/// What a stream may be encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntUse {
    /// Dictionary codes and the like: packed or zstd.
    Codes,
    /// Numbers with a meaning: `pco` too.
    Numbers,
}

/// `pco`'s level: higher ones cost more than they save here.
const PCO_LEVEL: usize = 4;

/// Packing is faster to read: others must be smaller than this share of it.
const PACKED_BIAS: f64 = 0.8;

impl IntStream {
    /// Writes `values` (bits of `kind`) in the encoding that a sample of them favours.
    pub fn encode(
        kind: IntKind,
        usage: IntUse,
        values: &[u64],
        stream: u16,
        packer: &mut Packer,
        chunks: &mut Vec<(ChunkId, Vec<u8>)>,
    ) -> Result<Self, StorageError> {
        let count = values.len() as u32;
        let encoding = choose(kind, usage, values, packer)?;
        let mut writer = SegmentWriter::new(stream, chunks);
        let encoding = match encoding {
            IntEncoding::Pco(_) => write_pco(kind, values, &mut writer)?,
            encoding => {
                let mut page = Vec::new();
                if !matches!(encoding, IntEncoding::Const(_)) {
                    for values in values.chunks(PAGE_VALUES) {
                        page.clear();
                        write_page(&encoding, values, packer, &mut page)?;
                        writer.page(values.len() as u32, &page);
                    }
                }
                encoding
            }
        };
        Ok(Self {
            kind,
            encoding,
            count,
            segments: writer.finish(),
        })
    }

    /// A reader of this stream's pages.
    pub fn decoder(&self) -> Result<IntDecoder, StorageError> {
        Ok(match &self.encoding {
            IntEncoding::Const(value) => IntDecoder::Const(*value),
            IntEncoding::Packed { min, width } => IntDecoder::Packed {
                min: *min,
                width: *width,
            },
            IntEncoding::Zstd { min, width } => IntDecoder::Zstd {
                min: *min,
                width: *width,
            },
            IntEncoding::Pco(meta) => {
                let (file, rest) = FileDecompressor::new(meta.as_slice()).map_err(pco_error)?;
                match self.kind {
                    IntKind::Unsigned => IntDecoder::Unsigned(file.chunk_decompressor(rest).map_err(pco_error)?.0),
                    IntKind::Signed => IntDecoder::Signed(file.chunk_decompressor(rest).map_err(pco_error)?.0),
                    IntKind::Double => IntDecoder::Double(file.chunk_decompressor(rest).map_err(pco_error)?.0),
                }
            }
        })
    }
}

/// Decodes pages of one stream; making it costs more than a page.
pub enum IntDecoder {
    Const(u64),
    Packed { min: u64, width: u8 },
    Zstd { min: u64, width: u8 },
    Unsigned(pco::wrapped::ChunkDecompressor<u64>),
    Signed(pco::wrapped::ChunkDecompressor<i64>),
    Double(pco::wrapped::ChunkDecompressor<f64>),
}

impl IntDecoder {
    /// Appends the `n` values of a page to `out`.
    pub fn decode(
        &mut self,
        page: &[u8],
        n: usize,
        unpacker: &mut Unpacker,
        out: &mut Vec<u64>,
    ) -> Result<(), StorageError> {
        match self {
            Self::Const(value) => out.resize(out.len() + n, *value),
            Self::Packed { min, width } => {
                read_packed(page, n, *width, |value| min.wrapping_add(u64::from(value)), out)?;
            }
            Self::Zstd { min, width } => read_zstd(page, n, *min, *width, unpacker, out)?,
            Self::Unsigned(chunk) => {
                let start = out.len();
                out.resize(start + n, 0);
                let room = out.get_mut(start..).unwrap_or_default();
                chunk
                    .page_decompressor(page, n)
                    .and_then(|mut p| p.read(room))
                    .map_err(pco_error)?;
            }
            Self::Signed(chunk) => out.extend(read_pco(chunk, page, n)?.into_iter().map(i64::cast_unsigned)),
            Self::Double(chunk) => out.extend(read_pco(chunk, page, n)?.into_iter().map(f64::to_bits)),
        }
        Ok(())
    }
}

impl IntDecoder {
    /// The `n` values of a page, in as few bytes as they need.
    pub fn decode_narrow(&mut self, page: &[u8], n: usize, unpacker: &mut Unpacker) -> Result<Numbers, StorageError> {
        let (base, bits) = match self {
            Self::Const(value) => return Ok(Numbers::repeated(*value, n)),
            Self::Packed {
                min,
                width: width @ 0..=8,
            } => {
                let mut offsets = Vec::with_capacity(n);
                read_packed(page, n, *width, |value| value as u8, &mut offsets)?;
                return Ok(Numbers::from_bytes(*min, offsets));
            }
            Self::Zstd { min, width: 1 } => return Ok(Numbers::from_bytes(*min, unpack_codes(page, n, unpacker)?)),
            Self::Packed { min, width } => (*min, *width),
            Self::Zstd { min, width } => (*min, width.saturating_mul(8)),
            Self::Unsigned(_) | Self::Signed(_) | Self::Double(_) => (0, 32),
        };
        let mut wide = Vec::with_capacity(n);
        self.decode(page, n, unpacker, &mut wide)?;
        let mut numbers = Narrowing::new(base, bits, n);
        numbers.extend(&wide);
        Ok(numbers.finish())
    }
}

fn pco_error(e: pco::errors::PcoError) -> StorageError {
    StorageError::corrupt("page of numbers", e.to_string())
}

fn read_pco<T: Number + Default>(
    chunk: &mut pco::wrapped::ChunkDecompressor<T>,
    page: &[u8],
    n: usize,
) -> Result<Vec<T>, StorageError> {
    let mut out = vec![T::default(); n];
    chunk
        .page_decompressor(page, n)
        .and_then(|mut p| p.read(&mut out))
        .map_err(pco_error)?;
    Ok(out)
}

/// Looks at the range of all values and at three pages of them.
fn choose(kind: IntKind, usage: IntUse, values: &[u64], packer: &mut Packer) -> Result<IntEncoding, StorageError> {
    let Some(first) = values.first() else {
        return Ok(IntEncoding::Const(0));
    };
    if values.iter().all(|v| v == first) {
        return Ok(IntEncoding::Const(*first));
    }
    let (min, max) = bounds(kind, values);
    let spread = max.wrapping_sub(min);
    let mut best: Option<(f64, IntEncoding)> = None;
    let mut offer = |size: f64, encoding| {
        if best.as_ref().is_none_or(|(least, _)| size < *least) {
            best = Some((size, encoding));
        }
    };
    let sample = sample(values);
    if u32::try_from(spread).is_ok() {
        let width = (32 - (spread as u32).leading_zeros()) as u8;
        let size = sample
            .iter()
            .map(|p| p.len() * usize::from(width) / 8 + 1)
            .sum::<usize>();
        offer(PACKED_BIAS * size as f64, IntEncoding::Packed { min, width });
        let encoding = IntEncoding::Zstd {
            min,
            width: if width <= 8 {
                1
            } else if width <= 16 {
                2
            } else {
                4
            },
        };
        let mut page = Vec::new();
        for values in &sample {
            write_page(&encoding, values, packer, &mut page)?;
        }
        offer(page.len() as f64, encoding);
    }
    if usage == IntUse::Numbers || u32::try_from(spread).is_err() {
        let values: Vec<u64> = sample.concat();
        offer(pco_size(kind, &values)? as f64, IntEncoding::Pco(Vec::new()));
    }
    Ok(best.map_or(IntEncoding::Pco(Vec::new()), |(_, encoding)| encoding))
}

/// Least and greatest value in the order of `kind`, as bits.
fn bounds(kind: IntKind, values: &[u64]) -> (u64, u64) {
    match kind {
        IntKind::Signed => {
            let (min, max) = values.iter().fold((i64::MAX, i64::MIN), |(min, max), v| {
                (min.min(v.cast_signed()), max.max(v.cast_signed()))
            });
            (min.cast_unsigned(), max.cast_unsigned())
        }
        _ => values
            .iter()
            .fold((u64::MAX, 0), |(min, max), v| (min.min(*v), max.max(*v))),
    }
}

/// The first, a middle and the last page.
fn sample(values: &[u64]) -> Vec<&[u64]> {
    let pages = values.len().div_ceil(PAGE_VALUES);
    let mut picked = vec![0, pages / 2, pages.saturating_sub(1)];
    picked.dedup();
    picked
        .iter()
        .filter_map(|p| values.chunks(PAGE_VALUES).nth(*p))
        .collect()
}

fn config(n: usize) -> ChunkConfig {
    let mut pages = vec![PAGE_VALUES; n / PAGE_VALUES];
    if !n.is_multiple_of(PAGE_VALUES) {
        pages.push(n % PAGE_VALUES);
    }
    ChunkConfig::default()
        .with_compression_level(PCO_LEVEL)
        .with_paging_spec(PagingSpec::Exact(pages))
}

fn pco_size(kind: IntKind, values: &[u64]) -> Result<usize, StorageError> {
    let mut pages = 0;
    let meta = each_pco_page(kind, values, |_, page| pages += page.len())?;
    Ok(pages + meta.len() / 8)
}

fn write_pco(kind: IntKind, values: &[u64], writer: &mut SegmentWriter<'_>) -> Result<IntEncoding, StorageError> {
    each_pco_page(kind, values, |n, page| writer.page(n as u32, page)).map(IntEncoding::Pco)
}

/// Compresses `values` and hands on each page; returns header and metadata.
fn each_pco_page(kind: IntKind, values: &[u64], page: impl FnMut(usize, &[u8])) -> Result<Vec<u8>, StorageError> {
    match kind {
        IntKind::Unsigned => compress_pages(values, page),
        IntKind::Signed => compress_pages(&values.iter().map(|v| v.cast_signed()).collect::<Vec<_>>(), page),
        IntKind::Double => compress_pages(&values.iter().map(|v| f64::from_bits(*v)).collect::<Vec<_>>(), page),
    }
}

fn compress_pages<T: Number>(values: &[T], mut page: impl FnMut(usize, &[u8])) -> Result<Vec<u8>, StorageError> {
    let file = FileCompressor::default();
    let mut meta = Vec::new();
    file.write_header(&mut meta).map_err(pco_error)?;
    let mut chunk = file
        .chunk_compressor(values, &config(values.len()))
        .map_err(pco_error)?;
    chunk.write_meta(&mut meta).map_err(pco_error)?;
    let mut bytes = Vec::new();
    for (i, n) in chunk.n_per_page().into_iter().enumerate() {
        bytes.clear();
        chunk.write_page(i, &mut bytes).map_err(pco_error)?;
        page(n, &bytes);
    }
    Ok(meta)
}

/// Appends a packed or zstd page.
fn write_page(
    encoding: &IntEncoding,
    values: &[u64],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), StorageError> {
    match encoding {
        IntEncoding::Packed { min, width } => write_packed(values, *min, *width, out),
        IntEncoding::Zstd { min, width } => {
            let raw = values
                .iter()
                .flat_map(|v| v.wrapping_sub(*min).to_le_bytes().into_iter().take(usize::from(*width)));
            let raw: Vec<u8> = raw.collect();
            packer.pack(&raw, out)?;
        }
        IntEncoding::Const(_) | IntEncoding::Pco(_) => {}
    }
    Ok(())
}

/// Whole groups of 128 are bit-packed; the rest takes whole bytes.
fn write_packed(values: &[u64], min: u64, width: u8, out: &mut Vec<u8>) {
    let packer = BitPacker4x::new();
    let small: Vec<u32> = values.iter().map(|v| v.wrapping_sub(min) as u32).collect();
    let (groups, rest) = small.as_chunks::<{ BitPacker4x::BLOCK_LEN }>();
    let mut packed = [0u8; 4 * BitPacker4x::BLOCK_LEN];
    for group in groups {
        let size = packer.compress(group, &mut packed, width);
        out.extend_from_slice(packed.get(..size).unwrap_or_default());
    }
    let bytes = usize::from(width).div_ceil(8);
    out.extend(rest.iter().flat_map(|v| v.to_le_bytes().into_iter().take(bytes)));
}

/// Appends the `n` values of a page, each as `make` makes it from its offset.
fn read_packed<T>(
    page: &[u8],
    n: usize,
    width: u8,
    make: impl Fn(u32) -> T,
    out: &mut Vec<T>,
) -> Result<(), StorageError> {
    let groups = n / BitPacker4x::BLOCK_LEN;
    let group_bytes = BitPacker4x::compressed_block_size(width);
    let bytes = usize::from(width).div_ceil(8);
    let rest = n % BitPacker4x::BLOCK_LEN;
    if width > 32 || page.len() != groups * group_bytes + rest * bytes {
        return Err(StorageError::corrupt("page of codes", "wrong length"));
    }
    let packer = BitPacker4x::new();
    let mut group = [0u32; BitPacker4x::BLOCK_LEN];
    let (packed, tail) = page.split_at(groups * group_bytes);
    for packed in packed.chunks(group_bytes.max(1)) {
        packer.decompress(packed, &mut group, width);
        out.extend(group.iter().map(|v| make(*v)));
    }
    out.extend(tail.chunks(bytes.max(1)).map(|v| make(little_endian(v) as u32)));
    Ok(())
}

/// The content of a page of codes, which must be `size` bytes.
fn unpack_codes(page: &[u8], size: usize, unpacker: &mut Unpacker) -> Result<Vec<u8>, StorageError> {
    let raw = unpacker.unpack(page, size)?;
    if raw.len() != size {
        return Err(StorageError::corrupt("page of codes", "wrong length"));
    }
    Ok(raw)
}

fn read_zstd(
    page: &[u8],
    n: usize,
    min: u64,
    width: u8,
    unpacker: &mut Unpacker,
    out: &mut Vec<u64>,
) -> Result<(), StorageError> {
    let raw = unpack_codes(page, n * usize::from(width), unpacker)?;
    match width {
        1 => out.extend(raw.iter().map(|v| min.wrapping_add(u64::from(*v)))),
        2 => out.extend(
            raw.as_chunks::<2>()
                .0
                .iter()
                .map(|v| min.wrapping_add(u64::from(u16::from_le_bytes(*v)))),
        ),
        _ => out.extend(
            raw.chunks(usize::from(width.max(1)))
                .map(|v| min.wrapping_add(little_endian(v))),
        ),
    }
    Ok(())
}

#[inline]
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::super::Segment;
    use super::*;
    use proptest::prelude::*;

    fn round_trip(kind: IntKind, usage: IntUse, values: &[u64]) {
        let mut chunks = Vec::new();
        let stream = IntStream::encode(kind, usage, values, 3, &mut Packer::new().unwrap(), &mut chunks).unwrap();
        assert_eq!(stream.count as usize, values.len());
        let mut decoder = stream.decoder().unwrap();
        let mut unpacker = Unpacker::default();
        let mut back = Vec::new();
        if matches!(stream.encoding, IntEncoding::Const(_)) {
            decoder.decode(&[], values.len(), &mut unpacker, &mut back).unwrap();
        }
        let stored = |id| Ok(chunks.iter().find(|(chunk, _)| *chunk == id).unwrap().1.clone().into());
        for (chunk, range) in stream.segments.chunks(stream.count) {
            let segment = Segment::new(stream.segments.read(chunk, stored).unwrap()).unwrap();
            for page in 0..segment.pages() {
                let (range, bytes) = segment.page(page, range.end).unwrap();
                let first = back.len();
                decoder.decode(bytes, range.len(), &mut unpacker, &mut back).unwrap();
                let narrow = decoder.decode_narrow(bytes, range.len(), &mut unpacker).unwrap();
                assert!(narrow.iter().eq(back[first..].iter().copied()));
            }
        }
        assert_eq!(back, values);
    }

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        (
            prop_oneof![Just(1u64), Just(7), Just(300), Just(70_000), Just(u64::MAX)],
            any::<u64>(),
            0usize..3_000,
        )
            .prop_flat_map(|(spread, base, n)| {
                prop::collection::vec((0..=spread).prop_map(move |v| base.wrapping_add(v)), n)
            })
    }

    proptest! {
        #[test]
        fn numbers_come_back(values in numbers(), kind in 0..3, codes: bool) {
            let kind = [IntKind::Unsigned, IntKind::Signed, IntKind::Double][kind as usize];
            let usage = if codes { IntUse::Codes } else { IntUse::Numbers };
            round_trip(kind, usage, &values);
        }

        #[test]
        fn damaged_pages_are_errors(page in prop::collection::vec(any::<u8>(), 0..200), n in 0usize..300, width in 0u8..40) {
            let mut out = Vec::new();
            let _ = IntDecoder::Packed { min: 0, width }.decode(&page, n, &mut Unpacker::default(), &mut out);
            let _ = IntDecoder::Zstd { min: 0, width: width % 5 }.decode(&page, n, &mut Unpacker::default(), &mut out);
            let _ = IntDecoder::Packed { min: 0, width }.decode_narrow(&page, n, &mut Unpacker::default());
            let _ = IntDecoder::Zstd { min: 0, width: width % 5 }.decode_narrow(&page, n, &mut Unpacker::default());
        }
    }

    #[test]
    fn the_encoding_follows_the_values() {
        let encoding =
            |usage, values: &[u64]| choose(IntKind::Unsigned, usage, values, &mut Packer::new().unwrap()).unwrap();
        assert_eq!(encoding(IntUse::Codes, &[4; 9]), IntEncoding::Const(4));
        let noise: Vec<u64> = (0..5_000u64)
            .map(|i| xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()) % 200)
            .collect();
        assert!(matches!(
            encoding(IntUse::Codes, &noise),
            IntEncoding::Packed { width: 8, .. }
        ));
        let runs: Vec<u64> = (0..5_000u64).map(|i| i / 500).collect();
        assert!(matches!(encoding(IntUse::Codes, &runs), IntEncoding::Zstd { .. }));
        let far: Vec<u64> = (0..5_000u64).map(|i| i * 1_000_000_000_007).collect();
        assert!(matches!(encoding(IntUse::Numbers, &far), IntEncoding::Pco(_)));
    }
}
