//! Decoded pages and whole columns that several queries share, within a budget. Traces that people look at, the newest
//! blocks that every search begins with, and the columns of repeated statistics are decoded once.

use super::BlockId;
use super::layout::Layout;
use super::minutes::SlotMinutes;
use super::slots::SlotRows;
use crate::engine::codec::Unpacker;
use crate::engine::numbers::Numbers;
use crate::engine::rows::{RankedRows, Texts};
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::ops::Range;
use std::sync::Arc;

/// A decoded page and the numbers of its values.
#[derive(Clone, Debug)]
pub(super) struct Page<T> {
    pub(super) values: Range<u32>,
    pub(super) data: Arc<T>,
}

/// What is kept.
#[derive(Clone, Debug)]
pub(super) enum Cached {
    Ints(Page<Numbers>),
    Texts(Page<Texts>),
    Layout(Arc<Layout>),
    Slots(Arc<SlotRows>),
    Minutes(Arc<SlotMinutes>),
    /// All numbers of a stream, or what is made of them
    Numbers(Numbers),
    /// All texts of a stream
    AllTexts(Arc<Texts>),
    /// The rows that have a column
    Rows(Arc<RankedRows>),
    /// The first value of each page of a segment
    Firsts(Arc<[u32]>),
}

/// Block, stream, and number of the page's first value, or what else is kept of the stream: see [`WHOLE`]. Of slots: no stream,
/// and the tenant's first row.
pub(super) type PageKey = (BlockId, u16, u32);

/// In the place of the first value: all values of the stream. No page begins there.
pub(super) const WHOLE: u32 = u32::MAX;
/// What is made of all values: of resources their services, of starts the times.
pub(super) const DERIVED: u32 = u32::MAX - 1;
/// Less the number of a column: of the shapes of a table, the rows that have the column.
pub(super) const ROWS_HAVING: u32 = u32::MAX - 2;
/// And the number of a segment: the first values of its pages.
pub(super) const FIRSTS: u32 = 1 << 31;

#[derive(Clone, Debug)]
struct BySize;

impl Weighter<PageKey, Cached> for BySize {
    fn weight(&self, _: &PageKey, page: &Cached) -> u64 {
        let size = match page {
            Cached::Ints(page) => page.data.size(),
            Cached::Texts(page) => page.data.size(),
            Cached::Layout(layout) => layout.size(),
            Cached::Firsts(firsts) => size_of_val::<[u32]>(firsts),
            Cached::Slots(slots) => slots.size(),
            Cached::Minutes(minutes) => minutes.size(),
            Cached::Numbers(numbers) => numbers.size(),
            Cached::AllTexts(texts) => texts.size(),
            Cached::Rows(rows) => rows.size(),
        };
        size as u64 + ENTRY
    }
}

/// About what an entry takes beside its page.
const ENTRY: u64 = 128;
/// About the size of a page, for the first size of the cache's table.
const TYPICAL: u64 = 8 << 10;

/// Decoded pages of all blocks, and what decodes pages.
pub struct PageCache {
    pages: Cache<PageKey, Cached, BySize>,
    /// Making one costs more than a page
    unpackers: Mutex<Vec<Unpacker>>,
}

/// Unpackers that are kept while nobody needs them.
const MOST_UNPACKERS: usize = 16;

impl PageCache {
    /// Keeps up to `bytes` of pages.
    pub fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX).max(16);
        Self {
            pages: Cache::with_weighter(items, bytes, BySize),
            unpackers: Mutex::default(),
        }
    }

    /// Bytes that it keeps at most.
    pub fn capacity(&self) -> u64 {
        self.pages.capacity()
    }

    /// Bytes of all pages in it.
    pub fn bytes(&self) -> u64 {
        self.pages.weight()
    }

    pub(super) fn get(&self, key: PageKey) -> Option<Cached> {
        self.pages.get(&key)
    }

    pub(super) fn insert(&self, key: PageKey, page: Cached) {
        self.pages.insert(key, page);
    }

    /// An unpacker for one request.
    pub(super) fn unpacker(&self) -> Unpacker {
        self.unpackers.lock().pop().unwrap_or_default()
    }

    /// Keeps an unpacker for other requests.
    pub(super) fn keep(&self, unpacker: Unpacker) {
        let mut unpackers = self.unpackers.lock();
        if unpackers.len() < MOST_UNPACKERS {
            unpackers.push(unpacker);
        }
    }
}
