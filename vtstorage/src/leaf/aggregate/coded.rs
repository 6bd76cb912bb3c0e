//! The texts of a column as small numbers: what rows are grouped by.

use super::columns::{ColumnData, Shown, ShownTexts};
use super::members::Members;
use crate::engine::numbers::{Numbers, Offset, with_offsets};
use crate::engine::rows::{Loaded, LoadedRows, Texts, Values};
use common::query::logsql::stats::Text;
use common::query::logsql::value::{Bucket, BucketSize};
use common::query::{GroupKey, is_always_shown};
use hashbrown::HashMap;
use std::hash::Hash;

/// For each row that counts the number of its text. Two codes may have the same text.
pub(super) struct Coded {
    /// By place of the row; 0 where there is no text
    pub(super) codes: Vec<u32>,
    /// By code; the first is the empty one
    pub(super) texts: Vec<Text>,
}

/// Codes on the way.
struct Coder<'q> {
    coded: Coded,
    members: &'q Members<'q>,
    bucket: Option<&'q GroupKey>,
}

/// Numbers by their offset.
#[derive(Clone, Copy)]
struct Number {
    base: u64,
    attribute: bool,
}

impl Number {
    #[inline]
    fn of(self, offset: u64) -> i64 {
        self.base.wrapping_add(offset).cast_signed()
    }

    fn shown(self, offset: u64) -> Shown<'static> {
        match self.of(offset) {
            0 if !self.attribute => Shown::Nothing,
            int => Shown::Int(int),
        }
    }
}

/// A range of values so wide is looked up in a table, not in a map.
const MAX_TABLE: u64 = 1 << 16;

impl Coded {
    /// The texts of a column.
    pub(super) fn of_texts(data: ColumnData<'_>, members: &Members<'_>) -> Self {
        Coder::new(members, None).run(data)
    }

    /// The texts that are one part of the groups' keys.
    pub(super) fn of_key(key: &GroupKey, data: ColumnData<'_>, members: &Members<'_>) -> Self {
        Coder::new(members, Some(key).filter(|key| key.bucket.is_some())).run(data)
    }
}

impl<'q> Coder<'q> {
    fn new(members: &'q Members<'q>, bucket: Option<&'q GroupKey>) -> Self {
        let coded = Coded {
            codes: vec![0; members.len],
            texts: vec![Text::default()],
        };
        Self { coded, members, bucket }
    }

    fn run(mut self, data: ColumnData<'_>) -> Coded {
        let attribute = is_always_shown(data.column);
        match data.loaded {
            None => {}
            Some(Loaded { rows, values }) => match values {
                Values::Const { value, count } => {
                    let (mut text, mut digits) = (String::new(), String::new());
                    let code = self.add_shown(data.shown(value, &mut text, &mut digits));
                    self.members.each_index(rows, *count, |place, _| self.set(place, code));
                }
                Values::Dict { dict, codes } => self.dict(rows, dict, codes, attribute),
                Values::Int(ints) => self.ints(rows, ints, attribute),
                Values::UInt(ints) if ints.all_fit_signed() => {
                    self.times(rows, ints, attribute);
                }
                Values::Bool(bools) => {
                    let [no, yes] = ["false", "true"].map(|text| self.add(text));
                    self.members
                        .each(rows, bools, |place, bool| self.set(place, if *bool { yes } else { no }));
                }
                Values::TraceIds(ids) => self.distinct(rows, ids, |id| id.to_string()),
                Values::SpanIds(ids) => self.distinct(rows, ids, |id| id.to_string()),
                _ => self.shown(data),
            },
        }
        self.coded
    }

    #[inline]
    fn set(&mut self, place: usize, code: u32) {
        if let Some(known) = self.coded.codes.get_mut(place) {
            *known = code;
        }
    }

    /// A new code.
    fn add(&mut self, text: &str) -> u32 {
        let text = match self.bucket {
            Some(key) => key.text(text),
            None => text.into(),
        };
        if text.is_empty() {
            return 0;
        }
        self.coded.texts.push(text.into());
        self.coded.texts.len() as u32 - 1
    }

    fn add_shown(&mut self, shown: Shown<'_>) -> u32 {
        match shown {
            Shown::Nothing => 0,
            Shown::Int(int) => self.add(&int.to_string()),
            Shown::Double(double) => self.add(&common::query::double_text(double)),
            Shown::Text(text) => self.add(text),
        }
    }

    fn dict(&mut self, rows: &LoadedRows, dict: &Texts, codes: &Numbers, attribute: bool) {
        let texts = ShownTexts::new(dict, attribute);
        let mut known: Vec<Option<u32>> = vec![None; dict.len()];
        let base = codes.base();
        with_offsets!(codes, offsets => self.members.each(rows, offsets, |place, offset| {
            let code = base.wrapping_add(offset.wide()) as usize;
            let Some(known) = known.get_mut(code) else {
                return;
            };
            let code = *known.get_or_insert_with(|| self.add_shown(texts.get(code)));
            self.set(place, code);
        }));
    }

