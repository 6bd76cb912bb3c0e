//! Sums, extremes and quantiles: functions that read numbers, and texts where there are any.

use super::accumulator::States;
use super::columns::{ColumnData, Shown, ShownTexts};
use super::grouping::{Assign, NONE};
use super::update::Update;
use crate::engine::numbers::{Numbers, Offset, with_offsets};
use crate::engine::rows::{Loaded, LoadedRows, Texts, Values};
use common::query::logsql::stats::{State, Text};
use common::query::logsql::value::parse_number;
use common::query::{FunctionKind, is_always_shown};

/// Adds the values of a column.
pub(super) fn update<A: Assign>(update: &Update<'_, A>, data: ColumnData<'_>, states: &mut States<'_>) {
    let attribute = is_always_shown(data.column);
    let missing = match data.loaded {
        Some(Loaded {
            rows,
            values: Values::Int(ints),
        }) => add_numbers(update, rows, ints, attribute, states),
        Some(Loaded {
            rows,
            values: Values::UInt(ints),
        }) if ints.all_fit_signed() => add_numbers(update, rows, ints, attribute, states),
        Some(Loaded {
            rows,
            values: Values::Dict { dict, codes },
        }) if dict.len().saturating_mul(update.counts.len()) <= MAX_TABLE => {
            add_dict(update, rows, dict, codes, attribute, states)
        }
        _ => add_shown(update, data, states),
    };
    for (group, missing) in missing.into_iter().enumerate().filter(|(_, missing)| *missing > 0) {
        if let Some(state) = states.get(group) {
            add_missing(state, missing);
        }
    }
}

/// So many pairs of groups and texts are counted in a table.
const MAX_TABLE: usize = 1 << 20;

/// Returns the number of rows without a value, by group.
fn add_numbers<A: Assign>(
    update: &Update<'_, A>,
    rows: &LoadedRows,
    ints: &Numbers,
    attribute: bool,
    states: &mut States<'_>,
) -> Vec<u64> {
    let base = ints.base();
    let shown = |offset: u64| Some(base.wrapping_add(offset).cast_signed()).filter(|int| attribute || *int != 0);
    if matches!(
        update.function.kind,
        FunctionKind::Quantile | FunctionKind::QuantileOfPart { .. }
    ) {
        with_offsets!(ints, offsets => {
            Sorted::new(update, rows, offsets, |offset| shown(offset.wide())).add(update, states)
        })
    } else {
        with_offsets!(ints, offsets => add_totals(update, rows, offsets, |offset| shown(offset.wide()), states))
    }
}

/// What sums and extremes need of the numbers of a group.
#[derive(Clone, Copy)]
struct Total {
    sum: i128,
    least: i64,
    most: i64,
    count: u64,
}

const NO_NUMBERS: Total = Total {
    sum: 0,
    least: i64::MAX,
    most: i64::MIN,
    count: 0,
};

/// Returns the number of rows without a value, by group.
fn add_totals<A: Assign, T>(
    update: &Update<'_, A>,
    rows: &LoadedRows,
    values: &[T],
    number: impl Fn(&T) -> Option<i64>,
    states: &mut States<'_>,
) -> Vec<u64> {
    let mut totals = vec![NO_NUMBERS; update.counts.len()];
    update.columns.members.each(rows, values, |place, value| {
        if let (Some(total), Some(number)) = (totals.get_mut(update.assign.group(place) as usize), number(value)) {
            total.sum += i128::from(number);
            total.least = total.least.min(number);
            total.most = total.most.max(number);
            total.count += 1;
        }
    });
    let mut missing = Vec::with_capacity(totals.len());
    for (group, (total, members)) in totals.iter().zip(update.counts).enumerate() {
        match states.get(group) {
            Some(_) if total.count == 0 => {}
            Some(State::Sum(state)) => state.update_total(total.sum, total.count),
            Some(State::Extreme(state)) => {
                state.update_i64(total.least);
                state.update_i64(total.most);
            }
            _ => {}
        }
        missing.push(members.saturating_sub(total.count));
    }
    missing
}

