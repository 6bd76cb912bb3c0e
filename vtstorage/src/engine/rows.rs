//! How queries see rows: a block and a head batch give columns in one form, so that filters and aggregates are written
//! once.

use super::error::StorageError;
use super::numbers::Numbers;
use common::ids::{SpanId, TenantId, TraceId};
use common::query::Column;
use common::value::AttrValue;
use std::ops::Range;
use std::sync::Arc;

/// A set of row numbers within one block or batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    rows: u32,
}

impl RowSet {
    /// None of `rows` rows.
    pub fn empty(rows: u32) -> Self {
        Self {
            words: vec![0; (rows as usize).div_ceil(64)],
            rows,
        }
    }

    /// All rows of `range`, of `rows` rows.
    pub fn of_range(rows: u32, range: Range<u32>) -> Self {
        let mut set = Self::empty(rows);
        set.insert_range(range);
        set
    }

    /// Adds all rows of `range`.
    pub fn insert_range(&mut self, range: Range<u32>) {
        let (start, end) = (range.start as usize, range.end.min(self.rows) as usize);
        if start >= end {
            return;
        }
        let (first, last) = (start / 64, (end - 1) / 64);
        for (i, word) in self.words.iter_mut().enumerate().take(last + 1).skip(first) {
            let low = if i == first { u64::MAX << (start % 64) } else { u64::MAX };
            let high = if i == last {
                u64::MAX >> (63 - (end - 1) % 64)
            } else {
                u64::MAX
            };
            *word |= low & high;
        }
    }

    /// The number of rows that could be members.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    #[inline]
    pub fn insert(&mut self, row: u32) {
        if let Some(word) = self.words.get_mut(row as usize / 64) {
            *word |= 1 << (row % 64);
        }
    }

    /// Adds the rows `64 * word ..` whose bits are set, the lowest bit first; bits must not go beyond the last row.
    #[inline]
    pub fn insert_word(&mut self, word: usize, bits: u64) {
        if let Some(known) = self.words.get_mut(word) {
            *known |= bits;
        }
    }

    /// The rows by 64: the lowest bit is the first of them.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.words
            .get(row as usize / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Whether any row of `range` is a member.
    pub fn any_in(&self, range: Range<u32>) -> bool {
        let (start, end) = (range.start as usize, range.end.min(self.rows) as usize);
        if start >= end {
            return false;
        }
        let (first, last) = (start / 64, (end - 1) / 64);
        self.words
            .iter()
            .enumerate()
            .take(last + 1)
            .skip(first)
            .any(|(i, word)| {
                let low = if i == first { u64::MAX << (start % 64) } else { u64::MAX };
                let high = if i == last {
                    u64::MAX >> (63 - (end - 1) % 64)
                } else {
                    u64::MAX
                };
                word & low & high != 0
            })
    }

    pub fn count(&self) -> u32 {
        self.words.iter().map(|w| w.count_ones()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// For each 64 rows the number of members before them.
    pub fn before_words(&self) -> Vec<u32> {
        let mut before = 0;
        let count = |word: &u64| {
            before += word.count_ones();
            before - word.count_ones()
        };
        self.words.iter().map(count).collect()
    }

    /// The number of members before `row` among the 64 rows that it is one of, if it is a member.
    #[inline]
    pub fn rank_in_word(&self, row: u32) -> Option<u32> {
        let word = *self.words.get(row as usize / 64)?;
        let bit = 1u64 << (row % 64);
        (word & bit != 0).then(|| (word & (bit - 1)).count_ones())
    }

    /// Whether all rows of `other` are members.
    pub fn contains_all(&self, other: &Self) -> bool {
        self.rows == other.rows && self.words.iter().zip(&other.words).all(|(a, b)| b & !a == 0)
    }

    /// Keeps the rows that are in `other` too.
    pub fn intersect(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a &= b;
        }
    }

    /// Adds the rows of `other`.
    pub fn union(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a |= b;
        }
    }

    /// Takes away the rows of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a &= !b;
        }
    }

    /// The members as ranges that do not touch, ascending.
    pub fn ranges(&self) -> Vec<Range<u32>> {
        let mut ranges: Vec<Range<u32>> = Vec::new();
        for row in self.iter() {
            match ranges.last_mut() {
                Some(last) if last.end == row => last.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        ranges
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(i, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    i as u32 * 64 + bit
                })
            })
        })
    }
}

