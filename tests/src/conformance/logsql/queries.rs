//! Tables about queries and filters: tokens, single filters, time ranges, and what is decided on the tree of a query.

use serde_json::value::RawValue;
use vtselect::logsql::ast::{FieldTest, Filter, Query, Values};
use vtselect::logsql::parse::tokens;
use vtselect::logsql::pattern::{parse_pattern, parse_template};
use vtselect::logsql::rewrite::{StatsColumns, StatsQueryError};
use vtselect::logsql::value::parse_rfc3339;
use vtselect::logsql::{parse_filter, parse_query};

use super::super::Outcome;
use super::tables::Tables;
use super::{CONTEXT, Members, same_number};

pub(super) const TABLES: Tables = &[
    ("TestLexer", |args| {
        Outcome::equal(tokens(args.text("s")), args.list("tokensExpected"))
    }),
    ("TestParseAnyCaseFilterPhrase", |args| {
        field_filter(args, "phraseExpected")
    }),
    ("TestParseAnyCaseFilterPrefix", |args| {
        field_filter(args, "prefixExpected")
    }),
    ("TestParseFilterPhrase", |args| field_filter(args, "phraseExpected")),
    ("TestParseFilterPrefix", |args| field_filter(args, "prefixExpected")),
    ("TestParseFilterValueType", |args| {
        field_filter(args, "valueTypeExpected")
    }),
    ("TestParseFilterContainsAll", |args| field_list(args, "valuesExpected")),
    ("TestParseFilterContainsAny", |args| field_list(args, "valuesExpected")),
    ("TestParseFilterIn", |args| field_list(args, "valuesExpected")),
    ("TestParseFilterSequence", |args| field_list(args, "phrasesExpected")),
    ("TestParseFilterStringRange", string_range),
    ("TestParseFilterRegexp", regexp),
    ("TestParseFilterIPv4Range", number_range),
    ("TestParseRangeFilter", number_range),
    ("TestParseTimeDuration", time_duration),
    ("TestParseTimeRange", time_range),
    ("TestParseDayRange", day_range),
    ("TestParseWeekRange", week_range),
    ("TestParsePatternFailure", |args| {
        let parsed = parse_pattern(args.text("patternStr"));
        Outcome::check(parsed.is_err(), || format!("accepted as {parsed:?}"))
    }),
    ("TestParsePatternStepsSuccess", pattern_steps),
    ("TestNewTestStreamFilterSuccess", |args| {
        let printed = stream_filter(args, "s").map(|filter| filter.to_string());
        Outcome::equal(printed.as_deref(), Some(args.text("resultExpected")))
    }),
    ("TestNewTestStreamFilterFailure", |args| {
        let parsed = stream_filter(args, "s");
        Outcome::check(parsed.is_none(), || format!("accepted as {parsed:?}"))
    }),
    ("TestStreamFilterMatchStreamName", |args| {
        match stream_filter(args, "filter") {
            Some(Filter::Stream(selector)) => same_truth(selector.matches_name(args.text("streamName")), args),
            other => Outcome::Failed(format!("parsed as {other:?}")),
        }
    }),
    ("TestQueryCanLiveTail", |args| {
        with_query(args, |query| same_truth(query.can_live_tail(), args))
    }),
    ("TestQueryCanReturnLastNResults", |args| {
        with_query(args, |query| same_truth(query.can_return_last_rows(), args))
    }),
    ("TestQueryHasGlobalTimeFilter", |args| {
        with_query(args, |query| same_truth(query.has_time_filter(), args))
    }),
    ("TestQueryGetFilterTimeRange", |args| {
        with_query(args, |query| {
            range_of(&query.filter, args, "startExpected", "endExpected")
        })
    }),
    ("TestQueryDropAllPipes", |args| {
        changed(args, |query| {
            query.drop_pipes();
            Ok(())
        })
    }),
    ("TestQuery_AddExtraFilters", |args| {
        changed(args, |query| {
            let extra = parse_filter(args.text("extraFilters"), &CONTEXT).map_err(|error| error.to_string())?;
            query.add_filter(&extra);
            Ok(())
        })
    }),
    ("TestQuery_AddTimeFilter", |args| {
        changed(args, |query| {
            let bound = |text| parse_rfc3339(text).ok_or("a bound was refused");
            query.add_time_filter(bound("2024-12-25T14:56:43Z")?, bound("2025-01-13T12:45:34Z")?);
            Ok(())
        })
    }),
    ("TestQueryGetStatsByFields_Success", |args| {
        with_query(args, |query| labels(query.stats_columns(), args))
    }),
    ("TestQueryGetStatsByFields_Failure", |args| {
        no_labels(args, Query::stats_columns)
    }),
    ("TestQueryGetStatsByFieldsAddGroupingByTime_Success", |args| {
        with_query(args, |mut query| {
            let columns = query.stats_columns_by_step(args.number("step") as i64);
            match labels(columns, args) {
                Outcome::Passed => Outcome::equal(query.to_string().as_str(), args.text("qExpected")),
                other => other,
            }
        })
    }),
    ("TestQueryGetStatsByFieldsAddGroupingByTime_Failure", |args| {
        no_labels(args, |query| query.clone().stats_columns_by_step(86_400_000_000_000))
    }),
];

