//! `stats` and counts of values as aggregates of storage, and what is made of the answer.

use common::query::logsql::stats::State;
use common::query::logsql::value::{Bucket, BucketSize};
use common::query::{AggregateQuery, Column, Function, FunctionKind, GroupKey, Groups, SpanField};

use super::super::ast::pipes::{GroupBy, Stats};
use super::super::ast::{FieldPattern, StatsFunc};
use super::super::exec::stats::{StatsFunction, function};
use super::super::exec::{Rows, Text};
use super::super::fields::{Field, StreamTexts, TIME, time_text};
use super::filter;

/// Groups that are passed on at a time.
const BLOCK: usize = 1_024;

/// An aggregate, and how its groups become rows.
pub struct Grouping {
    pub query: AggregateQuery,
    by: Vec<ByField>,
    results: Vec<ResultOf>,
}

/// A field of the key.
struct ByField {
    name: String,
    field: Field,
    /// The place of its first part in the keys of the groups
    first: usize,
}

/// A function of the query.
struct ResultOf {
    name: String,
    function: Box<dyn StatsFunction>,
    /// The place of its state in those of a group; functions may share one
    state: usize,
    /// Of times as storage has them
    is_time: bool,
}

impl Grouping {
    /// The aggregate of a `stats`; `None` if some part of it needs rows.
    pub fn of_stats(stats: &Stats) -> Option<Self> {
        let (by, keys) = key(stats.by.iter().map(|by: &GroupBy| (by.field.as_str(), by.bucket)))?;
        if keys.is_empty() && !by.is_empty() {
            // Without keys storage answers with a group even if there are no spans.
            return None;
        }
        let mut functions: Vec<Function> = Vec::new();
        let mut results = Vec::with_capacity(stats.calls.len());
        for call in &stats.calls {
            let condition = match &call.condition {
                None => None,
                Some(condition) => Some(filter::push(condition)?),
            };
            let (kind, columns) = pushed(&call.func)?;
            let pushed = Function {
                kind,
                columns,
                condition,
            };
            let known = functions.iter().position(|function| *function == pushed);
            let state = known.unwrap_or(functions.len());
            if known.is_none() {
                functions.push(pushed);
            }
            results.push(ResultOf {
                name: call.result.clone(),
                function: function(&call.func),
                state,
                is_time: is_time(&call.func),
            });
        }
        Some(Self {
            query: AggregateQuery { by: keys, functions },
            by,
            results,
        })
    }

    /// The numbers of spans by the values of some fields; `None` if a field has several values in a span.
    pub fn of_counts(fields: &[String]) -> Option<Self> {
        let (by, keys) = key(fields.iter().map(|field| (field.as_str(), None)))?;
        let count = Function {
            kind: FunctionKind::Count,
            columns: Vec::new(),
            condition: None,
        };
        Some(Self {
            query: AggregateQuery {
                by: keys,
                functions: vec![count],
            },
            by,
            results: Vec::new(),
        })
    }

    /// The groups as rows, some at a time, until `out` has enough. `seconds` is what rates are divided by.
    pub fn rows<E>(
        &self,
        groups: Groups,
        seconds: f64,
        streams: &mut StreamTexts,
        out: &mut dyn FnMut(Rows) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut groups = groups.into_iter();
        loop {
            let (keys, states): (Vec<_>, Vec<_>) = groups.by_ref().take(BLOCK).unzip();
            if keys.is_empty() {
                return Ok(());
            }
            let mut rows = self.key_rows(&keys, streams);
            let mut columns = vec![Vec::with_capacity(keys.len()); self.results.len()];
            for states in states {
                self.finish(states, seconds, &mut columns);
            }
            for (result, values) in self.results.iter().zip(columns) {
                rows.set(&result.name, values);
            }
            if !out(rows)? {
                return Ok(());
            }
        }
    }

    /// The values of the key's fields, and the number of spans of each group.
    pub fn counts(&self, groups: Groups, streams: &mut StreamTexts) -> (Rows, Vec<u64>) {
        let count = |states: Vec<State>| match states.first() {
            Some(State::Count(count)) => count.get(),
            _ => 0,
        };
        let counted = groups.into_iter().map(|(key, states)| (key, count(states)));
        // Without keys there is a group even if there are no spans.
        let (keys, counts): (Vec<_>, Vec<u64>) = counted.filter(|(_, count)| *count > 0).unzip();
        (self.key_rows(&keys, streams), counts)
    }

    fn key_rows(&self, keys: &[Vec<Text>], streams: &mut StreamTexts) -> Rows {
        let mut rows = Rows::new(keys.len());
        for by in &self.by {
            let values = keys.iter().map(|key| by.text(key, streams));
            rows.set(&by.name, values.collect());
        }
        rows
    }

