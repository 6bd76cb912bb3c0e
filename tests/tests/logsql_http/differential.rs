//! Random queries over random spans: what the engine answers against the meaning of the language, which is the filter and
//! the pipes executed over the rows of all spans.

use super::target::Target;
use common::contract::QueryContext;
use common::ids::TenantId;
use common::span::{Resource, Scope, Span};
use common::value::{AttrValue, Attribute};
use std::collections::BTreeMap;
use std::sync::Arc;
use tests::contract_suite::{Random, World, encode};
use vtselect::logsql::exec::filters::RowFilter;
use vtselect::logsql::exec::{ExecContext, Flow, Pipeline, Rows};
use vtselect::logsql::fields::{StreamTexts, span_rows};
use vtselect::logsql::{ParseContext, parse_query};

const ACCOUNT: u32 = 5;
const REQUESTS: u64 = 6;
const QUERIES: u64 = 150;

/// A row as an answer shows it.
type Shown = BTreeMap<String, String>;

/// How many rounds to run, where it is not [`ROUNDS`].
const ROUNDS_VARIABLE: &str = "DIFFERENTIAL_ROUNDS";
const ROUNDS: u64 = 4;

#[test]
fn heads_answer_as_the_language_says() {
    (1..=rounds()).for_each(|round| one_round(2 * round, false));
}

#[test]
fn blocks_answer_as_the_language_says() {
    (1..=rounds()).for_each(|round| one_round(2 * round + 1, true));
}

fn rounds() -> u64 {
    let wanted = std::env::var(ROUNDS_VARIABLE).ok();
    wanted.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}

fn one_round(seed: u64, settle: bool) {
    eprintln!("differential test: seed {seed}, blocks {settle}");
    let target = Target::engine();
    let mut world = World::new(seed);
    let mut all: Vec<Span> = Vec::new();
    for _ in 0..REQUESTS {
        let count = 1 + world.random.below(80);
        let spans: Vec<Span> = plain(world.spans(count), &all);
        target.write_bytes(ACCOUNT, encode(&spans));
        all.extend(spans);
    }
    if settle {
        target.settle();
    }
    let tenant = TenantId::new(ACCOUNT, 0);
    let rows = span_rows(&all, &mut StreamTexts::new(tenant));
    for _ in 0..QUERIES {
        let stream = rows.get("_stream_id", world.random.below(rows.len() as u64) as usize);
        let query = random_query(&mut world.random).replace(SOME_STREAM, stream);
        let expected = sorted(naive(&query, &rows));
        let reply = target.get_as(ACCOUNT, "query", &[("query", &query)]);
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        let lines = reply.body.lines();
        let got: Vec<Shown> = lines.map(|line| serde_json::from_str(line).expect("a row")).collect();
        assert_eq!(sorted(got), expected, "seed {seed}: {query}");
    }
}

fn sorted(mut rows: Vec<Shown>) -> Vec<Shown> {
    rows.sort();
    rows
}

/// The spans without what has no single meaning: repeated spans, and a zero of which there are two.
fn plain(spans: Vec<Span>, earlier: &[Span]) -> Vec<Span> {
    let mut kept: Vec<Span> = Vec::new();
    for mut span in spans {
        let known = |other: &Span| other.identity() == span.identity();
        if earlier.iter().any(known) || kept.iter().any(known) {
            continue;
        }
        simplify(&mut span.attributes);
        span.events.iter_mut().for_each(|event| simplify(&mut event.attributes));
        span.links.iter_mut().for_each(|link| simplify(&mut link.attributes));
        let mut resource = Resource::clone(&span.resource);
        simplify(&mut resource.attributes);
        span.resource = Arc::new(resource);
        let mut scope = Scope::clone(&span.scope);
        simplify(&mut scope.attributes);
        span.scope = Arc::new(scope);
        kept.push(span);
    }
    kept
}

fn simplify(attributes: &mut [Attribute]) {
    for attribute in attributes {
        match &mut attribute.value {
            AttrValue::Map(entries) => simplify(entries),
            AttrValue::Double(0.0) => attribute.value = 0.5.into(),
            _ => {}
        }
    }
}