fn with_query(args: &Members<'_>, check: impl FnOnce(Query) -> Outcome) -> Outcome {
    match parse_query(args.text("qStr"), &CONTEXT) {
        Ok(query) => check(query),
        Err(error) => Outcome::Failed(format!("refused: {}", error.reason())),
    }
}

fn with_filter(filter: &str, check: impl FnOnce(Filter) -> Outcome) -> Outcome {
    match parse_filter(filter, &CONTEXT) {
        Ok(filter) => check(filter),
        Err(error) => Outcome::Failed(format!("refused: {}", error.reason())),
    }
}

fn same_truth(found: bool, args: &Members<'_>) -> Outcome {
    Outcome::equal(Some(found), args.get("resultExpected"))
}

/// A change of a query, and its text after it.
fn changed(args: &Members<'_>, change: impl FnOnce(&mut Query) -> Result<(), String>) -> Outcome {
    with_query(args, |mut query| match change(&mut query) {
        Ok(()) => Outcome::equal(query.to_string().as_str(), args.text("resultExpected")),
        Err(error) => Outcome::Failed(error),
    })
}

fn labels(columns: Result<StatsColumns, StatsQueryError>, args: &Members<'_>) -> Outcome {
    match columns {
        Ok(columns) => Outcome::equal(columns.labels, args.list("fieldsExpected")),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// A query that must be refused, by the parser or for its shape.
fn no_labels(args: &Members<'_>, columns: impl FnOnce(&Query) -> Result<StatsColumns, StatsQueryError>) -> Outcome {
    match parse_query(args.text("qStr"), &CONTEXT).map(|query| columns(&query)) {
        Ok(Ok(columns)) => Outcome::Failed(format!("accepted with {columns:?}")),
        _ => Outcome::Passed,
    }
}

/// A filter on a field with one string.
fn field_filter(args: &Members<'_>, expected: &str) -> Outcome {
    let expected = (args.text("fieldNameExpected"), args.text(expected));
    with_filter(args.text("s"), |filter| match &filter {
        Filter::Any => Outcome::equal(("", ""), expected),
        Filter::Field(
            field,
            FieldTest::Phrase(value)
            | FieldTest::Prefix(value)
            | FieldTest::AnyCasePhrase(value)
            | FieldTest::AnyCasePrefix(value)
            | FieldTest::ValueType(value),
        ) => Outcome::equal((field.as_str(), value.as_str()), expected),
        other => Outcome::Failed(format!("parsed as {other:?}")),
    })
}

/// A filter on a field with a list of strings; the values of a subquery are not known.
fn field_list(args: &Members<'_>, expected: &str) -> Outcome {
    let expected = (args.text("fieldNameExpected").to_owned(), args.list(expected));
    with_filter(args.text("s"), |filter| match filter {
        Filter::Field(field, FieldTest::Sequence(values)) => Outcome::equal((field, values), expected),
        Filter::Field(field, FieldTest::In(v) | FieldTest::ContainsAll(v) | FieldTest::ContainsAny(v)) => {
            let values = match v {
                Values::List(values) => values,
                Values::Query(_) => Vec::new(),
            };
            Outcome::equal((field, values), expected)
        }
        other => Outcome::Failed(format!("parsed as {other:?}")),
    })
}

fn string_range(args: &Members<'_>) -> Outcome {
    let expected = (
        args.text("fieldNameExpected"),
        args.text("minValueExpected"),
        Some(args.text("maxValueExpected")),
    );
    with_filter(args.text("s"), |filter| match &filter {
        Filter::Field(field, FieldTest::StringRange(range)) => {
            Outcome::equal((field.as_str(), range.min.as_str(), range.max.as_deref()), expected)
        }
        other => Outcome::Failed(format!("parsed as {other:?}")),
    })
}

fn regexp(args: &Members<'_>) -> Outcome {
    with_filter(&format!("re({})", args.text("s")), |filter| match &filter {
        Filter::Field(_, FieldTest::Regexp(regexp)) => Outcome::equal(regexp.text(), args.text("reExpected")),
        other => Outcome::Failed(format!("parsed as {other:?}")),
    })
}

fn number_range(args: &Members<'_>) -> Outcome {
    with_filter(args.text("s"), |filter| {
        let (field, min, max) = match &filter {
            Filter::Field(field, FieldTest::Range(range)) => (field, range.min, range.max),
            Filter::Field(field, FieldTest::Ipv4Range(range)) => (field, range.min.into(), range.max.into()),
            other => return Outcome::Failed(format!("parsed as {other:?}")),
        };
        let expected = (
            args.text("fieldNameExpected"),
            args.number("minValueExpected"),
            args.number("maxValueExpected"),
        );
        Outcome::equal((field.as_str(), min, max), expected)
    })
}

fn time_duration(args: &Members<'_>) -> Outcome {
    with_filter(&format!("_time:{}", args.text("s")), |filter| {
        let range = filter.time_range();
        same_number(range.end.abs_diff(range.start) as f64, args.number("durationExpected"))
    })
}

fn time_range(args: &Members<'_>) -> Outcome {
    let filter = args.text("s");
    if filter.starts_with('<') && filter.contains("offset") && args.number("minTimestampExpected") > 0.0 {
        return Outcome::Skipped(
            "the expected start is an overflow of the reference; here it stays unbounded".to_owned(),
        );
    }
    with_filter(&format!("_time:{filter}"), |filter| {
        range_of(&filter, args, "minTimestampExpected", "maxTimestampExpected")
    })
}

fn range_of(filter: &Filter, args: &Members<'_>, start: &str, end: &str) -> Outcome {
    let range = filter.time_range();
    Outcome::equal(
        (range.start as f64, range.end as f64),
        (args.number(start), args.number(end)),
    )
}

fn day_range(args: &Members<'_>) -> Outcome {
    with_filter(&format!("_time:day_range{}", args.text("s")), |filter| match &filter {
        Filter::DayRange(range) => {
            let expected = ["startExpected", "endExpected", "offsetExpected"].map(|key| args.number(key));
            Outcome::equal([range.start, range.end, range.offset].map(|ns| ns as f64), expected)
        }
        other => Outcome::Failed(format!("parsed as {other:?}")),
    })
}

fn week_range(args: &Members<'_>) -> Outcome {
    let day = |key| {
        [
            "Sunday",
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
        ]
        .iter()
        .position(|d| *d == args.text(key))
    };
    with_filter(&format!("_time:week_range{}", args.text("s")), |filter| match &filter {
        Filter::WeekRange(range) => {
            let found = (
                usize::try_from(range.start).ok(),
                usize::try_from(range.end).ok(),
                range.offset as f64,
            );
            Outcome::equal(
                found,
                (
                    day("startDayExpected"),
                    day("endDayExpected"),
                    args.number("offsetExpected"),
                ),
            )
        }
        other => Outcome::Failed(format!("parsed as {other:?}")),
    })
}

/// Steps are in the data only as an empty list; what else there may be has no form that is known here.
fn pattern_steps(args: &Members<'_>) -> Outcome {
    let expected = args.get("stepsExpected").map(|steps: Vec<&RawValue>| steps.len());
    match (parse_template(args.text("s")), expected) {
        (Ok(steps), Some(expected)) => Outcome::equal(steps.len(), expected),
        (Err(error), _) => Outcome::Failed(error.to_string()),
        (Ok(_), None) => Outcome::Skipped("steps in a form that is not known".to_owned()),
    }
}

fn stream_filter(args: &Members<'_>, key: &str) -> Option<Filter> {
    parse_filter(args.text(key), &CONTEXT)
        .ok()
        .filter(|filter| matches!(filter, Filter::Stream(_)))
}