    /// Appends the results of a group to the columns.
    fn finish(&self, states: Vec<State>, seconds: f64, columns: &mut [Vec<Text>]) {
        let mut states: Vec<Option<State>> = states.into_iter().map(Some).collect();
        for (i, (result, column)) in self.results.iter().zip(columns).enumerate() {
            let later = self.results.get(i + 1..).unwrap_or_default();
            let shared = later.iter().any(|later| later.state == result.state);
            let state = states.get_mut(result.state).and_then(|state| match shared {
                true => state.clone(),
                false => state.take(),
            });
            let state = state.unwrap_or_else(|| result.function.new_state());
            let text = result.function.finish(state, seconds);
            column.push(match result.is_time && !text.is_empty() {
                true => time_text(&text),
                false => text,
            });
        }
    }
}

impl ByField {
    fn text(&self, key: &[Text], streams: &mut StreamTexts) -> Text {
        let part = |at: usize| key.get(at).cloned().unwrap_or_default();
        match &self.field {
            Field::Column(_) => part(self.first),
            Field::Time => time_text(&part(self.first)),
            Field::Stream => streams.of(&part(self.first), &part(self.first + 1)).0,
            Field::StreamId => streams.of(&part(self.first), &part(self.first + 1)).1,
            field => field.constant().unwrap_or_default().into(),
        }
    }
}

/// The fields of a key and its parts.
fn key<'f>(fields: impl Iterator<Item = (&'f str, Option<Bucket>)>) -> Option<(Vec<ByField>, Vec<GroupKey>)> {
    let (mut by, mut keys) = (Vec::new(), Vec::new());
    for (name, bucket) in fields {
        let field = Field::of(name);
        if matches!(field, Field::AnyOf(_)) || bucket.is_some_and(|bucket| !fits(&field, &bucket)) {
            return None;
        }
        by.push(ByField {
            name: name.to_owned(),
            field: field.clone(),
            first: keys.len(),
        });
        // The texts of streams and constants stay as they are in every bucket.
        let bucket = bucket.filter(|_| matches!(field, Field::Column(_) | Field::Time));
        keys.extend(field.columns().into_iter().map(|column| GroupKey { column, bucket }));
    }
    Some((by, keys))
}

/// Whether storage puts values into buckets as rows do: numbers that are times know the calendar there.
fn fits(field: &Field, bucket: &Bucket) -> bool {
    let is_time = |column: Column| GroupKey { column, bucket: None }.is_time();
    match field {
        Field::Column(column) => matches!(bucket.size, BucketSize::Number(_)) || !is_time(column.clone()),
        _ => true,
    }
}

/// Whether the result is a value of `_time`.
fn is_time(func: &StatsFunc) -> bool {
    match func {
        StatsFunc::Min(f) | StatsFunc::Max(f) => matches!(f.fields.as_slice(), [field] if field.as_str() == TIME),
        _ => false,
    }
}

/// The function as storage knows it, with its columns; `None` if it needs rows.
fn pushed(func: &StatsFunc) -> Option<(FunctionKind, Vec<Column>)> {
    let patterns = |fields: &[FieldPattern]| columns(fields.iter().map(FieldPattern::as_str));
    Some(match func {
        StatsFunc::Min(_) if is_time(func) => (FunctionKind::Min, vec![start()]),
        StatsFunc::Max(_) if is_time(func) => (FunctionKind::Max, vec![start()]),
        StatsFunc::Count(f) if f.fields.iter().any(FieldPattern::is_all) => (FunctionKind::Count, Vec::new()),
        StatsFunc::Rate(_) => (FunctionKind::Count, Vec::new()),
        StatsFunc::Count(f) => (FunctionKind::Count, patterns(&f.fields)?),
        StatsFunc::CountEmpty(f) => (FunctionKind::CountEmpty, patterns(&f.fields)?),
        StatsFunc::CountUniq(f) => {
            let kind = FunctionKind::CountUniq { limit: f.limit };
            (kind, columns(f.fields.iter().map(String::as_str))?)
        }
        StatsFunc::CountUniqHash(f) => {
            let kind = FunctionKind::CountUniqHash { limit: f.limit };
            (kind, columns(f.fields.iter().map(String::as_str))?)
        }
        StatsFunc::Sum(f) | StatsFunc::Avg(f) | StatsFunc::RateSum(f) => (FunctionKind::Sum, patterns(&f.fields)?),
        StatsFunc::SumLen(f) => (FunctionKind::SumLen, patterns(&f.fields)?),
        StatsFunc::Min(f) => (FunctionKind::Min, patterns(&f.fields)?),
        StatsFunc::Max(f) => (FunctionKind::Max, patterns(&f.fields)?),
        StatsFunc::Median(f) => (FunctionKind::Quantile, patterns(&f.fields)?),
        StatsFunc::Quantile(f) if !f.fields.is_empty() => (FunctionKind::Quantile, patterns(&f.fields)?),
        _ => return None,
    })
}

/// The columns of some fields; `None` unless each of them is a column.
fn columns<'f>(mut names: impl Iterator<Item = &'f str>) -> Option<Vec<Column>> {
    names.try_fold(Vec::new(), |mut all, name| {
        let field = if name.ends_with('*') {
            None
        } else {
            Field::of(name).column().cloned()
        };
        all.push(field?);
        Some(all)
    })
}

/// The column of the time of a span.
pub fn start() -> Column {
    Column::Field(SpanField::Start)
}
