//! What a request adds to a query: a time range, filters, and pipes for the answers that count rows.

use super::super::ast::pipes::{GroupBy, Sort, SortField, Stats, StatsCall};
use super::super::ast::{Filter, Pipe, Query, StatsFunc, TimeFilter, stats};
use super::super::value::{TimeRange, format_duration, format_rfc3339, parse_rfc3339, parse_time};

impl TimeFilter {
    /// `_time:[start, end]` for unix nanoseconds; the end covers the unit of its text, so a whole second is covered to
    /// its last nanosecond.
    pub fn between(start: i64, end: i64) -> Self {
        let (start_text, end_text) = (format_rfc3339(start), format_rfc3339(end));
        // A text that a query could not have, such as that of a year before 1677, stands for the exact moment.
        let covered = parse_rfc3339(&end_text).and_then(|_| parse_time(&end_text, 0, 0));
        let end = covered.map_or(end, |time| time.last_ns);
        Self {
            range: TimeRange { start, end },
            text: format!("[{start_text},{end_text}]"),
        }
    }
}

impl Query {
    /// Adds a time filter to this query and all queries inside it, except where the options say to ignore it.
    pub fn add_time_filter(&mut self, start: i64, end: i64) {
        let filter = Filter::Time(TimeFilter::between(start, end));
        self.for_each_query(&mut |query| {
            if query.options.ignore_global_time_filter != Some(true) {
                query.prepend(filter.clone());
            }
        });
    }

    /// Adds a filter to this query and all queries inside it.
    pub fn add_filter(&mut self, filter: &Filter) {
        self.for_each_query(&mut |query| query.prepend(filter.clone()));
    }

    fn prepend(&mut self, filter: Filter) {
        let own = std::mem::replace(&mut self.filter, Filter::Any);
        self.filter = Filter::and(vec![filter, own]);
    }

    /// Adds the pipes that count rows per step of time and per values of fields, in an order that does not depend on
    /// chance: `stats by (_time:step offset o, fields) count() as hits | sort by (_time, fields)`. Step and offset are
    /// nanoseconds.
    pub fn add_hits(&mut self, step: i64, offset: i64, fields: &[String]) {
        let offset = (offset != 0).then(|| format_duration(offset));
        let time = GroupBy::bucketed("_time", &format_duration(step), offset.as_deref())
            .unwrap_or_else(|| GroupBy::field("_time"));
        let by: Vec<_> = [time].into_iter().chain(fields.iter().map(GroupBy::field)).collect();
        let order = by
            .iter()
            .map(|by| SortField {
                name: by.field.clone(),
                descending: false,
            })
            .collect();
        let count = StatsFunc::Count(stats::Fields::all());
        let calls = vec![StatsCall {
            func: count,
            condition: None,
            result: "hits".to_owned(),
        }];
        self.pipes.push(Pipe::Stats(Stats { by, calls }));
        self.pipes.push(Pipe::Sort(Sort {
            by: order,
            ..Sort::default()
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{ParseContext, parse_filter, parse_query};
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn query(s: &str) -> Query {
        parse_query(s, &ParseContext::at(0)).expect(s)
    }

    #[test]
    fn the_end_covers_the_unit_of_its_text() {
        let end = |ns| TimeFilter::between(0, ns).range.end;
        assert_eq!(end(5 * SECOND), 6 * SECOND - 1);
        assert_eq!(end(5 * SECOND + 123_000_000), 5 * SECOND + 123_999_999);
        assert_eq!(end(5 * SECOND + 120_000_000), 5 * SECOND + 120_000_000);
        assert_eq!(end(i64::MAX), i64::MAX);
        assert_eq!(
            TimeFilter::between(i64::MIN, i64::MIN).range,
            TimeRange {
                start: i64::MIN,
                end: i64::MIN
            }
        );
    }

    #[test]
    fn time_filters_reach_subqueries_that_want_them() {
        let mut query = query("a:in(b | keep a) | union (options(ignore_global_time_filter=1) c)");
        query.add_time_filter(0, 1);
        let time = "_time:[1970-01-01T00:00:00Z,1970-01-01T00:00:00.000000001Z]";
        let expected = format!("{time} a:in({time} b | fields a) | union (options(ignore_global_time_filter=true) c)");
        assert_eq!(query.to_string(), expected);
        assert!(query.has_time_filter());
    }

    #[test]
    fn a_filter_with_a_subquery_is_added_once_per_query() {
        let mut query = query("a | join by (x) (b)");
        let extra = parse_filter("t:in(c | keep t)", &ParseContext::at(0)).expect("a filter");
        query.add_filter(&extra);
        assert_eq!(
            query.to_string(),
            "t:in(c | fields t) a | join by (x) (t:in(c | fields t) b)"
        );
    }

    #[test]
    fn hits_are_counted_by_time_and_fields() {
        let mut query = query("a | stats count()");
        query.drop_pipes();
        query.add_hits(3_600 * SECOND, -SECOND, &["x:y".to_owned()]);
        assert_eq!(
            query.to_string(),
            "a | stats by (_time:1h offset -1s, \"x:y\") count(*) as hits | sort by (_time, \"x:y\")"
        );
        let again = parse_query(&query.to_string(), &ParseContext::at(0)).expect("canonical");
        assert_eq!(again, query);
    }
}