/// The rows that come out when filter and pipes are executed over all rows.
fn naive(query: &str, rows: &Rows) -> Vec<Shown> {
    let query = parse_query(query, &ParseContext::at(0)).unwrap_or_else(|e| panic!("{e}"));
    let filter = RowFilter::new(&query.filter).expect("a filter without subqueries");
    let mut rows = rows.clone();
    let keep = filter.matches(&rows);
    rows.retain(&keep);
    let context = ExecContext::new(QueryContext::unlimited(), 0);
    let mut pipeline = Pipeline::new(&query.pipes, &context).expect("supported pipes");
    let mut out = Vec::new();
    let mut take = |rows: Rows| {
        for row in 0..rows.len() {
            let pairs = rows
                .pairs(row)
                .map(|(name, value)| (name.to_string(), value.to_string()));
            out.push(pairs.collect::<Shown>());
        }
        Ok(Flow::More)
    };
    pipeline.push(rows, &mut take).expect("rows pass");
    pipeline.finish(&mut take).expect("rows pass");
    out.retain(|row| !row.is_empty());
    out
}

const FIELDS: [&str; 28] = [
    "name",
    "kind",
    "duration",
    "status_code",
    "status_message",
    "trace_id",
    "parent_span_id",
    "trace_state",
    "flags",
    "scope_name",
    "start_time_unix_nano",
    "dropped_events_count",
    "\"span_attr:a\"",
    "\"span_attr:b\"",
    "\"span_attr:http.status_code\"",
    "\"span_attr:\"",
    "\"span_attr:a.k\"",
    "\"span_attr:b.k.k\"",
    "\"span_attr:.k\"",
    "\"resource_attr:service.name.k\"",
    "\"scope_attr:a.k\"",
    "\"event:event_attr:a.k:0\"",
    "\"resource_attr:service.name\"",
    "\"resource_attr:a\"",
    "\"scope_attr:b\"",
    "\"event:event_name:0\"",
    "\"event:event_attr:a:1\"",
    "unknown",
];

/// Fields whose equal values have equal texts, and which have few of them.
const KEYS: [&str; 11] = [
    "name",
    "kind",
    "status_code",
    "scope_name",
    "\"span_attr:a\"",
    "\"span_attr:a.k\"",
    "\"resource_attr:service.name\"",
    "\"resource_attr:b.k\"",
    "\"event:event_name:0\"",
    "_stream",
    "unknown",
];

const TESTS: [&str; 34] = [
    "x",
    "GET",
    "\"GET /\"",
    "x*",
    "\"\"",
    "*",
    "=x",
    "=\"GET /\"",
    "=\"\"",
    "=ca*",
    "~\"^.*[a-t]$\"",
    "~\"\"",
    "~\"1|2\"",
    "in(x,1,\"\",true)",
    "in()",
    ">1",
    ">=2",
    "<2",
    "<=503",
    ">500ms",
    "range(1,200]",
    "range[0,inf)",
    "len_range(1,3)",
    "len_range(0,0)",
    "string_range(a,x)",
    "i(get)",
    "i(W*)",
    "contains_any(x,cart)",
    "contains_all(\"GET\",\"cart\")",
    "seq(GET,cart)",
    "*a*",
    "eq_field(name)",
    "eq_field(\"span_attr:b\")",
    "le_field(flags)",
];

/// Stands for the id of a stream that there is.
const SOME_STREAM: &str = "SOME_STREAM";

const SPECIAL: [&str; 14] = [
    "_stream_id:SOME_STREAM",
    "_stream_id:in(SOME_STREAM, 000000050000000085bd045b70eacc9a841cbf11d4c0e84a)",
    "{name=\"work\"}",
    "{resource_attr:service.name=~\"sh.*|db\"}",
    "{resource_attr:service.name!=\"shop\",name!~\"GET.*\"}",
    "{name=\"x\" or resource_attr:service.name=\"web\"}",
    "{other=\"\"}",
    "_msg:=\"-\"",
    "word",
    "_time:day_range[06:00, 18:00]",
    "_time:week_range[Mon, Fri]",
    "_time:>2000-01-01Z",
    "_time:<2000-01-01Z",
    "*",
];

