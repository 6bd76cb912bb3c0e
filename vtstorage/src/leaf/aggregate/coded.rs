//! The texts of a column as small numbers: what rows are grouped by.

use super::columns::{ColumnData, Shown, ShownTexts};
use super::members::Members;
use crate::engine::rows::{Loaded, LoadedRows, Texts, Values};
use common::query::logsql::stats::Text;
use common::query::logsql::value::{Bucket, BucketSize};
use common::query::{GroupKey, is_attribute};
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
        let attribute = is_attribute(data.column);
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
                Values::UInt(ints) if ints.iter().all(|int| *int <= i64::MAX.cast_unsigned()) => {
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

    fn dict(&mut self, rows: &LoadedRows, dict: &Texts, codes: &[u32], attribute: bool) {
        let texts = ShownTexts::new(dict, attribute);
        let mut known: Vec<Option<u32>> = vec![None; dict.len()];
        self.members.each(rows, codes, |place, code| {
            let Some(known) = known.get_mut(*code as usize) else {
                return;
            };
            let code = *known.get_or_insert_with(|| self.add_shown(texts.get(*code as usize)));
            self.set(place, code);
        });
    }

    fn ints(&mut self, rows: &LoadedRows, ints: &[i64], attribute: bool) {
        let show = |int: i64| match int {
            0 if !attribute => Shown::Nothing,
            int => Shown::Int(int),
        };
        let (Some(least), Some(most)) = (ints.iter().min(), ints.iter().max()) else {
            return;
        };
        if most.abs_diff(*least) < MAX_TABLE {
            self.table(rows, ints, most.abs_diff(*least), |int| int.abs_diff(*least), show);
        } else {
            self.map(rows, ints, show);
        }
    }

    /// Times and durations; none is above `i64::MAX`.
    fn times(&mut self, rows: &LoadedRows, times: &[u64], attribute: bool) {
        let show = |time: u64| match time {
            0 if !attribute => Shown::Nothing,
            time => Shown::Int(time.cast_signed()),
        };
        let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) else {
            return;
        };
        let (size, shift) = self
            .bucket
            .and_then(|key| key.bucket.as_ref())
            .and_then(equal_parts)
            .unwrap_or((1, 0));
        let place = |time: u64| (time + shift) / size;
        // The number 0 is shown as nothing, also beside others of its bucket.
        if *least > 0 && place(*most) - place(*least) < MAX_TABLE {
            let first = place(*least);
            self.table(rows, times, place(*most) - first, |time| place(time) - first, show);
        } else {
            self.map(rows, times, show);
        }
    }

    /// Values by their place in a table that ends with `last`; those of one place have one text.
    fn table<T: Copy>(
        &mut self,
        rows: &LoadedRows,
        values: &[T],
        last: u64,
        slot: impl Fn(T) -> u64,
        show: impl Fn(T) -> Shown<'static>,
    ) {
        let mut known: Vec<Option<u32>> = vec![None; last as usize + 1];
        self.members.each(rows, values, |place, value| {
            let Some(known) = known.get_mut(slot(*value) as usize) else {
                return;
            };
            let code = *known.get_or_insert_with(|| self.add_shown(show(*value)));
            self.set(place, code);
        });
    }

    fn map<T: Copy + Eq + Hash>(&mut self, rows: &LoadedRows, values: &[T], show: impl Fn(T) -> Shown<'static>) {
        let mut known: HashMap<T, u32> = HashMap::new();
        self.members.each(rows, values, |place, value| {
            let code = *known.entry(*value).or_insert_with(|| self.add_shown(show(*value)));
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

/// Size of buckets and what to add to a number so that those of one bucket have one quotient; only for sizes that are
/// the same everywhere.
fn equal_parts(bucket: &Bucket) -> Option<(u64, u64)> {
    let BucketSize::Number(size) = bucket.size else {
        return None;
    };
    let size = (size as i64).max(1);
    let shift = (bucket.offset as i64).checked_neg()?.rem_euclid(size);
    // Sums of a time and a shift are below 2^64.
    Some((size.cast_unsigned(), shift.cast_unsigned()))
}