/// Many byte strings in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: Vec<u8>,
    /// End of each text in `bytes`
    ends: Vec<u32>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Adds all of `more`.
    pub fn append(&mut self, more: &Self) {
        let before = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&more.bytes);
        self.ends.extend(more.ends.iter().map(|end| before + end));
    }

    /// The text at `index`; empty beyond the end.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        let end = self.ends.get(index).copied().unwrap_or_default() as usize;
        let start = index
            .checked_sub(1)
            .and_then(|i| self.ends.get(i))
            .copied()
            .unwrap_or_default() as usize;
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len()
    }

    /// Gives room back that no text takes.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The buffer and the end of each text in it.
    pub fn parts(&self) -> (&[u8], &[u32]) {
        (&self.bytes, &self.ends)
    }

    /// Texts from a buffer and the end of each text in it; ends must ascend within the buffer.
    pub fn from_parts(bytes: Vec<u8>, ends: Vec<u32>) -> Option<Self> {
        let ascending = ends.is_sorted() && ends.last().is_none_or(|last| *last as usize <= bytes.len());
        ascending.then_some(Self { bytes, ends })
    }
}

/// A set of rows that knows how many of them lie before each row.
#[derive(Debug, PartialEq, Eq)]
pub struct RankedRows {
    rows: RowSet,
    before: Vec<u32>,
}

impl RankedRows {
    pub fn new(rows: RowSet) -> Self {
        let before = rows.before_words();
        Self { rows, before }
    }

    pub fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// For each 64 rows the number of members before them.
    pub fn before(&self) -> &[u32] {
        &self.before
    }

    /// The number of members before `row`, if it is a member.
    pub fn place(&self, row: u32) -> Option<usize> {
        let before = *self.before.get(row as usize / 64)?;
        self.rows.rank_in_word(row).map(|rank| (before + rank) as usize)
    }

    /// The member with so many members before it.
    fn nth(&self, index: u32) -> Option<u32> {
        let word = self.before.partition_point(|before| *before <= index).checked_sub(1)?;
        let mut bits = *self.rows.words.get(word)?;
        let below = index - self.before.get(word)?;
        if below >= bits.count_ones() {
            return None;
        }
        for _ in 0..below {
            bits &= bits - 1;
        }
        Some(word as u32 * 64 + bits.trailing_zeros())
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        8 * self.rows.words.len() + 4 * self.before.len()
    }
}

/// The row of each loaded value, ascending; a row repeats where it has several values (events, links).
#[derive(Clone, Debug)]
pub enum LoadedRows {
    /// Value `i` belongs to row `start + i`.
    Dense {
        start: u32,
    },
    Sparse(Vec<u32>),
    /// Value `i` belongs to the member with `i` members before it.
    Set(Arc<RankedRows>),
}

/// Values of one column. All but `Mixed` have one type.
#[derive(Clone, Debug)]
pub enum Values {
    /// All values are this one.
    Const {
        value: AttrValue,
        count: usize,
    },
    /// UTF-8 texts as codes into a dictionary (sorted in a block, in order of appearance in a head).
    Dict {
        dict: Arc<Texts>,
        codes: Numbers,
    },
    /// UTF-8 texts.
    Text(Arc<Texts>),
    /// Signed numbers.
    Int(Numbers),
    /// Times and durations.
    UInt(Numbers),
    Double(Vec<f64>),
    Bool(Vec<bool>),
    TraceIds(Vec<TraceId>),
    SpanIds(Vec<SpanId>),
    /// Anything else, or values of several types.
    Mixed(Vec<AttrValue>),
}

