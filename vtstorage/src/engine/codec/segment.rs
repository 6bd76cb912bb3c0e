//! Segments: whole pages with their places at the front, so that one read and a binary search reach a page.
//!
//! Layout: number of pages (u32), then for each page the number of its first value (u32) and its end in the payload
//! (u32), then the payload. All little-endian.

use super::{INLINE_BYTES, SEGMENT_BYTES, SHARED_BYTES};
use crate::engine::block::ChunkId;
use crate::engine::error::StorageError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The chunks of this stream hold the segments of small streams.
const SHARED_STREAM: u16 = u16::MAX;

/// Where the values of a stream lie: the first value of each of its segments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Segments {
    pub stream: u16,
    firsts: Vec<u32>,
    home: Home,
}

/// Where the segments are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Home {
    /// Each is a chunk
    #[default]
    Chunks,
    /// The only one is here
    Here(Vec<u8>),
    /// The only one is a part of a shared chunk
    Shared { chunk: u16, start: u32, end: u32 },
}

impl Segments {
    /// The bytes of the segment that is named like a chunk; `read` reads chunks.
    pub fn read(
        &self,
        chunk: ChunkId,
        read: impl FnOnce(ChunkId) -> Result<Bytes, StorageError>,
    ) -> Result<Bytes, StorageError> {
        match &self.home {
            Home::Chunks => read(chunk),
            Home::Here(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            Home::Shared { chunk, start, end } => {
                let bytes = read(ChunkId {
                    stream: SHARED_STREAM,
                    segment: *chunk,
                })?;
                let (start, end) = (*start as usize, *end as usize);
                if start > end || end > bytes.len() {
                    return Err(StorageError::corrupt("shared chunk", "too short"));
                }
                Ok(bytes.slice(start..end))
            }
        }
    }

    /// The chunk that is read for the segment of this name, if any is.
    pub fn stored(&self, chunk: ChunkId) -> Option<ChunkId> {
        match &self.home {
            Home::Chunks => (!self.firsts.is_empty()).then_some(chunk),
            Home::Here(_) => None,
            Home::Shared { chunk, .. } => Some(ChunkId {
                stream: SHARED_STREAM,
                segment: *chunk,
            }),
        }
    }

    /// Whether there is one segment, no more.
    pub fn is_one(&self) -> bool {
        self.firsts.len() == 1
    }

    /// The chunk that holds the page of `value`.
    pub fn chunk_of(&self, value: u32) -> ChunkId {
        let segment = self.firsts.partition_point(|first| *first <= value).saturating_sub(1);
        ChunkId {
            stream: self.stream,
            segment: segment as u16,
        }
    }

    /// The number of the first value after a chunk, of `count` values in all.
    pub fn end_of(&self, chunk: ChunkId, count: u32) -> u32 {
        self.firsts
            .get(usize::from(chunk.segment) + 1)
            .copied()
            .unwrap_or(count)
    }

    /// All chunks of the stream with the range of their values, of `count` values in all.
    pub fn chunks(&self, count: u32) -> impl Iterator<Item = (ChunkId, Range<u32>)> + '_ {
        self.firsts.iter().enumerate().map(move |(i, first)| {
            let end = self.firsts.get(i + 1).copied().unwrap_or(count);
            (
                ChunkId {
                    stream: self.stream,
                    segment: i as u16,
                },
                *first..end,
            )
        })
    }
}

/// Packs the pages of one stream.
#[derive(Debug)]
pub struct SegmentWriter<'a> {
    segments: Segments,
    chunks: &'a mut Vec<(ChunkId, Vec<u8>)>,
    directory: Vec<u8>,
    payload: Vec<u8>,
    values: u32,
}

impl<'a> SegmentWriter<'a> {
    pub fn new(stream: u16, chunks: &'a mut Vec<(ChunkId, Vec<u8>)>) -> Self {
        let segments = Segments {
            stream,
            firsts: Vec::new(),
            home: Home::Chunks,
        };
        Self {
            segments,
            chunks,
            directory: Vec::new(),
            payload: Vec::new(),
            values: 0,
        }
    }

