//! The texts of a column as small numbers: what rows are grouped by.

use super::columns::{ColumnData, Shown, each, each_matching, shown_text};
use crate::engine::rows::{Loaded, LoadedRows, RowSet, Texts, Values};
use common::query::logsql::stats::Text;
use common::query::logsql::value::{Bucket, BucketSize};
use common::query::{GroupKey, is_attribute};
use hashbrown::HashMap;
use std::hash::Hash;

/// For each row of a source the number of its text. Rows that do not match may have any code. Two codes may have the
/// same text.
pub(super) struct Coded {
    /// By row; 0 where there is no value
    pub(super) codes: Vec<u32>,
    /// By code; the first is the empty one
    pub(super) texts: Vec<Text>,
}

/// Codes on the way.
struct Coder<'q> {
    coded: Coded,
    matching: &'q RowSet,
    bucket: Option<&'q GroupKey>,
}

/// A range of values so wide is looked up in a table, not in a map.
const MAX_TABLE: u64 = 1 << 16;

impl Coded {
    /// The texts of a column.
    pub(super) fn of_texts(data: ColumnData<'_>, matching: &RowSet) -> Self {
        Coder::new(matching, None).run(data)
    }

    /// The texts that are one part of the groups' keys.
    pub(super) fn of_key(key: &GroupKey, data: ColumnData<'_>, matching: &RowSet) -> Self {
        Coder::new(matching, Some(key).filter(|key| key.bucket.is_some())).run(data)
    }
}

impl<'q> Coder<'q> {
    fn new(matching: &'q RowSet, bucket: Option<&'q GroupKey>) -> Self {
        let coded = Coded {
            codes: vec![0; matching.rows() as usize],
            texts: vec![Text::default()],
        };
        Self {
            coded,
            matching,
            bucket,
        }
    }

    fn run(mut self, data: ColumnData<'_>) -> Coded {
        let attribute = is_attribute(data.column);
        match data.loaded {
            None => {}
            Some(Loaded { rows, values }) => match values {
                Values::Const { value, count } => {
                    let (mut text, mut digits) = (String::new(), String::new());
                    let code = self.add_shown(data.shown(value, &mut text, &mut digits));
                    rows.row_numbers(*count).for_each(|row| self.set(row, code));
                }
                Values::Dict { dict, codes } => self.dict(rows, dict, codes, attribute),
                Values::Int(ints) => self.ints(rows, ints, attribute),
                Values::UInt(ints) if ints.iter().all(|int| *int <= i64::MAX.cast_unsigned()) => {
                    self.times(rows, ints, attribute);
                }
                Values::Bool(bools) => {
                    let [no, yes] = ["false", "true"].map(|text| self.add(text));
                    each(rows, bools, |row, bool| self.set(row, if *bool { yes } else { no }));
                }
                Values::TraceIds(ids) => self.distinct(rows, ids, |id| id.to_string()),
                Values::SpanIds(ids) => self.distinct(rows, ids, |id| id.to_string()),
                _ => self.shown(data),
            },
        }
        self.coded
    }

    #[inline]
    fn set(&mut self, row: u32, code: u32) {
        if let Some(known) = self.coded.codes.get_mut(row as usize) {
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
        let mut known: Vec<Option<u32>> = vec![None; dict.len()];
        each_matching(rows, codes, self.matching, |row, code| {
            let Some(known) = known.get_mut(*code as usize) else {
                return;
            };
            if known.is_none() && self.matching.contains(row) {
                *known = Some(self.add_shown(shown_text(dict.get(*code as usize), attribute)));
            }
            if let Some(code) = *known {
                self.set(row, code);
            }
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
        place: impl Fn(T) -> u64,
        show: impl Fn(T) -> Shown<'static>,
    ) {
        let mut known: Vec<Option<u32>> = vec![None; last as usize + 1];
        each_matching(rows, values, self.matching, |row, value| {
            let Some(known) = known.get_mut(place(*value) as usize) else {
                return;
            };
            if known.is_none() && self.matching.contains(row) {
                *known = Some(self.add_shown(show(*value)));
            }
            if let Some(code) = *known {
                self.set(row, code);
            }
        });
    }

    fn map<T: Copy + Eq + Hash>(&mut self, rows: &LoadedRows, values: &[T], show: impl Fn(T) -> Shown<'static>) {
        let mut known: HashMap<T, u32> = HashMap::new();
        each_matching(rows, values, self.matching, |row, value| {
            if self.matching.contains(row) {
                let code = *known.entry(*value).or_insert_with(|| self.add_shown(show(*value)));
                self.set(row, code);
            }
        });
    }

    fn distinct<T: Copy + Eq + Hash>(&mut self, rows: &LoadedRows, values: &[T], text: impl Fn(T) -> String) {
        let mut known: HashMap<T, u32> = HashMap::new();
        each_matching(rows, values, self.matching, |row, value| {
            if self.matching.contains(row) {
                let code = *known.entry(*value).or_insert_with(|| self.add(&text(*value)));
                self.set(row, code);
            }
        });
    }

    /// Values of any type, by their text.
    fn shown(&mut self, data: ColumnData<'_>) {
        let mut known: HashMap<Text, u32> = HashMap::new();
        let matching = self.matching;
        data.for_each(matching, |row, shown| {
            if !matching.contains(row) {
                return;
            }
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
            self.set(row, code);
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
