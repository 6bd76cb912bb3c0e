//! `running_stats`, `total_stats`: aggregates of the rows of a group beside the rows, by time.

use std::cmp::Ordering;

use super::super::super::ast::pipes::{self, RunningFunc};
use super::super::super::value::{format_float, parse_number, parse_rfc3339};
use super::super::groups::{Groups, Values};
use super::super::row_store::RowStore;
use super::super::rows::RowColumn;
use super::super::{Account, ExecError, Flow, Out, Pipe, Rows, Text};
use common::query::logsql::order::compare_values;

const TIME: &str = "_time";

/// Holds all rows until the end.
pub(super) struct RunningStats {
    shape: pipes::RunningStats,
    /// Each row gets the aggregate of all rows of its group, not of those up to it.
    total: bool,
    groups: Groups,
    rows_of_group: Vec<Vec<usize>>,
    store: RowStore,
    account: Account,
}

impl RunningStats {
    pub(super) fn running(shape: &pipes::RunningStats, account: Account) -> Self {
        Self::new(shape, false, account)
    }

    pub(super) fn total(shape: &pipes::RunningStats, account: Account) -> Self {
        Self::new(shape, true, account)
    }

    fn new(shape: &pipes::RunningStats, total: bool, account: Account) -> Self {
        Self {
            groups: Groups::new(shape.by.len()),
            shape: shape.clone(),
            total,
            rows_of_group: Vec::new(),
            store: RowStore::default(),
            account,
        }
    }

    /// The rows group by group, each group by time; rows without a time are last.
    fn order(&self) -> Vec<Vec<usize>> {
        let times: Vec<Option<i64>> = match self.store.columns().iter().find(|column| &*column.name == TIME) {
            Some(column) => column.values.iter().map(|value| parse_rfc3339(value)).collect(),
            None => vec![None; self.store.len()],
        };
        let time = |row: &usize| times.get(*row).copied().flatten().map_or((1, 0), |ns| (0, ns));
        let sorted = |group: usize| {
            let mut rows = self.rows_of_group.get(group).cloned().unwrap_or_default();
            rows.sort_by_key(time);
            rows
        };
        self.groups.in_partition_order().into_iter().map(sorted).collect()
    }

    /// The values of a function for the rows in this order.
    fn values(&self, func: &RunningFunc, order: &[Vec<usize>]) -> Vec<Text> {
        let mut values = Vec::with_capacity(self.store.len());
        for rows in order {
            let mut state = State::new(func, self.store.columns());
            if self.total {
                rows.iter().for_each(|row| state.update(*row));
                let value = state.value();
                values.extend(rows.iter().map(|_| value.clone()));
            } else {
                values.extend(rows.iter().map(|row| {
                    state.update(*row);
                    state.value()
                }));
            }
        }
        values
    }
}

impl Pipe for RunningStats {
    fn push(&mut self, rows: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        let columns = Values::of_all(&rows, &self.shape.by);
        for row in 0..rows.len() {
            let (group, bytes) = self.groups.add(&columns, row);
            self.account.grow(bytes + 2 * size_of::<usize>())?;
            match self.rows_of_group.get_mut(group) {
                Some(rows) => rows.push(self.store.len() + row),
                None => self.rows_of_group.push(vec![self.store.len() + row]),
            }
        }
        self.store.append(rows, &mut self.account)?;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let order = self.order();
        let mut results = Vec::new();
        for call in &self.shape.calls {
            let values = self.values(&call.func, &order);
            self.account
                .grow(values.iter().map(|value| size_of::<Text>() + value.len()).sum())?;
            results.push((&call.result, values));
        }
        let set_results = |rows: &mut Rows, first: usize| {
            for (name, values) in &results {
                rows.set(name, values.iter().skip(first).take(rows.len()).cloned().collect());
            }
        };
        let store = std::mem::take(&mut self.store);
        store.emit(&order.concat(), set_results, out)
    }
}

/// A function over the rows of a group so far.
struct State<'s> {
    func: &'s RunningFunc,
    columns: Vec<&'s RowColumn>,
    all_rows: bool,
    rows: Vec<usize>,
    count: u64,
    sum: f64,
    best: Text,
}

impl<'s> State<'s> {
    fn new(func: &'s RunningFunc, columns: &'s [RowColumn]) -> Self {
        let selects = |column: &&RowColumn| match func {
            RunningFunc::First(field, _) | RunningFunc::Last(field, _) => **field == *column.name,
            RunningFunc::Count(fields)
            | RunningFunc::Max(fields)
            | RunningFunc::Min(fields)
            | RunningFunc::Sum(fields) => fields.iter().any(|field| field.matches(&column.name)),
        };
        Self {
            func,
            columns: columns.iter().filter(selects).collect(),
            all_rows: matches!(func, RunningFunc::Count(fields) if fields.iter().any(|field| field.is_all())),
            rows: Vec::new(),
            count: 0,
            sum: f64::NAN,
            best: Text::default(),
        }
    }

    fn update(&mut self, row: usize) {
        match self.func {
            RunningFunc::Count(_) => {
                let has_value = self.all_rows || !self.row_values(row).is_empty();
                self.count += u64::from(has_value);
            }
            RunningFunc::First(..) | RunningFunc::Last(..) => self.rows.push(row),
            RunningFunc::Max(_) => self.keep_best(row, Ordering::Greater),
            RunningFunc::Min(_) => self.keep_best(row, Ordering::Less),
            RunningFunc::Sum(_) => {
                for number in self.row_values(row).into_iter().filter_map(|value| parse_number(value)) {
                    self.sum = if self.sum.is_nan() { number } else { self.sum + number };
                }
            }
        }
    }

    fn keep_best(&mut self, row: usize, better: Ordering) {
        for value in self.row_values(row) {
            if self.best.is_empty() || compare_values(value, &self.best) == better {
                self.best = value.clone();
            }
        }
    }

    /// The values of the row that are not empty.
    fn row_values(&self, row: usize) -> Vec<&'s Text> {
        let values = self.columns.iter().filter_map(|column| column.values.get(row));
        values.filter(|value| !value.is_empty()).collect()
    }

    fn value(&self) -> Text {
        let offset = |offset: &u64| usize::try_from(*offset).unwrap_or(usize::MAX);
        let row = match self.func {
            RunningFunc::Count(_) => return self.count.to_string().into(),
            RunningFunc::Sum(_) => return format_float(self.sum).into(),
            RunningFunc::Max(_) | RunningFunc::Min(_) => return self.best.clone(),
            RunningFunc::First(_, rows) => self.rows.get(offset(rows)),
            RunningFunc::Last(_, rows) => self.rows.iter().rev().nth(offset(rows)),
        };
        let value = row.and_then(|row| self.row_values(*row).into_iter().next());
        value.cloned().unwrap_or_default()
    }
}