    /// Adds a page of `values` values.
    pub fn page(&mut self, values: u32, bytes: &[u8]) {
        if !self.payload.is_empty() && self.payload.len() + bytes.len() > SEGMENT_BYTES {
            self.cut();
        }
        if self.directory.is_empty() {
            self.segments.firsts.push(self.values);
        }
        self.payload.extend_from_slice(bytes);
        self.directory.extend_from_slice(&self.values.to_le_bytes());
        self.directory
            .extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        self.values += values;
    }

    fn cut(&mut self) {
        let pages = (self.directory.len() / 8) as u32;
        let mut chunk = Vec::with_capacity(4 + self.directory.len() + self.payload.len());
        chunk.extend_from_slice(&pages.to_le_bytes());
        chunk.append(&mut self.directory);
        chunk.append(&mut self.payload);
        let segment = self.segments.firsts.len().saturating_sub(1) as u16;
        self.chunks.push((
            ChunkId {
                stream: self.segments.stream,
                segment,
            },
            chunk,
        ));
    }

    pub fn finish(mut self) -> Segments {
        if !self.directory.is_empty() {
            self.cut();
        }
        let is_only = self.segments.firsts.len() == 1;
        if is_only && self.chunks.last().is_some_and(|(_, bytes)| bytes.len() <= SHARED_BYTES) {
            self.segments.home = self.chunks.pop().map_or(Home::Chunks, |(_, bytes)| match bytes.len() {
                0..=INLINE_BYTES => Home::Here(bytes),
                _ => self.share(&bytes),
            });
        }
        self.segments
    }

    /// Adds a segment to the last shared chunk, or to a new one.
    fn share(&mut self, bytes: &[u8]) -> Home {
        let last = self.chunks.iter().rposition(|(id, _)| id.stream == SHARED_STREAM);
        let last = last.and_then(|at| self.chunks.get_mut(at));
        let (chunk, start) = match last {
            Some((id, shared)) if shared.len() + bytes.len() <= SEGMENT_BYTES => {
                let start = shared.len();
                shared.extend_from_slice(bytes);
                (id.segment, start)
            }
            last => {
                let segment = last.map_or(0, |(id, _)| id.segment + 1);
                let stream = SHARED_STREAM;
                self.chunks.push((ChunkId { stream, segment }, bytes.to_vec()));
                (segment, 0)
            }
        };
        Home::Shared {
            chunk,
            start: start as u32,
            end: (start + bytes.len()) as u32,
        }
    }
}

/// A segment that was read back.
#[derive(Clone, Debug)]
pub struct Segment {
    bytes: Bytes,
    pages: usize,
}

impl Segment {
    pub fn new(bytes: Bytes) -> Result<Self, StorageError> {
        let pages = bytes.first_chunk::<4>().map_or(0, |n| u32::from_le_bytes(*n) as usize);
        let segment = Self { bytes, pages };
        let payload = segment.bytes.len().checked_sub(4 + 8 * pages);
        let end = pages
            .checked_sub(1)
            .and_then(|last| segment.entry(last))
            .map(|(_, end)| end as usize);
        match (payload, end) {
            (Some(payload), Some(end)) if payload == end => Ok(segment),
            _ => Err(StorageError::corrupt("segment", "its directory does not fit its bytes")),
        }
    }

    fn entry(&self, page: usize) -> Option<(u32, u32)> {
        let entry = self.bytes.get(4 + 8 * page..)?.first_chunk::<8>()?;
        let (first, end) = entry.split_at(4);
        Some((
            u32::from_le_bytes(first.try_into().ok()?),
            u32::from_le_bytes(end.try_into().ok()?),
        ))
    }

    pub fn pages(&self) -> usize {
        self.pages
    }

