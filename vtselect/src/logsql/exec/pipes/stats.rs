//! `stats`: aggregates of groups of rows.

use common::query::logsql::stats::State;

use super::super::super::ast::pipes::{self, GroupBy};
use super::super::super::value::{format_rfc3339, parse_rfc3339};
use super::super::groups::{Groups, Values};
use super::super::stats::{Columns, StatsFunction, function};
use super::super::{Account, ExecContext, ExecError, Flow, Out, Pipe, Rows, Text};
use super::Condition;
use super::condition::Mask;
use super::per_block::Repeated;

/// Groups in one block that is passed on.
const BLOCK: usize = 1_024;

pub(super) struct Stats {
    by: Vec<GroupBy>,
    calls: Vec<Call>,
    groups: Groups,
    cells: Vec<Vec<Cell>>,
    /// Where the rows of each group are, while a block is divided
    places: Vec<Option<usize>>,
    seconds: f64,
    account: Account,
}

/// A function, and where its result goes.
struct Call {
    function: Box<dyn StatsFunction>,
    condition: Condition,
    result: String,
}

/// What a function knows of a group.
struct Cell {
    state: State,
    rows: usize,
    measured_at: usize,
    bytes: usize,
}

impl Stats {
    pub(super) fn new(shape: &pipes::Stats, context: &ExecContext, account: Account) -> Result<Self, ExecError> {
        let call = |call: &pipes::StatsCall| {
            Ok(Call {
                function: function(&call.func),
                condition: Condition::new(&call.condition, context)?,
                result: call.result.clone(),
            })
        };
        Ok(Self {
            by: shape.by.clone(),
            calls: shape.calls.iter().map(call).collect::<Result<_, ExecError>>()?,
            groups: Groups::new(shape.by.len()),
            cells: Vec::new(),
            places: Vec::new(),
            seconds: context.rate_seconds,
            account,
        })
    }

    /// The rows of each group that the block has rows of.
    fn divide(&mut self, rows: &Rows) -> Result<Vec<(usize, Vec<usize>)>, ExecError> {
        if self.by.is_empty() {
            self.add_first_group()?;
            return Ok(vec![(0, (0..rows.len()).collect())]);
        }
        let buckets: Vec<Option<Vec<Text>>> = self.by.iter().map(|by| bucketed(rows, by)).collect();
        let columns = self.by.iter().zip(&buckets).map(|(by, bucket)| match bucket {
            Some(values) => Values::of_slice(values),
            None => Values::of(rows, &by.field),
        });
        let columns: Vec<Values<'_>> = columns.collect();
        let mut grouped: Vec<(usize, Vec<usize>)> = Vec::new();
        for row in 0..rows.len() {
            let (group, bytes) = self.groups.add(&columns, row);
            if group == self.cells.len() {
                self.account.grow(bytes)?;
                self.add_cells()?;
            }
            let known = self.places.get(group).copied().flatten();
            match known.and_then(|place| grouped.get_mut(place)) {
                Some((_, rows)) => rows.push(row),
                None => {
                    self.set_place(group, Some(grouped.len()));
                    grouped.push((group, vec![row]));
                }
            }
        }
        grouped.iter().for_each(|(group, _)| self.set_place(*group, None));
        Ok(grouped)
    }

    fn set_place(&mut self, group: usize, place: Option<usize>) {
        if let Some(own) = self.places.get_mut(group) {
            *own = place;
        }
    }

    /// The group of all rows, which there is even without rows.
    fn add_first_group(&mut self) -> Result<(), ExecError> {
        if self.cells.is_empty() {
            self.groups.add(&[], 0);
            self.add_cells()?;
        }
        Ok(())
    }

    fn add_cells(&mut self) -> Result<(), ExecError> {
        let own = size_of::<Vec<Cell>>() + size_of::<Option<usize>>();
        self.account.grow(own + self.calls.len() * size_of::<Cell>())?;
        let cell = |call: &Call| Cell {
            state: call.function.new_state(),
            rows: 0,
            measured_at: 0,
            bytes: 0,
        };
        self.cells.push(self.calls.iter().map(cell).collect());
        self.places.push(None);
        Ok(())
    }

