//! Distinct values and tuples of them.

use super::accumulator::States;
use super::coded::Coded;
use super::columns::{ColumnData, Shown, ShownTexts};
use super::grouping::{Assign, Combined, NONE};
use super::update::Update;
use crate::engine::numbers::{Offset, with_offsets};
use crate::engine::rows::{Loaded, Values};
use common::query::logsql::stats::State;
use common::query::{double_text, is_always_shown};
use hashbrown::HashSet;

/// Adds the distinct values of one column, or tuples of several.
pub(super) fn update<A: Assign>(update: &Update<'_, A>, states: &mut States<'_>) {
    match update.function.columns.as_slice() {
        [] => {}
        [column] => {
            if let Some(data) = update.columns.get(*column) {
                add_values(update, data, states);
            }
        }
        columns => {
            let coded: Vec<Coded> = columns
                .iter()
                .filter_map(|column| update.columns.get(*column))
                .map(|data| Coded::of_texts(data, update.columns.members))
                .collect();
            add_tuples(update, &coded, states);
        }
    }
}

fn add_values<A: Assign>(update: &Update<'_, A>, data: ColumnData<'_>, states: &mut States<'_>) {
    let attribute = is_always_shown(data.column);
    match data.loaded {
        Some(Loaded {
            rows,
            values: Values::Dict { dict, codes },
        }) => {
            let mut pairs = Pairs::new(update.counts.len(), dict.len());
            let members = update.columns.members;
            let base = codes.base();
            with_offsets!(codes, offsets => members.each(rows, offsets, |place, offset| {
                let code = base.wrapping_add(offset.wide());
                pairs.insert(update.assign.group(place), code as u32);
            }));
            let texts = ShownTexts::new(dict, attribute);
            pairs.for_each(|group, code| {
                if let (Some(state), Shown::Text(text)) = (states.get(group), texts.get(code)) {
                    add_text(state, text);
                }
            });
        }
        Some(Loaded {
            values: Values::Const { value, .. },
            ..
        }) => {
            let mut groups = vec![false; update.counts.len()];
            update.each_shown(data, |group, _| {
                groups.iter_mut().skip(group).take(1).for_each(|seen| *seen = true)
            });
            let (mut text, mut digits) = (String::new(), String::new());
            let shown = data.shown(value, &mut text, &mut digits);
            for (group, _) in groups.iter().enumerate().filter(|(_, seen)| **seen) {
                if let Some(state) = states.get(group) {
                    add(state, shown);
                }
            }
        }
        _ => update.each_shown(data, |group, shown| {
            if let Some(state) = states.get(group) {
                add(state, shown);
            }
        }),
    }
}

fn add_tuples<A: Assign>(update: &Update<'_, A>, coded: &[Coded], states: &mut States<'_>) {
    let combined = Combined::new(coded, update.columns.members.len);
    let tuples = combined.texts(coded);
    let mut pairs = Pairs::new(update.counts.len(), tuples.len());
    for (place, tuple) in combined.by_place.iter().enumerate() {
        pairs.insert(update.assign.group(place), *tuple);
    }
    let mut buffer = String::new();
    pairs.for_each(|group, tuple| {
        let texts = tuples.get(tuple).into_iter().flatten().map(|text| &**text);
        if texts.clone().all(str::is_empty) {
            return;
        }
        match states.get(group) {
            Some(State::Uniq(state)) => state.update_tuple(texts, &mut buffer),
            Some(State::UniqHash(state)) => state.update_tuple(texts, &mut buffer),
            _ => {}
        }
    });
}

fn add(state: &mut State, shown: Shown<'_>) {
    match (state, shown) {
        (_, Shown::Nothing) => {}
        (State::Uniq(state), Shown::Int(int)) => state.update_i64(int),
        (state, Shown::Int(int)) => add_text(state, &int.to_string()),
        (state, Shown::Double(double)) => add_text(state, &double_text(double)),
        (state, Shown::Text(text)) => add_text(state, text),
    }
}

fn add_text(state: &mut State, text: &str) {
    match state {
        State::Uniq(state) => state.update_text(text),
        State::UniqHash(state) => state.update_text(text),
        _ => {}
    }
}

/// Pairs of a group and a small number, each once.
enum Pairs {
    Table { numbers: usize, seen: Vec<bool> },
    Set(HashSet<(u32, u32)>),
}

/// So many possible pairs are marked in a table.
const MAX_TABLE: usize = 1 << 20;

impl Pairs {
    fn new(groups: usize, numbers: usize) -> Self {
        match groups.checked_mul(numbers).filter(|pairs| *pairs <= MAX_TABLE) {
            Some(pairs) => Self::Table {
                numbers,
                seen: vec![false; pairs],
            },
            None => Self::Set(HashSet::new()),
        }
    }

    /// Adds a pair, unless the group is [`NONE`].
    #[inline]
    fn insert(&mut self, group: u32, number: u32) {
        if group == NONE {
            return;
        }
        match self {
            Self::Table { numbers, seen } => {
                if let Some(seen) = seen.get_mut(group as usize * *numbers + number as usize) {
                    *seen = true;
                }
            }
            Self::Set(pairs) => {
                pairs.insert((group, number));
            }
        }
    }

    fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        match self {
            Self::Table { numbers, seen } => {
                for (group, seen) in seen.chunks((*numbers).max(1)).enumerate() {
                    let seen = seen.iter().enumerate().filter(|(_, seen)| **seen);
                    seen.for_each(|(number, _)| visit(group, number));
                }
            }
            Self::Set(pairs) => pairs
                .iter()
                .for_each(|(group, number)| visit(*group as usize, *number as usize)),
        }
    }
}
