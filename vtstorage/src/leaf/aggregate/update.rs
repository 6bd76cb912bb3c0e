//! Adds the rows of one source to the states of a function.

use super::accumulator::States;
use super::columns::{ColumnData, Columns, Shown};
use super::grouping::{Assign, ByPlace, Grouping, NONE, One, count};
use super::prepared::PreparedFunction;
use super::{numbers, uniq};
use crate::engine::rows::RowSet;
use common::query::FunctionKind;
use common::query::logsql::stats::{Count, Kind};

/// One function over the rows of one source.
pub(super) struct Update<'a, A> {
    pub(super) function: &'a PreparedFunction,
    pub(super) columns: &'a Columns<'a>,
    /// The groups of rows by place
    pub(super) assign: A,
    /// Rows that count, by group
    pub(super) counts: &'a [u64],
}

/// Adds the rows of `grouping`, or those that are in `condition` too.
pub(super) fn update(
    function: &PreparedFunction,
    columns: &Columns<'_>,
    grouping: &Grouping,
    condition: Option<&RowSet>,
    states: &mut States<'_>,
) {
    macro_rules! with {
        ($assign:expr, $counts:expr) => {
            Update {
                function,
                columns,
                assign: $assign,
                counts: $counts,
            }
            .run(states)
        };
    }
    match (&grouping.by_place, condition) {
        (None, None) => with!(One, &grouping.counts),
        (Some(by_place), None) => with!(ByPlace(by_place), &grouping.counts),
        (_, Some(condition)) => {
            let holds: Vec<bool> = columns.members.rows.iter().map(|row| condition.contains(row)).collect();
            let (by_place, counts) = grouping.only(&holds);
            with!(ByPlace(&by_place), &counts);
        }
    }
}

impl<A: Assign> Update<'_, A> {
    fn run(&self, states: &mut States<'_>) {
        let columns = &self.function.columns;
        match self.function.kind {
            FunctionKind::Count if columns.is_empty() => self.add_counts(self.counts.iter().copied(), states),
            FunctionKind::Count => self.add_counts(self.filled().into_iter(), states),
            FunctionKind::CountEmpty => {
                let filled = self.filled();
                let empty = self
                    .counts
                    .iter()
                    .zip(filled)
                    .map(|(all, filled)| all.saturating_sub(filled));
                self.add_counts(empty, states);
            }
            FunctionKind::SumLen => self.add_counts(self.lengths().into_iter(), states),
            FunctionKind::CountUniq { .. } | FunctionKind::CountUniqHash { .. } => uniq::update(self, states),
            FunctionKind::Sum
            | FunctionKind::Min
            | FunctionKind::Max
            | FunctionKind::Quantile
            | FunctionKind::QuantileOfPart { .. } => {
                for data in columns.iter().filter_map(|column| self.columns.get(*column)) {
                    numbers::update(self, data, states);
                }
            }
        }
    }

    /// Adds to the count of each group.
    fn add_counts(&self, counts: impl Iterator<Item = u64>, states: &mut States<'_>) {
        for (group, count) in counts.enumerate() {
            if let Some(state) = states.get(group).and_then(Count::of_mut) {
                state.add(count);
            }
        }
    }

    /// Rows with a text in at least one of the columns, by group.
    fn filled(&self) -> Vec<u64> {
        let mut groups = vec![NONE; self.columns.members.len];
        for data in self
            .function
            .columns
            .iter()
            .filter_map(|column| self.columns.get(*column))
        {
            data.each(self.columns.members, |place, shown| {
                if let (false, Some(group)) = (shown == Shown::Nothing, groups.get_mut(place)) {
                    *group = self.assign.group(place);
                }
            });
        }
        count(&groups, self.counts.len())
    }

    /// Bytes of all texts, by group.
    fn lengths(&self) -> Vec<u64> {
        let mut lengths = vec![0; self.counts.len()];
        for data in self
            .function
            .columns
            .iter()
            .filter_map(|column| self.columns.get(*column))
        {
            self.each_shown(data, |group, shown| {
                if let Some(length) = lengths.get_mut(group) {
                    *length += match shown {
                        Shown::Nothing => 0,
                        Shown::Int(int) => int
                            .checked_ilog10()
                            .map_or_else(|| int.to_string().len() as u64, |n| u64::from(n) + 1),
                        Shown::Double(double) => common::query::double_text(double).len() as u64,
                        Shown::Text(text) => text.len() as u64,
                    };
                }
            });
        }
        lengths
    }

    /// Calls `visit` with the values of rows that count, and their groups.
    pub(super) fn each_shown(&self, data: ColumnData<'_>, mut visit: impl FnMut(usize, Shown<'_>)) {
        data.each(self.columns.members, |place, shown| {
            let group = self.assign.group(place);
            if group != NONE {
                visit(group as usize, shown);
            }
        });
    }
}