/// The values of a column in some rows. What is large is shared with whoever keeps it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub rows: LoadedRows,
    pub values: Values,
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Self::Const { count, .. } => *count,
            Self::Dict { codes, .. } => codes.len(),
            Self::Text(t) => t.len(),
            Self::Int(v) => v.len(),
            Self::UInt(v) => v.len(),
            Self::Double(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::TraceIds(v) => v.len(),
            Self::SpanIds(v) => v.len(),
            Self::Mixed(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl LoadedRows {
    /// The row of value `index`; to go over many, [`Self::row_numbers`] is faster.
    #[inline]
    pub fn row(&self, index: usize) -> u32 {
        match self {
            Self::Dense { start } => start + index as u32,
            Self::Sparse(rows) => rows.get(index).copied().unwrap_or(u32::MAX),
            Self::Set(rows) => rows.nth(index as u32).unwrap_or(u32::MAX),
        }
    }

    /// The rows of the first `count` values.
    pub fn row_numbers(&self, count: usize) -> impl Iterator<Item = u32> + '_ {
        let (counted, members) = match self {
            Self::Set(rows) => (0, Some(rows.rows.iter().take(count))),
            _ => (count, None),
        };
        (0..counted)
            .map(|index| self.row(index))
            .chain(members.into_iter().flatten())
    }
}

/// Rows of one block, or of one head batch, during one query. Rows of a tenant are contiguous; within a block they are
/// ordered by trace hash and start.
///
/// The columns a query may ask for: what is absent from a row (no such attribute, empty trace state, no parent, zero
/// drop counts and flags, unset status code, unspecified kind) is given as the OTLP default for intrinsic fields that
/// every span has (`Kind`, `StatusCode`, `Flags`, `Start`, `End`, `Duration`, `Name`, `TraceId`, `SpanId`,
/// `Dropped…`, as ints: 0) and as no value for the others (`ParentSpanId`, `TraceState`, `StatusMessage`, `ScopeName`,
/// `ScopeVersion`, attributes). Every event and link has a value of each of its fields, empty or 0 where that is the
/// OTLP default, except attributes and the ids of a link where they are zeros.
pub trait RowSource {
    fn rows(&self) -> u32;

    /// The rows that the request is about, unless these are all.
    fn within(&self) -> Option<&RowSet> {
        None
    }

    /// The rows of `tenant`.
    fn tenant_rows(&self, tenant: TenantId) -> Range<u32>;

    /// Earliest and latest span start of the rows, in nanoseconds.
    fn start_range(&self) -> (u64, u64);

    /// Loads the values of `column` for at least the rows of `want`: a source may give more rows (whole pages), never
    /// fewer. `None` where no row has one.
    fn load(&mut self, column: &Column, want: &RowSet) -> Result<Option<Loaded>, StorageError>;

    /// False only if it is certain, from statistics or filters alone, that no row has `text` as the text form of its
    /// value in `column`. Cheap compared with [`Self::load`].
    fn may_contain(&mut self, column: &Column, text: &str) -> Result<bool, StorageError>;

    /// False only if it is certain, from statistics alone, that no row has a number within both bounds.
    fn may_be_within(&mut self, column: &Column, min: f64, max: f64) -> bool;

    /// The rows of a trace of `tenant`: contiguous in a block; a head batch gives what covers them.
    fn trace_rows(&mut self, tenant: TenantId, trace: TraceId) -> Result<Vec<u32>, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_rows() {
        for (start, end) in [(0, 0), (0, 1), (0, 64), (63, 65), (3, 130), (128, 130), (5, 5)] {
            let set = RowSet::of_range(130, start..end);
            assert_eq!(set.iter().collect::<Vec<_>>(), (start..end).collect::<Vec<_>>());
            assert_eq!(set.count(), end - start);
            assert_eq!(set.any_in(0..130), end > start);
            assert!(!set.any_in(end..130));
        }
    }

    #[test]
    fn ranges_are_added() {
        let mut set = RowSet::of_range(130, 3..5);
        set.insert_range(60..70);
        set.insert_range(128..500);
        set.insert_range(9..9);
        let expected = (3..5).chain(60..70).chain(128..130);
        assert!(set.iter().eq(expected), "{set:?}");
    }

    #[test]
    fn members_are_counted() {
        for members in [vec![], vec![0, 63, 64, 129], vec![70], (0..130).collect()] {
            let mut rows = RowSet::empty(130);
            members.iter().for_each(|row| rows.insert(*row));
            let loaded = LoadedRows::Set(RankedRows::new(rows).into());
            assert_eq!(loaded.row_numbers(members.len()).collect::<Vec<_>>(), members);
            assert_eq!(loaded.row_numbers(1).count(), members.len().min(1));
            let by_place: Vec<u32> = (0..members.len()).map(|i| loaded.row(i)).collect();
            assert_eq!(by_place, members);
            assert_eq!(loaded.row(members.len()), u32::MAX);
            let LoadedRows::Set(set) = &loaded else {
                panic!("it is a set")
            };
            let place = |row| members.iter().position(|member| *member == row);
            assert!((0..140).all(|row| set.place(row) == place(row)));
        }
    }

    #[test]
    fn texts_are_found_by_index() {
        let mut texts = Texts::default();
        for text in ["a", "", "bcd"] {
            texts.push(text.as_bytes());
        }
        assert_eq!(texts.iter().collect::<Vec<_>>(), [b"a".as_slice(), b"", b"bcd"]);
        assert_eq!(texts.get(9), b"");
    }
}
