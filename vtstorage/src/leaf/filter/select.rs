//! Which rows of a loaded column a predicate holds for. Nothing is allocated for a row; dictionary entries are tested
//! once, and simple comparisons of numbers are loops that compile to vector code.

use super::field::FieldTest;
use super::text::{decimal, hex};
use super::value::{AnyText, IdTest, IntTest, ValueTest};
use crate::engine::numbers::{Numbers, Offset, Offsets, with_offsets};
use crate::engine::rows::{Loaded, LoadedRows, RankedRows, RowSet, Texts, Values};

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
        Values::Int(ints) => select_ints(
            &Ints {
                numbers: ints,
                signed: true,
            },
            test.ints(),
            &picker,
        ),
        Values::UInt(ints) => select_ints(
            &Ints {
                numbers: ints,
                signed: false,
            },
            test.ints(),
            &picker,
        ),
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
            LoadedRows::Set(rows) => rows.rows().clone(),
        }
    }

    /// Tests every value, but for runs of rows of which none is a candidate: for tests that cost less than to look
    /// whether the row is a candidate.
    fn where_value<T: Copy>(&self, values: &[T], hit: impl Fn(T) -> bool) -> RowSet {
        let mut set = self.none();
        match self.rows {
            LoadedRows::Dense { start } if start % 64 == 0 => {
                let first = *start as usize / 64;
                let wanted = self.candidates.words().get(first..).unwrap_or_default();
                for (i, (chunk, wanted)) in values.chunks(64).zip(wanted).enumerate() {
                    if *wanted == 0 {
                        continue;
                    }
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
            LoadedRows::Set(rows) => insert_members(rows, values, self.candidates, hit, &mut set),
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
        for (i, row) in self.rows.row_numbers(count).enumerate() {
            if self.candidates.contains(row) && hit(i) {
                set.insert(row);
            }
        }
        set
    }
}

/// Inserts the members whose values are chosen; value `i` is that of the member with `i` members before it.
fn insert_members<T: Copy>(
    rows: &RankedRows,
    mut values: &[T],
    candidates: &RowSet,
    hit: impl Fn(T) -> bool,
    set: &mut RowSet,
) {
    let words = rows.rows().words().iter().zip(candidates.words());
    for (word, (members, wanted)) in words.enumerate() {
        let count = (members.count_ones() as usize).min(values.len());
        let (of_word, rest) = values.split_at(count);
        values = rest;
        if members & wanted == 0 {
            continue;
        }
        let (mut left, mut bits) = (*members, 0);
        for value in of_word {
            let bit = left & left.wrapping_neg();
            if hit(*value) {
                bits |= bit;
            }
            left ^= bit;
        }
        set.insert_word(word, bits);
    }
}

fn select_dict(dict: &Texts, codes: &Numbers, test: &ValueTest, picker: &Picker<'_>) -> RowSet {
    if (picker.candidates.count() as usize) < dict.len() / 2 {
        // Few rows are left: most of the dictionary need not be looked at.
        let mut known: Vec<Option<bool>> = vec![None; dict.len()];
        return picker.where_index(codes.len(), |i| {
            let code = codes.get(i).unwrap_or_default() as usize;
            known
                .get_mut(code)
                .is_some_and(|known| *known.get_or_insert_with(|| test.text(dict.get(code))))
        });
    }
    let matching: Vec<bool> = dict.iter().map(|text| test.text(text)).collect();
    let hits = matching.iter().filter(|hit| **hit).count();
    if hits == 0 {
        return picker.none();
    }
    if hits == dict.len() {
        return picker.every(codes.len());
    }
    let base = codes.base();
    if hits == 1 {
        let only = matching.iter().position(|hit| *hit).unwrap_or_default() as u64;
        let bounds = (i128::from(only), i128::from(only));
        let codes = Ints {
            numbers: codes,
            signed: false,
        };
        return select_within(&codes, bounds, picker);
    }
    with_offsets!(codes, offsets => picker.where_value(offsets, |offset| {
        let code = base.wrapping_add(offset.wide());
        matching.get(code as usize).copied().unwrap_or_default()
    }))
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
    let mut rows = picker.rows.row_numbers(texts.len());
    let mut passed = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| needle.find(rest)).map(|at| from + at) {
        while ends.get(text).is_some_and(|end| *end as usize <= at) {
            text += 1;
        }
        let Some(end) = ends.get(text).map(|end| *end as usize) else {
            break;
        };
        if at + needle.needle().len() <= end {
            if let Some(row) = rows.nth(text - passed) {
                set.insert(row);
            }
            passed = text + 1;
            from = end;
        } else {
            from = at + 1;
        }
    }
    set
}

/// Whole numbers of a column.
struct Ints<'n> {
    numbers: &'n Numbers,
    signed: bool,
}

