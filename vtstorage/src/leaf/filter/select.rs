//! Which rows of a loaded column a predicate holds for. Nothing is allocated for a row; dictionary entries are tested
//! once, and simple comparisons of numbers are loops that compile to vector code.

use super::field::FieldTest;
use super::text::{decimal, hex};
use super::value::{AnyText, IdTest, IntTest, ValueTest};
use crate::engine::rows::{Loaded, LoadedRows, RowSet, Texts, Values};

/// The rows that have a value for which `test` holds. Rows that are no `candidates` may be left out or not.
pub(super) fn select(loaded: &Loaded, test: &ValueTest, candidates: &RowSet) -> RowSet {
    let picker = Picker {
        rows: &loaded.rows,
        candidates,
    };
    let mut scratch = String::new();
    match &loaded.values {
        Values::Const { value, count } => {
            if test.value(value, &mut scratch) {
                picker.every(*count)
            } else {
                picker.none()
            }
        }
        Values::Dict { dict, codes } => select_dict(dict, codes, test, &picker),
        Values::Text(texts) => select_text(texts, test, &picker),
        Values::Int(ints) => select_ints(ints, test.ints(), &picker),
        Values::UInt(ints) => select_ints(ints, test.ints(), &picker),
        Values::Double(doubles) => match test {
            ValueTest::Number { min, max } => picker.where_value(doubles, |d| *min <= d && d <= *max),
            ValueTest::Field(field) if let Some((min, max)) = field.bounds() => {
                picker.where_value(doubles, |d| min <= d && d <= max)
            }
            _ => picker.where_value_dear(doubles, |d| test.double(*d, &mut scratch)),
        },
        Values::Bool(bools) => {
            let (if_false, if_true) = (test.bool(false), test.bool(true));
            picker.where_value(bools, |b| if b { if_true } else { if_false })
        }
        Values::TraceIds(ids) => select_ids(ids, |id| id.0, test, &picker),
        Values::SpanIds(ids) => select_ids(ids, |id| id.0, test, &picker),
        Values::Mixed(values) => picker.where_value_dear(values, |value| test.value(value, &mut scratch)),
    }
}

/// The rows that have a value.
pub(super) fn present(loaded: &Loaded, rows: u32) -> RowSet {
    let candidates = RowSet::empty(rows);
    Picker {
        rows: &loaded.rows,
        candidates: &candidates,
    }
    .every(loaded.values.len())
}

/// Makes a set of the rows whose values are chosen.
struct Picker<'a> {
    rows: &'a LoadedRows,
    candidates: &'a RowSet,
}

impl Picker<'_> {
    fn none(&self) -> RowSet {
        RowSet::empty(self.candidates.rows())
    }

    /// The rows of the first `count` values.
    fn every(&self, count: usize) -> RowSet {
        match self.rows {
            LoadedRows::Dense { start } => {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                RowSet::of_range(self.candidates.rows(), *start..start.saturating_add(count))
            }
            LoadedRows::Sparse(rows) => {
                let mut set = self.none();
                rows.iter().take(count).for_each(|row| set.insert(*row));
                set
            }
        }
    }

    /// Tests every value: for tests that cost less than to look whether the row is a candidate.
    fn where_value<T: Copy>(&self, values: &[T], hit: impl Fn(T) -> bool) -> RowSet {
        let mut set = self.none();
        match self.rows {
            LoadedRows::Dense { start } if start % 64 == 0 => {
                let first = *start as usize / 64;
                for (i, chunk) in values.chunks(64).enumerate() {
                    let bits = chunk
                        .iter()
                        .enumerate()
                        .fold(0, |bits, (bit, v)| bits | u64::from(hit(*v)) << bit);
                    set.insert_word(first + i, bits);
                }
            }
            LoadedRows::Dense { start } => {
                let rows = *start..;
                rows.zip(values)
                    .filter(|(_, v)| hit(**v))
                    .for_each(|(row, _)| set.insert(row));
            }
            LoadedRows::Sparse(rows) => {
                rows.iter()
                    .zip(values)
                    .filter(|(_, v)| hit(**v))
                    .for_each(|(row, _)| set.insert(*row));
            }
        }
        set
    }

    /// Tests the values of candidates only.
    fn where_value_dear<T>(&self, values: &[T], mut hit: impl FnMut(&T) -> bool) -> RowSet {
        self.where_index(values.len(), |i| values.get(i).is_some_and(&mut hit))
    }

    /// Tests the numbers of values of candidates only.
    fn where_index(&self, count: usize, mut hit: impl FnMut(usize) -> bool) -> RowSet {
        let mut set = self.none();
        for i in 0..count {
            let row = self.rows.row(i);
            if self.candidates.contains(row) && hit(i) {
                set.insert(row);
            }
        }
        set
    }
}

fn select_dict(dict: &Texts, codes: &[u32], test: &ValueTest, picker: &Picker<'_>) -> RowSet {
    if (picker.candidates.count() as usize) < dict.len() / 2 {
        // Few rows are left: most of the dictionary need not be looked at.
        let mut known: Vec<Option<bool>> = vec![None; dict.len()];
        return picker.where_value_dear(codes, |code| {
            let code = *code as usize;
            known
                .get_mut(code)
                .is_some_and(|known| *known.get_or_insert_with(|| test.text(dict.get(code))))
        });
    }
    let matching: Vec<bool> = dict.iter().map(|text| test.text(text)).collect();
    let mut hits = matching
        .iter()
        .enumerate()
        .filter(|(_, hit)| **hit)
        .map(|(code, _)| code as u32);
    match (hits.next(), hits.next()) {
        (None, _) => picker.none(),
        (Some(only), None) => picker.where_value(codes, |code| code == only),
        _ => picker.where_value(codes, |code| matching.get(code as usize).copied().unwrap_or_default()),
    }
}