fn random_filter(random: &mut Random, depth: u64) -> String {
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 => (*random.pick(&SPECIAL)).to_owned(),
        1..5 => format!("{}:{}", random.pick(&FIELDS), random.pick(&TESTS)),
        5 => format!("!({})", random_filter(random, depth - 1)),
        6 => format!(
            "({}) or ({})",
            random_filter(random, depth - 1),
            random_filter(random, depth - 1)
        ),
        _ => format!(
            "({}) ({})",
            random_filter(random, depth - 1),
            random_filter(random, depth - 1)
        ),
    }
}

const FUNCTIONS: [&str; 21] = [
    "count()",
    "count(\"span_attr:a\", status_message)",
    "count_empty(\"span_attr:a\", parent_span_id)",
    "count_uniq(trace_id)",
    "count_uniq(name, \"span_attr:a\")",
    "count_uniq(\"span_attr:b\") limit 3",
    "count_uniq_hash(\"span_attr:b\", kind)",
    "count_uniq(_stream)",
    "sum(duration)",
    "avg(kind, duration)",
    "min(duration)",
    "max(\"span_attr:a\")",
    "min(_time)",
    "max(_time)",
    "min(\"resource_attr:a\", name)",
    "quantile(0.9, duration)",
    "median(\"span_attr:http.status_code\")",
    "sum_len(name, \"span_attr:b\")",
    "rate()",
    "uniq_values(name)",
    "histogram(duration)",
];

fn random_keys(random: &mut Random) -> String {
    let mut keys: Vec<&str> = (0..random.below(3)).map(|_| *random.pick(&KEYS)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.join(", ")
}

fn random_stats(random: &mut Random) -> String {
    let mut by = random_keys(random);
    if random.chance(40) {
        let buckets = [
            "_time:1d",
            "_time:6h offset 1h",
            "_time:month",
            "duration:2s",
            "flags:2",
        ];
        let bucket = random.pick(&buckets);
        by = if by.is_empty() {
            (*bucket).to_owned()
        } else {
            format!("{by}, {bucket}")
        };
    }
    let mut calls = Vec::new();
    for i in 0..1 + random.below(4) {
        let condition = match random.chance(30) {
            true => format!(" if ({})", random_filter(random, 1)),
            false => String::new(),
        };
        calls.push(format!("{}{condition} as r{i}", random.pick(&FUNCTIONS)));
    }
    format!("stats by ({by}) {}", calls.join(", "))
}

fn random_pipes(random: &mut Random) -> String {
    let keys = random_keys(random);
    let keys = if keys.is_empty() { "name".to_owned() } else { keys };
    match random.below(16) {
        14 => "| field_names".to_owned(),
        15 => format!("| facets 1000 max_values_per_field {}", 1 + random.below(50)),
        0 => String::new(),
        1 => format!("| fields _time, {keys}"),
        2 => format!("| uniq by ({keys}) with hits"),
        3 => format!("| top 1000 by ({keys})"),
        4 => format!("| field_values {}", random.pick(&KEYS)),
        5 => format!(
            "| sort by (duration desc) limit {} | fields duration",
            1 + random.below(9)
        ),
        6 => format!("| sort by (_time) limit {} | fields _time", 1 + random.below(9)),
        7 => "| math duration / 1000 + kind as m | fields m, name".to_owned(),
        8 => format!("| filter {} | fields {keys}", random_filter(random, 1)),
        9 => "| delete \"span_attr:a\", trace_id | rename name as n".to_owned(),
        10 => format!("| {} | sort by (r0) | fields r0", random_stats(random)),
        _ => format!("| {}", random_stats(random)),
    }
}

fn random_query(random: &mut Random) -> String {
    format!("{} {}", random_filter(random, 2), random_pipes(random))
}
