//! Filters: what of them storage evaluates, and what is left for rows.

use common::query::logsql::text::TextFilter;
use common::query::{Column, Filter as Pushed, Predicate, SpanField};
use common::time::{TimeRange, UnixNanos};

use super::super::ast::{Filter, StreamMatch, StreamSelector, StreamTest};
use super::super::exec::filters::text_filter;
use super::super::fields::{Field, Stream};
use super::super::value;

/// A filter in two parts that must both hold, and the time range.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitFilter {
    /// Outside of it nothing matches
    pub range: TimeRange,
    pub pushed: Pushed,
    /// For rows; its subqueries must have been replaced by their values
    pub residual: Option<Filter>,
}

/// Divides a filter; as much as possible is pushed.
pub fn split(filter: &Filter) -> SplitFilter {
    let mut split = SplitFilter {
        range: TimeRange::ALL,
        pushed: Pushed::All,
        residual: None,
    };
    let range = filter.time_range();
    match nanos_range(range) {
        Some(range) => split.range = range,
        None => split.pushed = Pushed::None,
    }
    let parts = match filter {
        Filter::And(filters) => filters.as_slice(),
        filter => std::slice::from_ref(filter),
    };
    let mut residual = Vec::new();
    for part in parts.iter().filter(|part| !matches!(part, Filter::Time(_))) {
        match push(part) {
            Some(pushed) => split.pushed = split.pushed.and(pushed),
            None => residual.push(part.clone()),
        }
    }
    if !residual.is_empty() {
        split.residual = Some(Filter::and(residual));
    }
    split
}

/// Times of spans in a range of the language; `None` where there can be none.
fn nanos_range(range: value::TimeRange) -> Option<TimeRange> {
    if range.is_empty() || range.end < 0 {
        return None;
    }
    let start = UnixNanos(u64::try_from(range.start).unwrap_or(0));
    let end = match range.end {
        i64::MAX => UnixNanos::MAX,
        end => UnixNanos(u64::try_from(end).unwrap_or(0)),
    };
    Some(TimeRange::new(start, end))
}

/// The filter as storage evaluates it; `None` for what needs a row.
pub(super) fn push(filter: &Filter) -> Option<Pushed> {
    Some(match filter {
        Filter::Any => Pushed::All,
        Filter::And(filters) => filters.iter().try_fold(Pushed::All, |all, f| Some(all.and(push(f)?)))?,
        Filter::Or(filters) => any(filters.iter().map(push).collect::<Option<_>>()?),
        Filter::Not(filter) => !push(filter)?,
        Filter::Stream(selector) => stream(selector),
        Filter::Time(time) => during(time.range),
        Filter::Field(name, test) => {
            let test = text_filter(test)?;
            let field = Field::of(name);
            match (&field, field.constant()) {
                (_, Some(constant)) => always(test.matches(constant)),
                (Field::Column(column) | Field::AnyOf(column), _) => {
                    Pushed::Test(column.clone(), Predicate::Field(test))
                }
                _ => return None,
            }
        }
        Filter::StreamId(_) | Filter::DayRange(_) | Filter::WeekRange(_) => return None,
    })
}

fn always(holds: bool) -> Pushed {
    if holds { Pushed::All } else { Pushed::None }
}

/// Alternatives, those that are known left out.
fn any(filters: Vec<Pushed>) -> Pushed {
    if filters.contains(&Pushed::All) {
        return Pushed::All;
    }
    Pushed::any(filters.into_iter().filter(|filter| *filter != Pushed::None).collect())
}

fn during(range: value::TimeRange) -> Pushed {
    if range.is_empty() {
        return Pushed::None;
    }
    let bounds = Predicate::Int {
        min: range.start.into(),
        max: range.end.into(),
    };
    Pushed::Test(Column::Field(SpanField::Start), bounds)
}

fn stream(selector: &StreamSelector) -> Pushed {
    if selector.any_of.is_empty() {
        return Pushed::All;
    }
    let all_of = |tests: &Vec<StreamTest>| tests.iter().map(label).fold(Pushed::All, Pushed::and);
    any(selector.any_of.iter().map(all_of).collect())
}

/// The test of one label; all but two labels are missing in every stream.
fn label(test: &StreamTest) -> Pushed {
    let (negated, text) = match &test.test {
        StreamMatch::Equal(value) => (false, TextFilter::Exact(value.clone())),
        StreamMatch::NotEqual(value) => (true, TextFilter::Exact(value.clone())),
        StreamMatch::Regexp(regexp) => (false, TextFilter::Regexp(regexp.clone())),
        StreamMatch::NotRegexp(regexp) => (true, TextFilter::Regexp(regexp.clone())),
    };
    let holds = match Stream::label_column(&test.label) {
        Some(column) => Pushed::Test(column, Predicate::Field(text)),
        None => always(text.matches("")),
    };
    if negated { !holds } else { holds }
}
