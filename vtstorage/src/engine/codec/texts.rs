//! Streams of byte strings: constant, or pages of lengths and text under zstd.

use super::{PAGE_TEXT_BYTES, PAGE_VALUES, Packer, SegmentWriter, Segments, Unpacker};
use crate::engine::block::ChunkId;
use crate::engine::error::StorageError;
use crate::engine::rows::Texts;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TextEncoding {
    /// Every value is this one; there are no pages.
    Const(Vec<u8>),
    Paged,
}

/// A stream of byte strings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextStream {
    pub encoding: TextEncoding,
    pub count: u32,
    pub segments: Segments,
}

/// First byte of a page: what follows.
const RAW: u8 = 0;
const ZSTD: u8 = 1;

/// No page is larger than this when decompressed: one text of the largest request.
const MAX_PAGE: usize = 1 << 30;

impl TextStream {
    /// Writes `values` as pages; the same value throughout becomes a constant.
    pub fn encode<T: AsRef<[u8]>>(
        values: &[T],
        stream: u16,
        packer: &mut Packer,
        chunks: &mut Vec<(ChunkId, Vec<u8>)>,
    ) -> Result<Self, StorageError> {
        let count = values.len() as u32;
        if let Some((first, rest)) = values.split_first()
            && first.as_ref().len() <= MAX_CONST
            && rest.iter().all(|v| v.as_ref() == first.as_ref())
        {
            let encoding = TextEncoding::Const(first.as_ref().to_vec());
            return Ok(Self {
                encoding,
                count,
                segments: Segments::default(),
            });
        }
        let mut writer = SegmentWriter::new(stream, chunks);
        let (mut raw, mut page) = (Vec::new(), Vec::new());
        let mut rest = values;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(page_length(rest));
            write_page(now, packer, &mut raw, &mut page)?;
            writer.page(now.len() as u32, &page);
            rest = later;
        }
        Ok(Self {
            encoding: TextEncoding::Paged,
            count,
            segments: writer.finish(),
        })
    }
}

/// Lengths, then texts; compressed if that helps.
fn write_page<T: AsRef<[u8]>>(
    values: &[T],
    packer: &mut Packer,
    raw: &mut Vec<u8>,
    page: &mut Vec<u8>,
) -> Result<(), StorageError> {
    raw.clear();
    values.iter().for_each(|value| write_length(value.as_ref().len(), raw));
    values.iter().for_each(|value| raw.extend_from_slice(value.as_ref()));
    page.clear();
    page.push(ZSTD);
    packer.pack(raw, page)?;
    if page.len() > raw.len() {
        page.clear();
        page.push(RAW);
        page.extend_from_slice(raw);
    }
    Ok(())
}

/// A constant longer than this is stored as a page, to keep headers small.
const MAX_CONST: usize = 1_024;

/// How many of `values` make the next page.
fn page_length<T: AsRef<[u8]>>(values: &[T]) -> usize {
    let mut bytes = 0;
    for (i, value) in values.iter().take(PAGE_VALUES).enumerate() {
        bytes += value.as_ref().len();
        if bytes >= PAGE_TEXT_BYTES {
            return i + 1;
        }
    }
    values.len().min(PAGE_VALUES)
}

fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

impl TextStream {
    /// Decodes a page that should hold `n` texts.
    pub fn decode(&self, page: &[u8], n: usize, unpacker: &mut Unpacker) -> Result<Texts, StorageError> {
        let corrupt = |why: String| StorageError::corrupt("page of texts", why);
        let (kind, body) = page.split_first().ok_or_else(|| corrupt("empty".into()))?;
        let mut raw = match *kind {
            RAW => body.to_vec(),
            ZSTD => unpacker.unpack(body, MAX_PAGE)?,
            other => return Err(corrupt(format!("unknown kind {other}"))),
        };
        let (ends, at) = read_ends(&raw, n).ok_or_else(|| corrupt("lengths".into()))?;
        raw.drain(..at);
        Texts::from_parts(raw, ends).ok_or_else(|| corrupt("lengths do not fit".into()))
    }
}

/// Reads `n` lengths as running ends, and where the text begins.
fn read_ends(raw: &[u8], n: usize) -> Option<(Vec<u32>, usize)> {
    let mut ends = Vec::with_capacity(n);
    let (mut at, mut end) = (0, 0u32);
    for _ in 0..n {
        let (mut length, mut shift) = (0u32, 0);
        loop {
            let byte = *raw.get(at)?;
            at += 1;
            length |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        end = end.checked_add(length)?;
        ends.push(end);
    }
    Some((ends, at))
}

#[cfg(test)]
mod tests {
    use super::super::Segment;
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[Vec<u8>]) {
        let mut chunks = Vec::new();
        let stream = TextStream::encode(values, 3, &mut Packer::new().unwrap(), &mut chunks).unwrap();
        assert_eq!(stream.count as usize, values.len());
        if let TextEncoding::Const(value) = &stream.encoding {
            assert!(values.iter().all(|v| v == value));
            return;
        }
        let mut back = Vec::new();
        let stored = |id| Ok(chunks.iter().find(|(chunk, _)| *chunk == id).unwrap().1.clone().into());
        for (chunk, range) in stream.segments.chunks(stream.count) {
            let segment = Segment::new(stream.segments.read(chunk, stored).unwrap()).unwrap();
            for page in 0..segment.pages() {
                let (range, bytes) = segment.page(page, range.end).unwrap();
                let texts = stream.decode(bytes, range.len(), &mut Unpacker::default()).unwrap();
                back.extend(texts.iter().map(<[u8]>::to_vec));
            }
        }
        assert_eq!(back, values);
    }

    proptest! {
        #[test]
        fn texts_come_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..2_000)) {
            round_trip(&values);
        }

        #[test]
        fn damaged_pages_are_errors(page in prop::collection::vec(any::<u8>(), 0..200), n in 0usize..50) {
            let stream = TextStream { encoding: TextEncoding::Paged, count: 0, segments: Segments::default() };
            let _ = stream.decode(&page, n, &mut Unpacker::default());
        }
    }

    #[test]
    fn one_value_is_a_constant_and_a_huge_one_a_page() {
        round_trip(&vec![b"same".to_vec(); 5_000]);
        round_trip(&[vec![7; 3_000_000], vec![], vec![8; 10_000]]);
    }
}