/// Numbers of the rows that count, group by group.
struct Sorted {
    numbers: Vec<i64>,
    /// Where the numbers of each group begin, and room for so many more
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Sorted {
    fn new<A: Assign, T>(
        update: &Update<'_, A>,
        rows: &LoadedRows,
        values: &[T],
        number: impl Fn(&T) -> Option<i64>,
    ) -> Self {
        let mut starts = Vec::with_capacity(update.counts.len());
        let mut all = 0;
        for members in update.counts {
            starts.push(all);
            all += *members as usize;
        }
        let mut ends = starts.clone();
        let mut numbers = vec![0; all];
        update.columns.members.each(rows, values, |place, value| {
            if let (Some(end), Some(number)) = (ends.get_mut(update.assign.group(place) as usize), number(value))
                && let Some(slot) = numbers.get_mut(*end)
            {
                *slot = number;
                *end += 1;
            }
        });
        Self { numbers, starts, ends }
    }

    /// Returns the number of rows without a value, by group.
    fn add<A>(&self, update: &Update<'_, A>, states: &mut States<'_>) -> Vec<u64> {
        let mut missing = Vec::with_capacity(update.counts.len());
        let ranges = self.starts.iter().zip(&self.ends);
        for (group, ((start, end), members)) in ranges.zip(update.counts).enumerate() {
            let numbers = self.numbers.get(*start..*end).unwrap_or_default();
            if let Some(state) = states.get(group) {
                add_ints(state, numbers);
            }
            missing.push(members.saturating_sub(numbers.len() as u64));
        }
        missing
    }
}

/// Texts are looked at once for each group that has them.
fn add_dict<A: Assign>(
    update: &Update<'_, A>,
    rows: &LoadedRows,
    dict: &Texts,
    codes: &Numbers,
    attribute: bool,
    states: &mut States<'_>,
) -> Vec<u64> {
    let mut counts = vec![0u32; dict.len() * update.counts.len()];
    let mut missing = update.counts.to_vec();
    let base = codes.base();
    with_offsets!(codes, offsets => update.columns.members.each(rows, offsets, |place, offset| {
        let code = base.wrapping_add(offset.wide()) as usize;
        let group = update.assign.group(place);
        if group != NONE
            && let Some(count) = counts.get_mut(group as usize * dict.len() + code)
        {
            *count += 1;
        }
    }));
    let shown = ShownTexts::new(dict, attribute);
    let mut texts: Vec<Option<Text>> = vec![None; dict.len()];
    for (group, counts) in counts.chunks(dict.len().max(1)).enumerate() {
        for ((code, count), text) in counts
            .iter()
            .enumerate()
            .zip(&mut texts)
            .filter(|((_, count), _)| **count > 0)
        {
            let text = text.get_or_insert_with(|| match shown.get(code) {
                Shown::Text(text) => text.into(),
                _ => Text::default(),
            });
            if text.is_empty() {
                continue;
            }
            if let (Some(state), Some(missing)) = (states.get(group), missing.get_mut(group)) {
                add_text(state, text, u64::from(*count));
                *missing = missing.saturating_sub(u64::from(*count));
            }
        }
    }
    missing
}

/// Value by value.
fn add_shown<A: Assign>(update: &Update<'_, A>, data: ColumnData<'_>, states: &mut States<'_>) -> Vec<u64> {
    let mut missing = update.counts.to_vec();
    update.each_shown(data, |group, shown| {
        let (Some(state), Some(missing)) = (states.get(group), missing.get_mut(group)) else {
            return;
        };
        match shown {
            Shown::Nothing => return,
            Shown::Int(int) => add_ints(state, &[int]),
            Shown::Double(double) => add_double(state, double),
            Shown::Text(text) => add_text(state, &text.into(), 1),
        }
        *missing = missing.saturating_sub(1);
    });
    missing
}

fn add_ints(state: &mut State, ints: &[i64]) {
    match state {
        State::Quantile(state) => state.update_i64s(ints),
        State::Sum(state) => state.update_total(ints.iter().map(|int| i128::from(*int)).sum(), ints.len() as u64),
        State::Extreme(state) => {
            let ends = ints.iter().min().into_iter().chain(ints.iter().max());
            ends.for_each(|int| state.update_i64(*int));
        }
        _ => {}
    }
}

/// A double that is shown without an exponent.
fn add_double(state: &mut State, double: f64) {
    match state {
        // As its text would be.
        State::Quantile(state) if double.fract() == 0.0 && double.abs() < EXACT => state.update_i64(double as i64),
        State::Quantile(state) => state.update_f64(double),
        State::Sum(state) => state.update_f64(double),
        State::Extreme(state) => state.update_f64(double),
        _ => {}
    }
}

/// Doubles below it are exact for whole numbers.
const EXACT: f64 = (1u64 << 53) as f64;

fn add_text(state: &mut State, text: &Text, times: u64) {
    match state {
        State::Quantile(state) => (0..times).for_each(|_| state.update_text(text)),
        State::Sum(state) => {
            if let Some(number) = parse_number(text) {
                state.update_f64_times(number, times);
            }
        }
        State::Extreme(state) => state.update_text(text),
        _ => {}
    }
}

fn add_missing(state: &mut State, times: u64) {
    match state {
        State::Quantile(state) => state.update_missing(times),
        State::Extreme(state) => state.update_text(&Text::default()),
        _ => {}
    }
}