    /// The first value of each page.
    pub fn firsts(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.pages)
            .filter_map(|page| self.entry(page))
            .map(|(first, _)| first)
    }

    /// The values of a page and its bytes; `end` is the number of the first value after the segment.
    pub fn page(&self, page: usize, end: u32) -> Result<(Range<u32>, &[u8]), StorageError> {
        let corrupt = || StorageError::corrupt("segment", "no such page");
        let (first, stop) = self.entry(page).filter(|_| page < self.pages).ok_or_else(corrupt)?;
        let next = if page + 1 < self.pages {
            self.entry(page + 1).ok_or_else(corrupt)?.0
        } else {
            end
        };
        let start = match page.checked_sub(1) {
            Some(before) => self.entry(before).ok_or_else(corrupt)?.1,
            None => 0,
        };
        let payload = self.bytes.get(4 + 8 * self.pages..).ok_or_else(corrupt)?;
        let bytes = payload.get(start as usize..stop as usize).ok_or_else(corrupt)?;
        if first > next {
            return Err(corrupt());
        }
        Ok((first..next, bytes))
    }

    /// The page that holds `value`.
    pub fn page_of(&self, value: u32) -> usize {
        let (mut low, mut high) = (0, self.pages);
        while low < high {
            let middle = (low + high) / 2;
            if self.entry(middle).is_some_and(|(first, _)| first <= value) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_value() {
        let mut chunks = Vec::new();
        let mut writer = SegmentWriter::new(7, &mut chunks);
        let page = vec![1u8; SEGMENT_BYTES / 3];
        for i in 0..10 {
            writer.page(100 + i, &page);
        }
        let segments = writer.finish();
        assert_eq!(chunks.len(), 4);
        let total = (0..10).map(|i| 100 + i).sum();
        assert_eq!(segments.chunks(total).last().unwrap().1.end, total);
        for value in [0, 99, 100, 555, total - 1] {
            let id = segments.chunk_of(value);
            let (_, range) = segments.chunks(total).find(|(chunk, _)| *chunk == id).unwrap();
            assert!(range.contains(&value));
            let bytes = chunks.iter().find(|(chunk, _)| *chunk == id).unwrap().1.clone();
            let segment = Segment::new(bytes.into()).unwrap();
            let (values, bytes) = segment.page(segment.page_of(value), range.end).unwrap();
            assert!(values.contains(&value));
            assert_eq!(bytes, page);
        }
    }

    #[test]
    fn small_streams_take_no_chunk_of_their_own() {
        let mut chunks = Vec::new();
        let mut streams = Vec::new();
        for stream in 0..40u16 {
            let page = vec![stream as u8; usize::from(stream) * 300];
            let mut writer = SegmentWriter::new(stream, &mut chunks);
            writer.page(3, &page);
            streams.push((writer.finish(), page));
        }
        let own = chunks.iter().filter(|(id, _)| id.stream != SHARED_STREAM).count();
        assert_eq!(own, 40 - SHARED_BYTES / 300 - 1, "those that are too large to share");
        assert!(chunks.iter().all(|(_, bytes)| bytes.len() <= SEGMENT_BYTES));
        for (segments, page) in streams {
            let (id, range) = segments.chunks(3).next().unwrap();
            let bytes = segments
                .read(id, |id| {
                    Ok(chunks.iter().find(|(chunk, _)| *chunk == id).unwrap().1.clone().into())
                })
                .unwrap();
            let segment = Segment::new(bytes).unwrap();
            assert_eq!(segment.page(0, range.end).unwrap(), (0..3, page.as_slice()));
            assert_eq!(
                segments.read(id, |_| Ok(Bytes::new())).is_err(),
                matches!(segments.home, Home::Shared { .. })
            );
        }
    }

    #[test]
    fn damaged_segments_are_refused() {
        for bytes in [vec![], vec![1, 0, 0, 0], vec![255; 40]] {
            assert!(Segment::new(bytes.into()).is_err());
        }
    }
}
