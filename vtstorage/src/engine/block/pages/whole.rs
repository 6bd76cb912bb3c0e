//! Whole columns: decoded at once into as little memory as they need, and shared as a whole. For queries that look at
//! most rows of a block; others read pages.

use super::Pages;
use crate::engine::block::ChunkId;
use crate::engine::block::cache::{Cached, DERIVED, ROWS_HAVING, WHOLE};
use crate::engine::block::header::TableMeta;
use crate::engine::codec::ints::IntEncoding;
use crate::engine::codec::texts::TextEncoding;
use crate::engine::codec::{IntStream, Segment, Segments, TextStream};
use crate::engine::error::StorageError;
use crate::engine::numbers::{Narrowing, Numbers, Offset, with_offsets};
use crate::engine::rows::{RankedRows, RowSet, Texts};
use std::sync::Arc;

impl Pages<'_> {
    /// All numbers of a stream.
    pub(in crate::engine::block) fn whole_numbers(&mut self, stream: &IntStream) -> Result<Numbers, StorageError> {
        if let IntEncoding::Const(value) = stream.encoding {
            return Ok(Numbers::repeated(value, stream.count as usize));
        }
        self.kept_numbers((stream, WHOLE), |pages| pages.decode_numbers(stream))
    }

    /// What `make` makes of all numbers of a stream: the same whenever it is asked for.
    pub(in crate::engine::block) fn derived_numbers(
        &mut self,
        stream: &IntStream,
        make: impl FnOnce(&mut Self) -> Result<Numbers, StorageError>,
    ) -> Result<Numbers, StorageError> {
        self.kept_numbers((stream, DERIVED), make)
    }

    fn kept_numbers(
        &mut self,
        (stream, what): (&IntStream, u32),
        make: impl FnOnce(&mut Self) -> Result<Numbers, StorageError>,
    ) -> Result<Numbers, StorageError> {
        let key = (self.block.id, stream.segments.stream, what);
        if let Some(Cached::Numbers(numbers)) = self.cached(key) {
            return Ok(numbers);
        }
        let numbers = make(self)?;
        self.share(key, Cached::Numbers(numbers.clone()));
        Ok(numbers)
    }

    fn decode_numbers(&mut self, stream: &IntStream) -> Result<Numbers, StorageError> {
        let (base, bits) = match stream.encoding {
            IntEncoding::Packed { min, width } => (min, width),
            IntEncoding::Zstd { min, width } => (min, width.saturating_mul(8)),
            IntEncoding::Const(_) | IntEncoding::Pco(_) => (0, 32),
        };
        let mut numbers = Narrowing::new(base, bits, stream.count as usize);
        let mut decoder = stream.decoder()?;
        let mut values = Vec::new();
        self.each_page(&stream.segments, stream.count, |pages, page, count| {
            values.clear();
            decoder.decode(page, count, &mut pages.unpacker, &mut values)?;
            numbers.extend(&values);
            Ok(())
        })?;
        Ok(numbers.finish())
    }

    /// All texts of a stream.
    pub(in crate::engine::block) fn whole_texts(&mut self, stream: &TextStream) -> Result<Arc<Texts>, StorageError> {
        let mut texts = Texts::default();
        if let TextEncoding::Const(value) = &stream.encoding {
            (0..stream.count).for_each(|_| texts.push(value));
            return Ok(texts.into());
        }
        let key = (self.block.id, stream.segments.stream, WHOLE);
        if let Some(Cached::AllTexts(texts)) = self.cached(key) {
            return Ok(texts);
        }
        self.each_page(&stream.segments, stream.count, |pages, page, count| {
            texts.append(&stream.decode(page, count, &mut pages.unpacker)?);
            Ok(())
        })?;
        texts.shrink_to_fit();
        let texts = Arc::new(texts);
        self.share(key, Cached::AllTexts(texts.clone()));
        Ok(texts)
    }

    /// The rows of a table that have column number `column`.
    pub(in crate::engine::block) fn rows_having(
        &mut self,
        table: &TableMeta,
        column: u16,
    ) -> Result<Arc<RankedRows>, StorageError> {
        let stream = table.shapes.segments.stream;
        let key = (self.block.id, stream, ROWS_HAVING - u32::from(column));
        if let Some(Cached::Rows(rows)) = self.cached(key) {
            return Ok(rows);
        }
        let having = self.layout(table)?.having(column);
        let shapes = match self.shapes.get(&stream) {
            Some(shapes) => shapes.clone(),
            None => {
                let shapes = self.decode_shapes(table)?;
                self.shapes.insert(stream, shapes.clone());
                shapes
            }
        };
        let rows = Arc::new(RankedRows::new(chosen(&shapes, &having, table.rows)));
        self.share(key, Cached::Rows(rows.clone()));
        Ok(rows)
    }

    fn decode_shapes(&mut self, table: &TableMeta) -> Result<Numbers, StorageError> {
        match table.shapes.encoding {
            IntEncoding::Const(shape) => Ok(Numbers::repeated(shape, table.rows as usize)),
            _ => self.decode_numbers(&table.shapes),
        }
    }

    /// Calls `visit` with the bytes of each page of a stream and the number of its values. What is read for it alone is
    /// kept nowhere.
    fn each_page(
        &mut self,
        segments: &Segments,
        count: u32,
        mut visit: impl FnMut(&mut Self, &[u8], usize) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let stored = segments.chunks(count).filter_map(|(chunk, _)| segments.stored(chunk));
        let missing: Vec<ChunkId> = stored.filter(|chunk| !self.chunks.contains_key(chunk)).collect();
        let block = self.block;
        let read = block.chunks.chunks(block.day, block.id, &missing, true)?;
        self.bytes_read += read.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        let mut read = missing.into_iter().zip(read).peekable();
        for (chunk, range) in segments.chunks(count) {
            let bytes = segments.read(chunk, |stored| match read.next_if(|(chunk, _)| *chunk == stored) {
                Some((_, bytes)) => Ok(bytes),
                None => self.chunk(stored, true),
            })?;
            let segment = Segment::new(bytes)?;
            for page in 0..segment.pages() {
                let (values, bytes) = segment.page(page, range.end)?;
                visit(self, bytes, values.len())?;
            }
        }
        Ok(())
    }
}

/// The rows whose code is chosen.
fn chosen(codes: &Numbers, choice: &[bool], rows: u32) -> RowSet {
    let mut set = RowSet::empty(rows);
    let base = codes.base();
    with_offsets!(codes, offsets => {
        for (word, offsets) in offsets.chunks(64).enumerate() {
            let bits = offsets.iter().enumerate().fold(0, |bits, (bit, offset)| {
                let code = base.wrapping_add(offset.wide());
                let is_chosen = choice.get(code as usize).copied().unwrap_or_default();
                bits | u64::from(is_chosen) << bit
            });
            set.insert_word(word, bits);
        }
    });
    set
}
