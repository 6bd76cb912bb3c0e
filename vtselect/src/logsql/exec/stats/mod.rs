//! Statistics functions over rows: which values of a row go into the state of a function, and how its result is shown.
//! The states themselves are in [`common::query::logsql::stats`], where storage nodes find them too.
//!
//! A new function is a file and a line in [`function`].

mod any;
mod columns;
mod count;
mod count_uniq;
mod field_of;
mod histogram;
mod json_values;
mod metric_value;
mod min_max;
mod quantile;
mod rate;
mod row;
mod stddev;
mod sum;
mod sum_len;
#[cfg(test)]
mod tests;
mod uniq_values;
mod values;

use common::query::logsql::stats::{Count, End, Kind, Pick, State, Uniq, UniqHash};

use super::super::ast::{FieldPattern, StatsFunc};
use super::super::parse::stats::RowOf;
use super::{Rows, Text};
pub use columns::Columns;
pub use metric_value::metric_value;

/// A function over the rows of a group.
///
/// For each block of rows, [`bind`](Self::bind) finds the columns once; [`update`](Self::update) then takes the rows
/// of each group. States made by `new_state` of the same function merge ([`State::merge`]).
pub trait StatsFunction: Send + Sync {
    /// The fields that are read.
    fn fields(&self) -> Vec<FieldPattern>;

    /// The state of a group without rows.
    fn new_state(&self) -> State;

    /// The columns of a block that the function reads.
    fn bind<'r>(&self, rows: &'r Rows) -> Columns<'r> {
        Columns::select(rows, &self.fields())
    }

    /// Adds rows of the block that `columns` is bound to. The state must come from `new_state` of this function; any
    /// other stays as it is.
    fn update(&self, state: &mut State, columns: &Columns<'_>, rows: &[usize]);

    /// The result. `seconds` is what rates are divided by.
    fn finish(&self, state: State, seconds: f64) -> Text;
}

/// A function that knows the kind of its state.
trait Function: Send + Sync {
    type State: Kind;

    fn fields(&self) -> Vec<FieldPattern>;
    fn new_state(&self) -> Self::State;
    fn update(&self, state: &mut Self::State, columns: &Columns<'_>, rows: &[usize]);
    fn finish(&self, state: Self::State, seconds: f64) -> Text;
}

impl<F: Function> StatsFunction for F {
    fn fields(&self) -> Vec<FieldPattern> {
        Function::fields(self)
    }

    fn new_state(&self) -> State {
        Function::new_state(self).into()
    }

    fn update(&self, state: &mut State, columns: &Columns<'_>, rows: &[usize]) {
        let state = F::State::of_mut(state);
        debug_assert!(state.is_some(), "the state of another function");
        if let Some(state) = state {
            Function::update(self, state, columns, rows);
        }
    }

    fn finish(&self, state: State, seconds: f64) -> Text {
        let state = F::State::of(state).unwrap_or_else(|| Function::new_state(self));
        Function::finish(self, state, seconds)
    }
}

/// Makes a function ready for execution.
pub fn function(func: &StatsFunc) -> Box<dyn StatsFunction> {
    match func {
        StatsFunc::Any(f) => Box::new(any::Any(f.field.clone())),
        StatsFunc::Avg(f) => Box::new(sum::Avg(f.fields.clone())),
        StatsFunc::Count(f) => Box::new(count::CountRows(f.fields.clone())),
        StatsFunc::CountEmpty(f) => Box::new(count::CountEmpty(f.fields.clone())),
        StatsFunc::CountUniq(f) => Box::new(count_uniq::CountUniq::<Uniq>::new(f.clone())),
        StatsFunc::CountUniqHash(f) => Box::new(count_uniq::CountUniq::<UniqHash>::new(f.clone())),
        StatsFunc::FieldMax(f) => Box::new(field_of::FieldOfRow(f.clone(), End::Greatest)),
        StatsFunc::FieldMin(f) => Box::new(field_of::FieldOfRow(f.clone(), End::Least)),
        StatsFunc::Histogram(f) => Box::new(histogram::Hits(f.field.clone())),
        StatsFunc::JsonValues(f) => Box::new(json_values::JsonValues(f.clone())),
        StatsFunc::Max(f) => Box::new(min_max::Outermost(f.fields.clone(), End::Greatest)),
        StatsFunc::Median(f) => Box::new(quantile::QuantileOf(f.fields.clone(), 0.5)),
        StatsFunc::Min(f) => Box::new(min_max::Outermost(f.fields.clone(), End::Least)),
        StatsFunc::Quantile(f) => Box::new(quantile::QuantileOf(all_if_none(&f.fields), f.phi)),
        StatsFunc::Rate(_) => Box::new(rate::Rate),
        StatsFunc::RateSum(f) => Box::new(sum::RateSum(f.fields.clone())),
        StatsFunc::RowAny(f) => Box::new(row::JsonOfRow::any(f.fields.clone())),
        StatsFunc::RowMax(f) => Box::new(row_of(f, End::Greatest)),
        StatsFunc::RowMin(f) => Box::new(row_of(f, End::Least)),
        StatsFunc::Stddev(f) => Box::new(stddev::StddevOf(f.fields.clone())),
        StatsFunc::Sum(f) => Box::new(sum::SumOf(f.fields.clone())),
        StatsFunc::SumLen(f) => Box::new(sum_len::SumLen(f.fields.clone())),
        StatsFunc::UniqValues(f) => Box::new(uniq_values::UniqValues(f.clone())),
        StatsFunc::Values(f) => Box::new(values::AllValues(f.clone())),
    }
}

fn row_of(f: &RowOf, end: End) -> row::JsonOfRow {
    row::JsonOfRow::by(&f.source, all_if_none(&f.fields), Pick::By(end))
}

fn all_if_none(fields: &[FieldPattern]) -> Vec<FieldPattern> {
    if fields.is_empty() {
        vec![FieldPattern::all()]
    } else {
        fields.to_vec()
    }
}

/// A count as text.
fn count_text(count: Count) -> Text {
    count.get().to_string().into()
}