impl Ints<'_> {
    fn base(&self) -> i128 {
        self.whole(self.numbers.base())
    }

    fn whole(&self, number: u64) -> i128 {
        if self.signed {
            i128::from(number.cast_signed())
        } else {
            i128::from(number)
        }
    }

    /// The rows whose number is chosen, by a test that costs little.
    fn pick(&self, picker: &Picker<'_>, hit: impl Fn(i128) -> bool) -> RowSet {
        let base = self.numbers.base();
        with_offsets!(self.numbers, offsets => {
            picker.where_value(offsets, |offset| hit(self.whole(base.wrapping_add(offset.wide()))))
        })
    }

    /// The rows whose number, as a double, is chosen.
    fn pick_double(&self, picker: &Picker<'_>, hit: impl Fn(f64) -> bool) -> RowSet {
        let base = self.numbers.base();
        if self.signed {
            let double = |offset| base.wrapping_add(offset).cast_signed() as f64;
            with_offsets!(self.numbers, offsets => picker.where_value(offsets, |o| hit(double(o.wide()))))
        } else {
            let double = |offset| base.wrapping_add(offset) as f64;
            with_offsets!(self.numbers, offsets => picker.where_value(offsets, |o| hit(double(o.wide()))))
        }
    }
}

fn select_ints(ints: &Ints<'_>, test: IntTest<'_>, picker: &Picker<'_>) -> RowSet {
    match test {
        IntTest::Never => picker.none(),
        IntTest::Always => picker.every(ints.numbers.len()),
        IntTest::Within(min, max) => select_within(ints, (min, max), picker),
        IntTest::Near(min, max) => ints.pick_double(picker, |double| min <= double && double <= max),
        IntTest::NearNotZero(min, max) => {
            ints.pick_double(picker, |double| double != 0.0 && min <= double && double <= max)
        }
        IntTest::OneOf(wanted) => ints.pick(picker, |int| wanted.binary_search(&int).is_ok()),
        IntTest::Text(text, zero) => {
            let mut buffer = [0; 20];
            picker.where_index(ints.numbers.len(), |i| {
                let number = ints.numbers.get(i).unwrap_or_default();
                let negative = ints.signed && number.cast_signed() < 0;
                let size = if negative { number.wrapping_neg() } else { number };
                match zero {
                    Some(zero) if number == 0 => zero,
                    _ => text.matches(decimal(size, negative, &mut buffer)),
                }
            })
        }
    }
}

/// Compares offsets, in their own width where they do not wrap.
fn select_within(ints: &Ints<'_>, (min, max): (i128, i128), picker: &Picker<'_>) -> RowSet {
    let (least, most) = (min.saturating_sub(ints.base()), max.saturating_sub(ints.base()));
    match ints.numbers.offsets() {
        Offsets::U8(offsets) => offsets_within(offsets, least, most.min(i128::from(u8::MAX)), picker),
        Offsets::U16(offsets) => offsets_within(offsets, least, most.min(i128::from(u16::MAX)), picker),
        Offsets::U32(offsets) => offsets_within(offsets, least, most.min(i128::from(u32::MAX)), picker),
        Offsets::U64(offsets) => {
            let base = ints.numbers.base();
            // Flipping the sign makes the unsigned order the signed one.
            let flip = if ints.signed { 0 } else { 1 << 63 };
            let shown = |number: u64| (number ^ flip).cast_signed();
            let (least, most) = if ints.signed {
                (i128::from(i64::MIN), i128::from(i64::MAX))
            } else {
                (0, i128::from(u64::MAX))
            };
            if min > most || max < least || min > max {
                return picker.none();
            }
            let (min, max) = (shown(min.max(least) as u64), shown(max.min(most) as u64));
            picker.where_value(offsets, |offset| {
                let number = shown(base.wrapping_add(offset));
                min <= number && number <= max
            })
        }
    }
}

fn offsets_within<T: Copy + PartialOrd + TryFrom<i128>>(
    offsets: &[T],
    least: i128,
    most: i128,
    picker: &Picker<'_>,
) -> RowSet {
    match (T::try_from(least.max(0)), T::try_from(most)) {
        (Ok(least), Ok(most)) => picker.where_value(offsets, |offset| least <= offset && offset <= most),
        _ => picker.none(),
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