fn select_text(texts: &Texts, test: &ValueTest, picker: &Picker<'_>) -> RowSet {
    let needle = match test {
        ValueTest::Text(text) => text.needle(),
        ValueTest::Field(field) => field.needle(),
        _ => None,
    };
    if let Some(needle) = needle
        && picker.candidates.count() as usize > texts.len() / 4
    {
        return select_containing(texts, needle, picker);
    }
    match test {
        ValueTest::Field(field) => select_field(texts, field, picker),
        _ => picker.where_index(texts.len(), |i| test.text(texts.get(i))),
    }
}

/// Makes sure of all texts at once that they are UTF-8.
fn select_field(texts: &Texts, field: &FieldTest, picker: &Picker<'_>) -> RowSet {
    let (bytes, ends) = texts.parts();
    let Ok(all) = std::str::from_utf8(bytes) else {
        return picker.where_index(texts.len(), |i| field.matches_bytes(texts.get(i)));
    };
    let end = |i: usize| ends.get(i).map_or(0, |end| *end as usize);
    picker.where_index(texts.len(), |i| {
        let start = i.checked_sub(1).map_or(0, end);
        all.get(start..end(i)).is_some_and(|text| field.matches(text))
    })
}

/// Searches all texts at once, as the one buffer they lie in.
fn select_containing(texts: &Texts, needle: &memchr::memmem::Finder<'_>, picker: &Picker<'_>) -> RowSet {
    let mut set = picker.none();
    let (bytes, ends) = texts.parts();
    let (mut from, mut text) = (0, 0);
    while let Some(at) = bytes.get(from..).and_then(|rest| needle.find(rest)).map(|at| from + at) {
        while ends.get(text).is_some_and(|end| *end as usize <= at) {
            text += 1;
        }
        let Some(end) = ends.get(text).map(|end| *end as usize) else {
            break;
        };
        if at + needle.needle().len() <= end {
            set.insert(picker.rows.row(text));
            from = end;
        } else {
            from = at + 1;
        }
    }
    set
}

/// Whole numbers of a column.
trait Whole: Copy + PartialOrd + Into<i128> + TryFrom<i128> {
    const LEAST: i128;
    const MOST: i128;
    fn as_double(self) -> f64;
    fn digits(self, buffer: &mut [u8; 20]) -> &[u8];
}

impl Whole for i64 {
    const LEAST: i128 = i64::MIN as i128;
    const MOST: i128 = i64::MAX as i128;

    fn as_double(self) -> f64 {
        self as f64
    }

    fn digits(self, buffer: &mut [u8; 20]) -> &[u8] {
        decimal(self.unsigned_abs(), self < 0, buffer)
    }
}

impl Whole for u64 {
    const LEAST: i128 = 0;
    const MOST: i128 = u64::MAX as i128;

    fn as_double(self) -> f64 {
        self as f64
    }

    fn digits(self, buffer: &mut [u8; 20]) -> &[u8] {
        decimal(self, false, buffer)
    }
}

fn select_ints<T: Whole>(ints: &[T], test: IntTest<'_>, picker: &Picker<'_>) -> RowSet {
    match test {
        IntTest::Never => picker.none(),
        IntTest::Always => picker.every(ints.len()),
        IntTest::Within(min, max) => match (T::try_from(min.max(T::LEAST)), T::try_from(max.min(T::MOST))) {
            (Ok(min), Ok(max)) => picker.where_value(ints, |int| min <= int && int <= max),
            _ => picker.none(),
        },
        IntTest::Near(min, max) => picker.where_value(ints, |int| min <= int.as_double() && int.as_double() <= max),
        IntTest::NearNotZero(min, max) => picker.where_value(ints, |int| {
            let double = int.as_double();
            double != 0.0 && min <= double && double <= max
        }),
        IntTest::OneOf(wanted) => picker.where_value(ints, |int| wanted.binary_search(&int.into()).is_ok()),
        IntTest::Text(text, zero) => {
            let mut buffer = [0; 20];
            picker.where_value_dear(ints, |int| match zero {
                Some(zero) if int.as_double() == 0.0 => zero,
                _ => text.matches(int.digits(&mut buffer)),
            })
        }
    }
}

fn select_ids<T: Copy, const N: usize>(
    ids: &[T],
    bytes: impl Fn(T) -> [u8; N],
    test: &ValueTest,
    picker: &Picker<'_>,
) -> RowSet {
    let by_text = |test: AnyText<'_>| {
        let mut buffer = [0; 32];
        picker.where_value_dear(ids, |id| test.matches(hex(&bytes(*id), &mut buffer)))
    };
    match test.ids::<N>() {
        IdTest::Never => picker.none(),
        IdTest::Always => picker.every(ids.len()),
        IdTest::OneOf(wanted) => match wanted.as_slice() {
            [only] => picker.where_value(ids, |id| bytes(id) == *only),
            wanted => picker.where_value(ids, |id| wanted.contains(&bytes(id))),
        },
        IdTest::Text(test) => by_text(test),
    }
}
