//! Adds the rows of one source to the states of a function.

use super::accumulator::States;
use super::columns::{ColumnData, Columns, Shown};
use super::grouping::{Assign, ByRow, Grouping, NONE, One, Within};
use super::prepared::PreparedFunction;
use super::{numbers, uniq};
use crate::engine::rows::RowSet;
use common::query::FunctionKind;
use common::query::logsql::stats::{Count, Kind};

/// One function over the rows of one source.
pub(super) struct Update<'a, A> {
    pub(super) function: &'a PreparedFunction,
    pub(super) columns: &'a Columns<'a>,
    /// The groups of the rows that count
    pub(super) assign: A,
    /// The rows that count
    pub(super) rows: &'a RowSet,
    /// Rows that count, by group
    pub(super) members: &'a [u64],
}

/// Adds the rows of `grouping` that are among `condition`, if there is one.
pub(super) fn update(
    function: &PreparedFunction,
    columns: &Columns<'_>,
    grouping: &Grouping,
    condition: Option<&RowSet>,
    states: &mut States<'_>,
) {
    let rows = condition.unwrap_or(columns.matching);
    let mut counted = Vec::new();
    let members = match (condition, &grouping.by_row) {
        (None, _) => &grouping.counts,
        (Some(rows), None) => {
            counted.push(u64::from(rows.count()));
            &counted
        }
        (Some(rows), Some(by_row)) => {
            counted = count(rows, &ByRow(by_row), grouping.len());
            &counted
        }
    };
    macro_rules! with {
        ($assign:expr) => {
            Update {
                function,
                columns,
                assign: $assign,
                rows,
                members,
            }
            .run(states)
        };
    }
    match (&grouping.by_row, condition) {
        (None, _) => with!(One(rows)),
        (Some(by_row), _) if rows.is_full() => with!(ByRow(by_row)),
        (Some(by_row), _) => with!(Within(by_row, rows)),
    }
}

/// Rows by group.
fn count(rows: &RowSet, assign: &impl Assign, groups: usize) -> Vec<u64> {
    let mut counts = vec![0; groups];
    for row in rows.iter() {
        if let Some(count) = counts.get_mut(assign.group(row) as usize) {
            *count += 1;
        }
    }
    counts
}

impl<A: Assign> Update<'_, A> {
    fn run(&self, states: &mut States<'_>) {
        let columns = &self.function.columns;
        match self.function.kind {
            FunctionKind::Count if columns.is_empty() => self.add_counts(self.members.iter().copied(), states),
            FunctionKind::Count => self.add_counts(self.filled().into_iter(), states),
            FunctionKind::CountEmpty => {
                let filled = self.filled();
                let empty = self
                    .members
                    .iter()
                    .zip(filled)
                    .map(|(all, filled)| all.saturating_sub(filled));
                self.add_counts(empty, states);
            }
            FunctionKind::SumLen => self.add_counts(self.lengths().into_iter(), states),
            FunctionKind::CountUniq { .. } | FunctionKind::CountUniqHash { .. } => uniq::update(self, states),
            FunctionKind::Sum | FunctionKind::Min | FunctionKind::Max | FunctionKind::Quantile => {
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
        let mut filled = RowSet::empty(self.rows.rows());
        for data in self
            .function
            .columns
            .iter()
            .filter_map(|column| self.columns.get(*column))
        {
            data.for_each(self.rows, |row, shown| {
                if shown != Shown::Nothing {
                    filled.insert(row);
                }
            });
        }
        count(&filled, &self.assign, self.members.len())
    }

    /// Bytes of all texts, by group.
    fn lengths(&self) -> Vec<u64> {
        let mut lengths = vec![0; self.members.len()];
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
        data.for_each(self.rows, |row, shown| {
            let group = self.assign.group(row);
            if group != NONE {
                visit(group as usize, shown);
            }
        });
    }
}
