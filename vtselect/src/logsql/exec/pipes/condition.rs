//! `if (...)`: which rows a pipe changes.

use std::collections::HashSet;

use super::super::super::ast::{Filter, Subquery};
use super::super::filters::{RowFilter, with_values};
use super::super::{Account, ExecContext, ExecError, Flow, Rows};

/// The condition of a pipe; without one every row is changed.
pub(super) struct Condition(Option<RowFilter>);

/// The rows that satisfy a condition.
pub(super) enum Mask {
    All,
    Some(Vec<bool>),
}

impl Condition {
    pub(super) fn new(filter: &Option<Filter>, context: &ExecContext) -> Result<Self, ExecError> {
        let filter = filter.as_ref().map(|filter| row_filter(filter, context)).transpose()?;
        Ok(Self(filter.filter(|filter| !filter.is_always())))
    }

    pub(super) fn mask(&self, rows: &Rows) -> Mask {
        self.0
            .as_ref()
            .map_or(Mask::All, |filter| Mask::Some(filter.matches(rows)))
    }
}

impl Mask {
    /// True when the row satisfies the condition.
    pub(super) fn has(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(flags) => flags.get(row).copied().unwrap_or(false),
        }
    }
}

/// The filter, ready; its subqueries are executed.
pub(super) fn row_filter(filter: &Filter, context: &ExecContext) -> Result<RowFilter, ExecError> {
    RowFilter::new(&with_values(filter, &mut |subquery| values_of(subquery, context))?)
}

/// The distinct values that a subquery gives. They stay in the filter, so their memory stays counted.
pub(in crate::logsql) fn values_of(subquery: &Subquery, context: &ExecContext) -> Result<Vec<String>, ExecError> {
    let mut account = Account::new(&context.query, "filter");
    let mut values = HashSet::new();
    context.subqueries.run(&subquery.query, &mut |rows| {
        for value in rows.column(&subquery.field).iter().flat_map(|column| &column.values) {
            if !values.contains(value) {
                account.grow(size_of::<String>() + 16 + value.len())?;
                values.insert(value.clone());
            }
        }
        Ok(Flow::More)
    })?;
    account.keep();
    Ok(values.iter().map(|value| value.as_ref().to_owned()).collect())
}
