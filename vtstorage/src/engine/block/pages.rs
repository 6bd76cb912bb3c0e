//! Decoded pages of one block during one request: each segment is read once, each page decoded once, or taken from what
//! other requests decoded.

use super::cache::{Cached, FIRSTS, Page, PageCache, PageKey};
use super::header::{ColumnMeta, TableMeta};
use super::layout::Layout;
use super::{Block, ChunkId};
use crate::engine::codec::ints::{IntDecoder, IntEncoding};
use crate::engine::codec::texts::TextEncoding;
use crate::engine::codec::{FixedStream, IntStream, PAGE_VALUES, Segment, Segments, TextStream, Unpacker};
use crate::engine::error::StorageError;
use crate::engine::numbers::Numbers;
use crate::engine::rows::Texts;
use bytes::Bytes;
use hashbrown::HashMap;
use std::ops::Range;
use std::sync::Arc;

mod whole;

/// Reads and keeps pages.
pub(super) struct Pages<'b> {
    block: &'b Block,
    scan: bool,
    unpacker: Unpacker,
    chunks: HashMap<ChunkId, Bytes>,
    segments: HashMap<ChunkId, Segment>,
    decoders: HashMap<u16, IntDecoder>,
    /// By stream and number of the page's first value
    ints: HashMap<(u16, u32), Page<Numbers>>,
    texts: HashMap<(u16, u32), Page<Texts>>,
    /// The first value of each page of segments of texts
    firsts: HashMap<ChunkId, Arc<[u32]>>,
    layouts: HashMap<u16, Arc<Layout>>,
    /// By stream: the shape of each row of a table
    shapes: HashMap<u16, Numbers>,
    bytes_read: u64,
}

impl<'b> Pages<'b> {
    pub(super) fn new(block: &'b Block, scan: bool) -> Self {
        Self {
            block,
            scan,
            unpacker: block.chunks.pages().map(PageCache::unpacker).unwrap_or_default(),
            chunks: HashMap::new(),
            segments: HashMap::new(),
            decoders: HashMap::new(),
            ints: HashMap::new(),
            texts: HashMap::new(),
            firsts: HashMap::new(),
            layouts: HashMap::new(),
            shapes: HashMap::new(),
            bytes_read: 0,
        }
    }

    /// Bytes of segments read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// A segment whose pages are not kept decoded: its chunk is, unless this request reads everything.
    fn segment(&mut self, segments: &Segments, chunk: ChunkId) -> Result<Segment, StorageError> {
        self.segment_past(segments, chunk, self.scan)
    }

    /// A segment whose pages are kept decoded: keeping its chunk too would take memory twice.
    fn segment_once(&mut self, segments: &Segments, chunk: ChunkId) -> Result<Segment, StorageError> {
        let past = self.scan || self.block.chunks.pages().is_some();
        self.segment_past(segments, chunk, past)
    }

    fn segment_past(&mut self, segments: &Segments, chunk: ChunkId, past: bool) -> Result<Segment, StorageError> {
        if let Some(segment) = self.segments.get(&chunk) {
            return Ok(segment.clone());
        }
        let segment = Segment::new(segments.read(chunk, |chunk| self.chunk(chunk, past))?)?;
        self.segments.insert(chunk, segment.clone());
        Ok(segment)
    }

    fn chunk(&mut self, chunk: ChunkId, past: bool) -> Result<Bytes, StorageError> {
        if let Some(bytes) = self.chunks.get(&chunk) {
            return Ok(bytes.clone());
        }
        let block = self.block;
        let bytes = block.chunks.chunk(block.day, block.id, chunk, past)?;
        self.bytes_read += bytes.len() as u64;
        self.chunks.insert(chunk, bytes.clone());
        Ok(bytes)
    }