    fn rows(&mut self, groups: &[usize]) -> Rows {
        let names: Vec<String> = self.by.iter().map(|by| by.field.clone()).collect();
        let mut rows = Rows::new(groups.len());
        rows.columns = self.groups.columns(&names, groups);
        let mut results = vec![Vec::with_capacity(groups.len()); self.calls.len()];
        for group in groups {
            let cells = self.cells.get_mut(*group).map(std::mem::take).unwrap_or_default();
            for ((call, cell), values) in self.calls.iter().zip(cells).zip(&mut results) {
                values.push(call.function.finish(cell.state, self.seconds));
            }
        }
        for (call, values) in self.calls.iter().zip(results) {
            rows.set(&call.result, values);
        }
        rows
    }
}

impl Cell {
    /// Adds rows to the state. Measuring takes time in proportion to the state, so it is done less and less often.
    fn update(
        &mut self,
        function: &dyn StatsFunction,
        columns: &Columns<'_>,
        rows: &[usize],
        account: &mut Account,
    ) -> Result<(), ExecError> {
        function.update(&mut self.state, columns, rows);
        self.rows += rows.len();
        if self.rows < self.measured_at {
            return Ok(());
        }
        self.measured_at = self.rows + self.rows / 4 + 16;
        let bytes = self.state.memory_bytes();
        account.shrink(self.bytes.saturating_sub(bytes));
        account.grow(bytes.saturating_sub(self.bytes))?;
        self.bytes = bytes;
        Ok(())
    }
}

impl Pipe for Stats {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        let grouped = self.divide(&rows)?;
        for (i, call) in self.calls.iter().enumerate() {
            let mask = call.condition.mask(&rows);
            let columns = call.function.bind(&rows);
            for (group, members) in &grouped {
                let Some(cell) = self.cells.get_mut(*group).and_then(|cells| cells.get_mut(i)) else {
                    continue;
                };
                match &mask {
                    Mask::All => cell.update(&*call.function, &columns, members, &mut self.account)?,
                    mask => {
                        let members: Vec<usize> = members.iter().copied().filter(|row| mask.has(*row)).collect();
                        cell.update(&*call.function, &columns, &members, &mut self.account)?;
                    }
                }
            }
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        if self.by.is_empty() {
            self.add_first_group()?;
        }
        let groups: Vec<usize> = (0..self.cells.len()).collect();
        for block in groups.chunks(BLOCK) {
            if out(self.rows(block))? == Flow::Enough {
                break;
            }
        }
        Ok(())
    }
}

/// The buckets of a field's values; `None` for a field without buckets.
fn bucketed(rows: &Rows, by: &GroupBy) -> Option<Vec<Text>> {
    let bucket = by.bucket?;
    let column = rows.column(&by.field)?;
    // Times that follow each other differ, their buckets seldom do: those need not be printed again.
    let mut last_time: Option<(i64, Text)> = None;
    let mut truncate = Repeated::new(|value: &str| {
        let Some(ns) = time_of(value).map(|ns| bucket.truncate_time(ns)) else {
            return Text::from(bucket.apply(value));
        };
        match &last_time {
            Some((last, text)) if *last == ns => text.clone(),
            _ => {
                let text = Text::from(format_rfc3339(ns));
                last_time = Some((ns, text.clone()));
                text
            }
        }
    });
    Some(column.values.iter().map(|value| truncate.call(value)).collect())
}

/// A value that a bucket takes as a time.
fn time_of(value: &str) -> Option<i64> {
    let starts_as_date = value.as_bytes().get(4) == Some(&b'-') && value.starts_with(|c: char| c.is_ascii_digit());
    starts_as_date.then(|| parse_rfc3339(value)).flatten()
}
