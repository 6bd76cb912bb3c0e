//! `uniq`: the distinct values of some fields, in the order of their first row.

use super::super::super::ast::pipes;
use super::super::groups::{Groups, Values};
use super::super::{Account, ExecError, Flow, Out, Pipe, Rows, Text};

/// Rows in one block that is passed on.
const BLOCK: usize = 1_024;

/// The distinct tuples, with their number of rows if it is asked for. Without it tuples are passed on at once.
pub(super) struct Uniq {
    by: Vec<String>,
    hits: Option<String>,
    limit: usize,
    groups: Groups,
    counts: Vec<u64>,
    over_limit: bool,
    account: Account,
}

impl Uniq {
    pub(super) fn new(shape: &pipes::Uniq, account: Account) -> Self {
        Self::of(shape.by.clone(), shape.hits.clone(), shape.limit, account)
    }

    /// A limit of 0 is none. With more tuples than the limit, an arbitrary part of them has 0 hits each.
    pub(super) fn of(by: Vec<String>, hits: Option<String>, limit: u64, account: Account) -> Self {
        Self {
            limit: match limit {
                0 => usize::MAX,
                limit => usize::try_from(limit).unwrap_or(usize::MAX),
            },
            groups: Groups::new(by.len()),
            counts: Vec::new(),
            over_limit: false,
            by,
            hits,
            account,
        }
    }

    /// Counts a row that stands for `times` ones; the tuple if it is a new one within the limit.
    fn count(&mut self, columns: &[Values<'_>], row: usize, times: u64) -> Result<Option<usize>, ExecError> {
        let known = match self.groups.len() == self.limit {
            true => self.groups.find(columns, row).map(|group| (group, 0)),
            false => Some(self.groups.add(columns, row)),
        };
        let Some((group, bytes)) = known else {
            self.over_limit = true;
            return Ok(None);
        };
        if let Some(count) = self.counts.get_mut(group) {
            *count += times;
            return Ok(None);
        }
        self.counts.push(times);
        self.account.grow(bytes + size_of::<u64>())?;
        Ok(Some(group))
    }

    fn rows(&self, groups: &[usize]) -> Rows {
        let mut rows = Rows::new(groups.len());
        rows.columns = self.groups.columns(&self.by, groups);
        if let Some(name) = &self.hits {
            let hits = |group: &usize| match self.over_limit {
                true => 0,
                false => self.counts.get(*group).copied().unwrap_or(0),
            };
            rows.set(
                name,
                groups.iter().map(|group| Text::from(hits(group).to_string())).collect(),
            );
        }
        rows
    }
}

impl Uniq {
    /// Adds rows, each of which stands for as many as `times` says; the new tuples.
    fn add(&mut self, rows: &Rows, times: impl Fn(usize) -> u64) -> Result<Vec<usize>, ExecError> {
        let columns = Values::of_all(rows, &self.by);
        let mut new = Vec::new();
        for row in 0..rows.len() {
            new.extend(self.count(&columns, row, times(row))?);
            if self.over_limit {
                break;
            }
        }
        Ok(new)
    }

    /// Adds rows as [`Self::add`]; `out` takes what comes of them at once.
    pub(super) fn push_times(
        &mut self,
        rows: &Rows,
        times: impl Fn(usize) -> u64,
        out: &mut Out<'_>,
    ) -> Result<Flow, ExecError> {
        let new = self.add(rows, times)?;
        let full = self.over_limit || self.hits.is_none() && self.groups.len() == self.limit;
        let flow = if self.hits.is_none() && !new.is_empty() {
            out(self.rows(&new))?
        } else {
            Flow::More
        };
        Ok(if full { Flow::Enough } else { flow })
    }
}

impl Pipe for Uniq {
    fn push(&mut self, rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.push_times(&rows, |_| 1, out)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        if self.hits.is_some() {
            let groups: Vec<usize> = (0..self.groups.len()).collect();
            for block in groups.chunks(BLOCK) {
                if out(self.rows(block))? == Flow::Enough {
                    break;
                }
            }
        }
        Ok(())
    }
}