    /// Reads chunks, of pages that are kept decoded, that are not here yet.
    pub(super) fn fetch(&mut self, mut wanted: Vec<ChunkId>) -> Result<(), StorageError> {
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|chunk| !self.chunks.contains_key(chunk));
        if wanted.len() > 1 {
            let block = self.block;
            let past = self.scan || block.chunks.pages().is_some();
            let read = block.chunks.chunks(block.day, block.id, &wanted, past)?;
            self.bytes_read += read.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
            self.chunks.extend(wanted.into_iter().zip(read));
        }
        Ok(())
    }

    /// Adds the chunk with the page of `value` to `wanted`.
    fn want(&self, segments: &Segments, value: u32, wanted: &mut Vec<ChunkId>) {
        wanted.extend(segments.stored(segments.chunk_of(value)));
    }

    /// Adds the chunks with the pages of a few values to `wanted`, unless the pages are known.
    pub(super) fn want_ints(&mut self, stream: &IntStream, values: &Range<u32>, wanted: &mut Vec<ChunkId>) {
        if matches!(stream.encoding, IntEncoding::Const(_)) {
            return;
        }
        let last = values.end.saturating_sub(1).min(stream.count.saturating_sub(1));
        let first = values.start.min(last);
        self.want_page_of(stream, first, wanted);
        if page_of(first) != page_of(last) {
            self.want_page_of(stream, last, wanted);
        }
    }

    fn want_page_of(&mut self, stream: &IntStream, value: u32, wanted: &mut Vec<ChunkId>) {
        let page = (stream.segments.stream, page_of(value));
        if self.ints.contains_key(&page) {
            return;
        }
        match self.cached((self.block.id, page.0, page.1)) {
            Some(Cached::Ints(known)) => {
                self.ints.insert(page, known);
            }
            _ => self.want(&stream.segments, value, wanted),
        }
    }

    /// Adds the chunk with the page of the text with number `value` to `wanted`, unless the page is known.
    pub(super) fn want_text(&mut self, stream: &TextStream, value: u32, wanted: &mut Vec<ChunkId>) {
        let chunk = stream.segments.chunk_of(value);
        let is_paged = matches!(stream.encoding, TextEncoding::Paged);
        if is_paged && !wanted.contains(&chunk) && self.known_text_page(stream, chunk, value).is_none() {
            self.want(&stream.segments, value, wanted);
        }
    }

    /// Adds the chunk with a table's layout to `wanted`, unless it is known.
    pub(super) fn want_layout(&mut self, table: &TableMeta, wanted: &mut Vec<ChunkId>) {
        let stream = table.layout.stream;
        if self.layouts.contains_key(&stream) {
            return;
        }
        match self.cached((self.block.id, stream, 0)) {
            Some(Cached::Layout(known)) => {
                self.layouts.insert(stream, known);
            }
            _ => self.want(&table.layout, 0, wanted),
        }
    }

    /// A page that another request decoded.
    fn cached(&self, key: PageKey) -> Option<Cached> {
        self.block.chunks.pages()?.get(key)
    }

    /// Lets other requests have a page, unless this one reads everything.
    fn share(&self, key: PageKey, page: Cached) {
        if let (Some(cache), false) = (self.block.chunks.pages(), self.scan) {
            cache.insert(key, page);
        }
    }

    /// The layout of a table.
    pub(super) fn layout(&mut self, table: &TableMeta) -> Result<Arc<Layout>, StorageError> {
        if let Some(layout) = self.layouts.get(&table.layout.stream) {
            return Ok(layout.clone());
        }
        let shared = (self.block.id, table.layout.stream, 0);
        if let Some(Cached::Layout(layout)) = self.cached(shared) {
            self.layouts.insert(table.layout.stream, layout.clone());
            return Ok(layout);
        }
        let segment = self.segment_once(&table.layout, table.layout.chunk_of(0))?;
        let layout = Arc::new(Layout::from_bytes(segment.page(0, 1)?.1, &mut self.unpacker)?);
        self.layouts.insert(table.layout.stream, layout.clone());
        self.share(shared, Cached::Layout(layout.clone()));
        Ok(layout)
    }

    /// Appends the numbers of `range` to `out`.
    pub(super) fn ints(
        &mut self,
        stream: &IntStream,
        range: Range<u32>,
        out: &mut Vec<u64>,
    ) -> Result<(), StorageError> {
        let range = range.start..range.end.min(stream.count);
        if range.is_empty() {
            return Ok(());
        }
        if let IntEncoding::Const(value) = stream.encoding {
            out.resize(out.len() + range.len(), value);
            return Ok(());
        }
        let mut at = range.start;
        while at < range.end {
            let page = self.int_page(stream, at)?;
            let end = page.values.end.min(range.end);
            let local = (at - page.values.start) as usize..(end - page.values.start) as usize;
            page.data.copy_to(local, out);
            if end <= at {
                return Err(StorageError::corrupt("stream of numbers", "a page is missing"));
            }
            at = end;
        }
        Ok(())
    }

    fn int_page(&mut self, stream: &IntStream, value: u32) -> Result<Page<Numbers>, StorageError> {
        let key = (stream.segments.stream, page_of(value));
        if let Some(page) = self.ints.get(&key) {
            return Ok(page.clone());
        }
        let shared = (self.block.id, key.0, key.1);
        if let Some(Cached::Ints(page)) = self.cached(shared) {
            self.ints.insert(key, page.clone());
            return Ok(page);
        }
        let chunk = stream.segments.chunk_of(value);
        let segment = self.segment_once(&stream.segments, chunk)?;
        let (values, bytes) = segment.page(segment.page_of(value), stream.segments.end_of(chunk, stream.count))?;
        let decoder = match self.decoders.entry(stream.segments.stream) {
            hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hashbrown::hash_map::Entry::Vacant(entry) => entry.insert(stream.decoder()?),
        };
        let data = Arc::new(decoder.decode_narrow(bytes, values.len(), &mut self.unpacker)?);
        let page = Page { values, data };
        self.ints.insert(key, page.clone());
        self.share(shared, Cached::Ints(page.clone()));
        Ok(page)
    }

    /// All numbers of a stream, without keeping the pages.
    pub(super) fn all_ints(&mut self, stream: &IntStream) -> Result<Vec<u64>, StorageError> {
        let mut out = Vec::with_capacity(stream.count as usize);
        if let IntEncoding::Const(value) = stream.encoding {
            out.resize(stream.count as usize, value);
            return Ok(out);
        }
        let mut decoder = stream.decoder()?;
        for (chunk, range) in stream.segments.chunks(stream.count) {
            let segment = self.segment(&stream.segments, chunk)?;
            for page in 0..segment.pages() {
                let (values, bytes) = segment.page(page, range.end)?;
                decoder.decode(bytes, values.len(), &mut self.unpacker, &mut out)?;
            }
        }
        Ok(out)
    }

    /// The ids of `range`, one after the other.
    pub(super) fn fixed(&mut self, stream: &FixedStream, range: Range<u32>) -> Result<Vec<u8>, StorageError> {
        let range = range.start..range.end.min(stream.count);
        let width = usize::from(stream.width);
        let mut out = Vec::with_capacity(range.len() * width);
        let mut at = range.start;
        while at < range.end {
            let chunk = stream.segments.chunk_of(at);
            let segment = self.segment(&stream.segments, chunk)?;
            let end = stream.segments.end_of(chunk, stream.count);
            let (values, bytes) = segment.page(segment.page_of(at), end)?;
            let ids = stream.decode(bytes, values.len())?;
            let stop = values.end.min(range.end);
            let local =
                (at.saturating_sub(values.start)) as usize * width..stop.saturating_sub(values.start) as usize * width;
            out.extend_from_slice(ids.get(local).unwrap_or_default());
            if stop <= at {
                return Err(StorageError::corrupt("stream of ids", "a page is missing"));
            }
            at = stop;
        }
        Ok(out)
    }

    /// Calls `each` with the texts of `range` in order.
    pub(super) fn each_text(
        &mut self,
        stream: &TextStream,
        range: Range<u32>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), StorageError> {
        let range = range.start..range.end.min(stream.count);
        if let TextEncoding::Const(value) = &stream.encoding {
            range.for_each(|_| each(value));
            return Ok(());
        }
        let mut at = range.start;
        while at < range.end {
            let page = self.text_page(stream, at)?;
            let end = page.values.end.min(range.end);
            for value in at..end {
                each(page.data.get((value - page.values.start) as usize));
            }
            if end <= at {
                return Err(StorageError::corrupt("stream of texts", "a page is missing"));
            }
            at = end;
        }
        Ok(())
    }

    fn text_page(&mut self, stream: &TextStream, value: u32) -> Result<Page<Texts>, StorageError> {
        let chunk = stream.segments.chunk_of(value);
        if let Some(page) = self.known_text_page(stream, chunk, value) {
            return Ok(page);
        }
        let segment = self.segment_once(&stream.segments, chunk)?;
        let end = stream.segments.end_of(chunk, stream.count);
        let (values, bytes) = segment.page(segment.page_of(value), end)?;
        let key = (stream.segments.stream, values.start);
        let data = Arc::new(stream.decode(bytes, values.len(), &mut self.unpacker)?);
        let page = Page { values, data };
        self.texts.insert(key, page.clone());
        self.share((self.block.id, key.0, key.1), Cached::Texts(page.clone()));
        if !self.firsts.contains_key(&chunk) {
            let firsts: Arc<[u32]> = segment.firsts().collect();
            self.firsts.insert(chunk, firsts.clone());
            self.share(firsts_key(self.block, chunk), Cached::Firsts(firsts));
        }
        Ok(page)
    }

    /// The page of a text, if this or another request decoded it.
    fn known_text_page(&mut self, stream: &TextStream, chunk: ChunkId, value: u32) -> Option<Page<Texts>> {
        if !self.firsts.contains_key(&chunk) {
            let Some(Cached::Firsts(firsts)) = self.cached(firsts_key(self.block, chunk)) else {
                return None;
            };
            self.firsts.insert(chunk, firsts);
        }
        let firsts = self.firsts.get(&chunk)?;
        let page = firsts.partition_point(|first| *first <= value).checked_sub(1)?;
        let key = (stream.segments.stream, *firsts.get(page)?);
        if let Some(page) = self.texts.get(&key) {
            return Some(page.clone());
        }
        let Some(Cached::Texts(page)) = self.cached((self.block.id, key.0, key.1)) else {
            return None;
        };
        self.texts.insert(key, page.clone());
        Some(page)
    }

    /// False only if `hash` is surely not among the column's texts.
    pub(super) fn filter_allows(&mut self, column: &ColumnMeta, hash: u64) -> Result<bool, StorageError> {
        let Some(filter) = &column.filter else { return Ok(true) };
        let segment = self.segment(filter, filter.chunk_of(0))?;
        super::membership::may_contain(segment.page(0, 1)?.1, hash)
    }
}

/// The first value of the page with a number.
fn page_of(value: u32) -> u32 {
    value - value % PAGE_VALUES as u32
}

/// Where other requests find the first values of a segment's pages.
fn firsts_key(block: &Block, chunk: ChunkId) -> PageKey {
    (block.id, chunk.stream, FIRSTS + u32::from(chunk.segment))
}

impl Drop for Pages<'_> {
    fn drop(&mut self) {
        if let Some(cache) = self.block.chunks.pages() {
            cache.keep(std::mem::take(&mut self.unpacker));
        }
    }
}
