//! The parameters of `GET /api/traces`, lowered to what to ask the store.

use super::envelope::ApiError;
use super::ids::parse_trace_id;
use super::params;
use super::tags::tag_filter;
use crate::http::Params;
use common::ids::{TenantId, TraceId};
use common::query::{Column, Filter, Order, Plan, Predicate, Shape, SpanField};
use common::time::{TimeRange, UnixNanos};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// Traces that a search returns where `limit` is not given.
const DEFAULT_LIMIT: usize = 100;
/// How far back a search looks where `start` is not given.
const DEFAULT_LOOKBACK: Duration = Duration::from_secs(2 * 24 * 3600);
/// The last nanosecond of a microsecond: `end` includes the whole of it, since answers show whole microseconds.
const LAST_NANO: u64 = 999;

/// A search request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchRequest {
    pub what: Wanted,
    /// As stored, without adjustments.
    pub raw: bool,
}

/// The traces that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// Those of these ids, without repetitions; all other conditions are ignored.
    Ids(Vec<TraceId>),
    Matching(Box<Plan>),
}

/// Reads the parameters; `now` stands in for a missing `end`.
pub(crate) fn parse(
    query: &Params,
    tenant: TenantId,
    now: UnixNanos,
    max_traces: usize,
) -> Result<SearchRequest, ApiError> {
    let range = time_range(query, now)?;
    let mut filter = Filter::All;
    if let Some(service) = query.get("service") {
        filter = filter.and(Filter::text_equals(Column::service(), service));
    }
    if let Some(operation) = query.get("operation") {
        filter = filter.and(Filter::text_equals(Column::Field(SpanField::Name), operation));
    }
    filter = filter.and(duration_filter(query)?);
    for (key, value) in tags(query)? {
        filter = filter.and(tag_filter(&key, &value)?);
    }
    let limit = limit(query, max_traces)?;
    let raw = params::boolean(query, "raw")?;
    let ids = trace_ids(query, max_traces)?;
    if !ids.is_empty() {
        return Ok(SearchRequest {
            what: Wanted::Ids(ids),
            raw,
        });
    }
    if range.is_empty() {
        return Err(ApiError::bad_request(
            "invalid parameter: start time must be before end time",
        ));
    }
    let plan = Plan {
        tenant,
        range,
        filter,
        shape: Shape::Search {
            limit,
            order: Order::Newest,
        },
    };
    Ok(SearchRequest {
        what: Wanted::Matching(Box::new(plan)),
        raw,
    })
}

/// `start` and `end` in microseconds.
fn time_range(query: &Params, now: UnixNanos) -> Result<TimeRange, ApiError> {
    let start = match params::unsigned(query, "start")? {
        Some(micros) => UnixNanos::from_micros(micros),
        None => now.saturating_sub(DEFAULT_LOOKBACK),
    };
    let end = match params::unsigned(query, "end")? {
        Some(micros) => UnixNanos(UnixNanos::from_micros(micros).0.saturating_add(LAST_NANO)),
        None => now,
    };
    Ok(TimeRange::new(start, end))
}

fn duration_filter(query: &Params) -> Result<Filter, ApiError> {
    let min = params::go_duration(query, "minDuration")?;
    let max = params::go_duration(query, "maxDuration")?;
    if min != 0 && max != 0 && max < min {
        return Err(ApiError::bad_request(
            "'maxDuration' should be greater than 'minDuration'",
        ));
    }
    if min == 0 && max == 0 {
        return Ok(Filter::All);
    }
    let max = if max == 0 {
        i128::from(u64::MAX)
    } else {
        i128::from(max)
    };
    Ok(Filter::Test(
        Column::Field(SpanField::Duration),
        Predicate::Int {
            min: i128::from(min),
            max,
        },
    ))
}

/// All tags by key: `tag=key:value`, then `tags={"key":"value"}`; the later one wins.
fn tags(query: &Params) -> Result<BTreeMap<String, String>, ApiError> {
    let mut all = BTreeMap::new();
    for tag in query.all("tag") {
        let Some((key, value)) = tag.split_once(':') else {
            let message = format!("malformed 'tag' parameter, expecting key:value, received: {tag}");
            return Err(ApiError::bad_request(message));
        };
        all.insert(key.to_owned(), value.to_owned());
    }
    for text in query.all("tags").filter(|text| !text.is_empty()) {
        let map: Option<BTreeMap<String, String>> = serde_json::from_str(text).map_err(|e| {
            ApiError::bad_request(format!(
                "malformed 'tags' parameter, expecting a JSON object of strings: {e}"
            ))
        })?;
        all.extend(map.unwrap_or_default());
    }
    Ok(all)
}

fn limit(query: &Params, max_traces: usize) -> Result<usize, ApiError> {
    let Some(limit) = params::integer(query, "limit")? else {
        return Ok(DEFAULT_LIMIT.min(max_traces));
    };
    match usize::try_from(limit) {
        Ok(limit) if limit > max_traces => Err(ApiError::bad_request(format!(
            "invalid parameter: limit {limit} is above --search.maxTraces={max_traces}"
        ))),
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(ApiError::bad_request("invalid parameter: limit must be greater than 0")),
    }
}

