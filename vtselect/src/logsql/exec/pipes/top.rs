//! `top`: the most frequent values of some fields.

use std::cmp::Ordering;

use super::super::super::ast::pipes;
use super::super::groups::{Groups, Values};
use super::super::{Account, ExecError, Flow, Out, Pipe, Rows, Text};
use common::query::logsql::order::compare_values;

pub(super) struct Top {
    shape: pipes::Top,
    groups: Groups,
    counts: Vec<u64>,
    account: Account,
}

impl Top {
    pub(super) fn new(shape: &pipes::Top, account: Account) -> Self {
        Self {
            groups: Groups::new(shape.by.len()),
            shape: shape.clone(),
            counts: Vec::new(),
            account,
        }
    }

    fn hits(&self, group: usize) -> u64 {
        self.counts.get(group).copied().unwrap_or(0)
    }

    /// Most rows first, then by the values.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (a_key, b_key) = (self.groups.key(a), self.groups.key(b));
        let values = || {
            let pairs = a_key.iter().zip(b_key);
            pairs.map(|(a, b)| compare_values(a, b)).find(|order| order.is_ne())
        };
        let by_values = || values().unwrap_or(Ordering::Equal).then_with(|| a_key.cmp(b_key));
        self.hits(b).cmp(&self.hits(a)).then_with(by_values)
    }

    fn largest(&self) -> Vec<usize> {
        let limit = usize::try_from(self.shape.limit).unwrap_or(usize::MAX);
        let mut groups: Vec<usize> = (0..self.groups.len()).collect();
        if limit < groups.len() {
            groups.select_nth_unstable_by(limit, |a, b| self.compare(*a, *b));
            groups.truncate(limit);
        }
        groups.sort_unstable_by(|a, b| self.compare(*a, *b));
        groups
    }

    /// Adds rows, each of which stands for as many as `times` says.
    pub(super) fn add(&mut self, rows: &Rows, times: impl Fn(usize) -> u64) -> Result<(), ExecError> {
        let columns = Values::of_all(rows, &self.shape.by);
        for row in 0..rows.len() {
            let (group, bytes) = self.groups.add(&columns, row);
            if let Some(count) = self.counts.get_mut(group) {
                *count += times(row);
            } else {
                self.counts.push(times(row));
                self.account.grow(bytes + size_of::<u64>())?;
            }
        }
        Ok(())
    }
}

impl Pipe for Top {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.add(&rows, |_| 1)?;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let groups = self.largest();
        let mut rows = Rows::new(groups.len());
        rows.columns = self.groups.columns(&self.shape.by, &groups);
        let hits = groups.iter().map(|group| Text::from(self.hits(*group).to_string()));
        rows.set(&self.shape.hits, hits.collect());
        if let Some(rank) = &self.shape.rank {
            rows.set(
                rank,
                (1..=groups.len()).map(|rank| Text::from(rank.to_string())).collect(),
            );
        }
        out(rows).map(drop)
    }
}