    fn ints(&mut self, rows: &LoadedRows, ints: &Numbers, attribute: bool) {
        let Some((least, most)) = ints.signed_bounds() else {
            return;
        };
        let number = Number {
            base: ints.base(),
            attribute,
        };
        if most.abs_diff(least) < MAX_TABLE {
            let slot = |offset| number.of(offset).abs_diff(least);
            with_offsets!(ints, offsets => self.table(rows, offsets, most.abs_diff(least), slot, number));
        } else {
            with_offsets!(ints, offsets => self.map(rows, offsets, number));
        }
    }

    /// Times and durations; none is above `i64::MAX`.
    fn times(&mut self, rows: &LoadedRows, times: &Numbers, attribute: bool) {
        let Some((least, most)) = times.bounds() else {
            return;
        };
        let number = Number {
            base: times.base(),
            attribute,
        };
        let parts = self
            .bucket
            .and_then(|key| key.bucket.as_ref())
            .and_then(EqualParts::new)
            .unwrap_or(EqualParts { size: 1, shift: 0 });
        let last = parts.of(most) - parts.of(least);
        // The number 0 is shown as nothing, also beside others of its bucket.
        if least == 0 || last >= MAX_TABLE {
            with_offsets!(times, offsets => self.map(rows, offsets, number));
        } else if parts.size == 1 {
            let slot = |offset| number.of(offset).cast_unsigned() - least;
            with_offsets!(times, offsets => self.table(rows, offsets, last, slot, number));
        } else {
            self.buckets(rows, times, number, parts);
        }
    }

    /// Times by their bucket. Neighbours mostly share one, so that few have to be divided.
    fn buckets(&mut self, rows: &LoadedRows, times: &Numbers, number: Number, parts: EqualParts) {
        let mut known: HashMap<u64, u32> = HashMap::new();
        let (mut first, mut width, mut code) = (0, 0, 0);
        with_offsets!(times, offsets => self.members.each(rows, offsets, |row, offset| {
            let offset = offset.wide();
            let time = number.of(offset).cast_unsigned();
            if time.wrapping_sub(first) >= width {
                let bucket = parts.of(time);
                (first, width) = parts.range(bucket);
                code = *known.entry(bucket).or_insert_with(|| self.add_shown(number.shown(offset)));
            }
            self.set(row, code);
        }));
    }

    /// Numbers by their place in a table that ends with `last`; those of one place have one text.
    fn table<T: Offset>(
        &mut self,
        rows: &LoadedRows,
        offsets: &[T],
        last: u64,
        slot: impl Fn(u64) -> u64,
        number: Number,
    ) {
        let mut known: Vec<Option<u32>> = vec![None; last as usize + 1];
        self.members.each(rows, offsets, |place, offset| {
            let offset = offset.wide();
            let Some(known) = known.get_mut(slot(offset) as usize) else {
                return;
            };
            let code = *known.get_or_insert_with(|| self.add_shown(number.shown(offset)));
            self.set(place, code);
        });
    }

    fn map<T: Offset>(&mut self, rows: &LoadedRows, offsets: &[T], number: Number) {
        let mut known: HashMap<u64, u32> = HashMap::new();
        self.members.each(rows, offsets, |place, offset| {
            let offset = offset.wide();
            let code = *known
                .entry(offset)
                .or_insert_with(|| self.add_shown(number.shown(offset)));
            self.set(place, code);
        });
    }

    fn distinct<T: Copy + Eq + Hash>(&mut self, rows: &LoadedRows, values: &[T], text: impl Fn(T) -> String) {
        let mut known: HashMap<T, u32> = HashMap::new();
        self.members.each(rows, values, |place, value| {
            let code = *known.entry(*value).or_insert_with(|| self.add(&text(*value)));
            self.set(place, code);
        });
    }

    /// Values of any type, by their text.
    fn shown(&mut self, data: ColumnData<'_>) {
        let mut known: HashMap<Text, u32> = HashMap::new();
        data.each(self.members, |place, shown| {
            let printed;
            let text = match shown {
                Shown::Nothing => "",
                Shown::Text(text) => text,
                Shown::Int(int) => {
                    printed = int.to_string();
                    &printed
                }
                Shown::Double(double) => {
                    printed = common::query::double_text(double);
                    &printed
                }
            };
            let code = match known.get(text) {
                Some(code) => *code,
                None => {
                    let code = self.add(text);
                    known.insert(text.into(), code);
                    code
                }
            };
            self.set(place, code);
        });
    }
}

/// Buckets of one size.
#[derive(Clone, Copy)]
struct EqualParts {
    size: u64,
    /// What is added to a number so that those of one bucket have one quotient
    shift: u64,
}

impl EqualParts {
    /// `None` for sizes that are not the same everywhere.
    fn new(bucket: &Bucket) -> Option<Self> {
        let BucketSize::Number(size) = bucket.size else {
            return None;
        };
        let size = (size as i64).max(1);
        let shift = (bucket.offset as i64).checked_neg()?.rem_euclid(size);
        Some(Self {
            size: size.cast_unsigned(),
            shift: shift.cast_unsigned(),
        })
    }

    /// The bucket of a time below 2^63, so that the sum is below 2^64.
    fn of(self, time: u64) -> u64 {
        (time + self.shift) / self.size
    }

    /// The bucket's first time, and how many times it has. The first may be negative: it wraps.
    fn range(self, bucket: u64) -> (u64, u64) {
        ((bucket * self.size).wrapping_sub(self.shift), self.size)
    }
}