fn trace_ids(query: &Params, max_traces: usize) -> Result<Vec<TraceId>, ApiError> {
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    for text in query.all("traceID") {
        let id = parse_trace_id(text).map_err(|e| ApiError::bad_request(format!("cannot parse traceID param: {e}")))?;
        if seen.insert(id) {
            ids.push(id);
        }
        if ids.len() > max_traces {
            return Err(ApiError::bad_request(format!(
                "invalid parameter: more traceIDs than --search.maxTraces={max_traces}"
            )));
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::query::TextMatch;

    /// Whether a filter is the equality of a column's text form.
    fn is_equality(filter: &Filter, column: &Column, value: &str) -> bool {
        matches!(filter, Filter::Test(c, Predicate::Text(TextMatch::Equals(v))) if c == column && **v == *value)
    }

    const NOW: UnixNanos = UnixNanos(1_000_000_000_000_000_000);

    fn read(query: &str) -> Result<SearchRequest, String> {
        parse(&Params::parse(Some(query)), TenantId::default(), NOW, 500).map_err(|e| {
            assert_eq!(e.status, axum::http::StatusCode::BAD_REQUEST);
            e.message
        })
    }

    fn plan(query: &str) -> Plan {
        match read(query).unwrap().what {
            Wanted::Matching(plan) => *plan,
            Wanted::Ids(ids) => panic!("not a search: {ids:?}"),
        }
    }

    #[test]
    fn defaults_are_two_days_and_a_hundred_traces() {
        let plan = plan("");
        assert_eq!(plan.range, TimeRange::new(UnixNanos(NOW.0 - 172_800_000_000_000), NOW));
        assert_eq!(
            plan.shape,
            Shape::Search {
                limit: 100,
                order: Order::Newest
            }
        );
        assert_eq!(plan.filter, Filter::All);
    }

    #[test]
    fn every_condition_is_on_one_span() {
        let plan = plan(concat!(
            "service=shop&operation=GET+%2F&start=10&end=20&limit=7&minDuration=1ms&maxDuration=1.5s",
            "&tag=a:b:c&tags=%7B%22a%22%3A%22x%22%7D&lookback=1h"
        ));
        assert_eq!(plan.range, TimeRange::new(UnixNanos(10_000), UnixNanos(20_999)));
        assert_eq!(
            plan.shape,
            Shape::Search {
                limit: 7,
                order: Order::Newest
            }
        );
        let Filter::And(all) = plan.filter else {
            panic!("{:?}", plan.filter)
        };
        assert!(is_equality(&all[0], &Column::service(), "shop"));
        assert!(is_equality(&all[1], &Column::Field(SpanField::Name), "GET /"));
        let duration = Predicate::Int {
            min: 1_000_000,
            max: 1_500_000_000,
        };
        assert_eq!(all[2], Filter::Test(Column::Field(SpanField::Duration), duration));
        let Filter::Or(levels) = &all[3] else {
            panic!("{:?}", all[3])
        };
        assert!(is_equality(&levels[0], &Column::span("a"), "x"));
        assert_eq!((all.len(), levels.len()), (4, 5));
    }

    #[test]
    fn ids_win_over_conditions() {
        let request = read("traceID=1&traceID=AAAAAAAAAP8=&traceID=01&service=x&raw=true").unwrap();
        let ids = vec![TraceId(1u128.to_be_bytes()), TraceId(255u128.to_be_bytes())];
        assert_eq!(
            request,
            SearchRequest {
                what: Wanted::Ids(ids),
                raw: true
            }
        );
    }

    #[test]
    fn bad_parameters_are_refused_by_name() {
        for (query, message) in [
            (
                "start=x",
                "unable to parse param 'start': expected a whole number, got \"x\"",
            ),
            (
                "minDuration=5",
                "unable to parse param 'minDuration': expected a duration",
            ),
            (
                "minDuration=2s&maxDuration=1s",
                "'maxDuration' should be greater than 'minDuration'",
            ),
            ("tag=a", "malformed 'tag' parameter, expecting key:value, received: a"),
            ("tags=%7B%22a%22%3A1%7D", "malformed 'tags' parameter"),
            ("tags=x", "malformed 'tags' parameter"),
            ("limit=0", "limit must be greater than 0"),
            ("limit=501", "limit 501 is above --search.maxTraces=500"),
            ("limit=9999999999999999999", "unable to parse param 'limit'"),
            ("traceID=x", "cannot parse traceID param"),
            ("traceID=", "cannot parse traceID param"),
            ("raw=maybe", "unable to parse param 'raw'"),
            ("start=20&end=10", "start time must be before end time"),
            ("tag=a:~(", "bad regular expression"),
        ] {
            let error = read(query).unwrap_err();
            assert!(error.contains(message), "{query}: {error}");
        }
    }
}
