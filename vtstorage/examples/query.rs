//! How long queries take in the engine, without a network: loads a corpus if the data directory has no spans yet, then
//! runs a set of searches, look-ups and aggregates many times and prints their median.
//!
//! ```text
//! cargo run --release -p vtstorage --example query -- CORPUS [--runs N] [--only NAME] [--storageDataPath DIR ...]
//! ```
//!
//! A corpus is a file of OTLP messages, each after its length as a little-endian u32; `CORPUS.ids` has a line per sampled
//! trace: id, start in nanoseconds, number of spans, value of `enduser.id`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use clap::Parser;
use common::contract::{BatchWrite, QueryContext, SpanSink, collect};
use common::ids::{RequestId, TenantId, TraceId};
use common::query::logsql::regexp::Regexp;
use common::query::logsql::text::TextFilter;
use common::query::logsql::value::{Bucket, BucketSize};
use common::query::{
    AggregateQuery, Answer, CatalogueQuery, Column, EventField, Filter, Function, FunctionKind, GroupKey, LinkField,
    Order, Plan, Predicate, Projection, RowOrder, RowsQuery, Shape, SpanField, TextMatch,
};
use common::time::{TimeRange, UnixNanos};
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vtstorage::{Engine, StorageConfig};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(clap::Parser)]
struct Args {
    corpus: PathBuf,
    #[arg(long, default_value_t = 50)]
    runs: usize,
    /// Runs only queries whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    storage: StorageConfig,
}

async fn load(engine: &Engine, corpus: &PathBuf) {
    let mut file = std::io::BufReader::new(std::fs::File::open(corpus).expect("corpus"));
    let mut length = [0; 4];
    while file.read_exact(&mut length).is_ok() {
        let mut otlp = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut otlp).expect("message");
        let otlp = Bytes::from(otlp);
        let batch = BatchWrite {
            tenant: TenantId(0),
            request_id: RequestId::of(TenantId(0), &otlp),
            otlp,
        };
        while engine.write(batch.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    engine.force_flush().await.expect("flush");
    while engine.stats().active_merges + engine.stats().pending_merges > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An attribute of any level, as a Jaeger tag is looked for.
fn tag(key: &str, value: &str) -> Filter {
    let columns = [
        Column::span(key),
        Column::scope(key),
        Column::resource(key),
        Column::Event {
            field: EventField::Attr(key.into()),
            index: None,
        },
        Column::Link {
            field: LinkField::Attr(key.into()),
            index: None,
        },
    ];
    let equals = |column| Filter::Test(column, Predicate::Text(TextMatch::Equals(value.into())));
    Filter::any(columns.into_iter().map(equals).collect())
}

fn service(name: &str) -> Filter {
    Filter::text_equals(Column::service(), name)
}

fn number(field: SpanField, min: i128, max: i128) -> Filter {
    Filter::Test(Column::Field(field), Predicate::Int { min, max })
}

fn field(column: Column, text: TextFilter) -> Filter {
    Filter::Test(column, Predicate::Field(text))
}

fn exact(text: &str) -> TextFilter {
    TextFilter::Exact(text.into())
}

fn regexp(text: &str) -> TextFilter {
    TextFilter::Regexp(Regexp::unanchored(text).expect("pattern"))
}

fn function(kind: FunctionKind, columns: Vec<Column>) -> Function {
    Function {
        kind,
        columns,
        condition: None,
    }
}

fn count() -> Function {
    function(FunctionKind::Count, Vec::new())
}

fn p95() -> Function {
    function(FunctionKind::Quantile, vec![Column::Field(SpanField::Duration)])
}

fn of_duration(kind: FunctionKind) -> Function {
    function(kind, vec![Column::Field(SpanField::Duration)])
}

fn users() -> Function {
    function(FunctionKind::CountUniq { limit: 0 }, vec![Column::span("enduser.id")])
}

fn by(column: Column) -> GroupKey {
    GroupKey { column, bucket: None }
}

fn by_minutes(minutes: u32) -> GroupKey {
    let bucket = Bucket {
        size: BucketSize::Number(60e9 * f64::from(minutes)),
        offset: 0.0,
    };
    GroupKey {
        column: Column::Field(SpanField::Start),
        bucket: Some(bucket),
    }
}

struct Sample {
    ids: Vec<TraceId>,
    users: Vec<String>,
    range: TimeRange,
}

fn sample(corpus: &std::path::Path) -> Sample {
    let mut path = corpus.as_os_str().to_owned();
    path.push(".ids");
    let text = std::fs::read_to_string(path).expect("ids");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let starts = lines.iter().map(|line| line[1].parse::<u64>().expect("start"));
    let (first, last) = starts.fold((u64::MAX, 0), |(first, last), at| (first.min(at), last.max(at)));
    Sample {
        ids: lines.iter().map(|line| line[0].parse().expect("id")).collect(),
        users: lines.iter().map(|line| line[3].to_owned()).collect(),
        range: TimeRange::new(UnixNanos(first - 7_200_000_000_000), UnixNanos(last + 60_000_000_000)),
    }
}

fn plans(run: usize, sample: &Sample) -> Vec<(&'static str, Plan)> {
    let shift = run as u64 * 1_000_000_000;
    let range = TimeRange::new(
        UnixNanos(sample.range.start.0 + shift),
        UnixNanos(sample.range.end.0 + shift),
    );
    let tenant = TenantId(0);
    let search = |limit, order, filter| Plan {
        tenant,
        range,
        filter,
        shape: Shape::Search { limit, order },
    };
    let newest = |limit, filter| search(limit, Order::Newest, filter);
    let aggregate = |filter, by, functions| Plan {
        tenant,
        range,
        filter,
        shape: Shape::Aggregate(AggregateQuery { by, functions }),
    };
    let rows = |filter, order, limit| Plan {
        tenant,
        range,
        filter,
        shape: Shape::Rows(RowsQuery {
            projection: Projection::Spans,
            order,
            limit,
        }),
    };
    let cart = || service("cart-service");
    let id = sample.ids[run * 7 % sample.ids.len()];
    let user = &sample.users[run * 7 % sample.users.len()];
    let absent = TraceId((run as u128 + 1).to_be_bytes());
    let contains = Predicate::Text(TextMatch::Contains("/api/v1/orders/4".into()));
    let pattern = Predicate::Text(TextMatch::Regex("orders/[0-9]*77$".into()));
    let operations = CatalogueQuery::Operations {
        service: "cart-service".into(),
        kind: None,
    };
    vec![
        ("trace_by_id", Plan::traces_by_id(tenant, vec![id])),
        ("trace_by_id absent", Plan::traces_by_id(tenant, vec![absent])),
        ("services", Plan::catalogue(tenant, CatalogueQuery::Services)),
        ("operations", Plan::catalogue(tenant, operations)),
        ("search_service", newest(20, cart())),
        (
            "search_operation",
            newest(
                20,
                cart().and(Filter::text_equals(Column::Field(SpanField::Name), "cart.lookup")),
            ),
        ),
        (
            "search_tag_500",
            newest(20, cart().and(tag("http.response.status_code", "500"))),
        ),
        (
            "search_needle_user",
            newest(20, service("frontend-service").and(tag("enduser.id", user))),
        ),
        ("search_needle_absent", newest(20, tag("enduser.id", "nobody"))),
        (
            "search_slow",
            newest(
                20,
                cart().and(number(SpanField::Duration, 500_000_000, i128::from(u64::MAX))),
            ),
        ),
        (
            "search_error_all",
            newest(200, service("gateway-service").and(number(SpanField::StatusCode, 2, 2))),
        ),
        (
            "slowest 20",
            search(
                20,
                Order::Slowest,
                number(SpanField::Duration, 500_000_000, i128::from(u64::MAX)),
            ),
        ),
        (
            "all spans contain",
            newest(20, Filter::Test(Column::span("url.full"), contains)),
        ),
        (
            "all spans regex",
            newest(20, Filter::Test(Column::span("url.full"), pattern)),
        ),
        ("count", aggregate(Filter::All, vec![], vec![count()])),
        (
            "hits per minute",
            aggregate(Filter::All, vec![by_minutes(1)], vec![count()]),
        ),
        (
            "hits per minute where",
            aggregate(
                number(SpanField::Duration, 0, 1 << 60),
                vec![by_minutes(1)],
                vec![count()],
            ),
        ),
        (
            "p95 by service",
            aggregate(Filter::All, vec![by(Column::service())], vec![p95(), count()]),
        ),
        (
            "p95 by route",
            aggregate(
                field(Column::service(), regexp("^(?:c.*)$")).and(!field(Column::span("http.route"), exact(""))),
                vec![
                    by(Column::service()),
                    by(Column::span("http.route")),
                    by(Column::span("http.response.status_code")),
                ],
                vec![p95()],
            ),
        ),
        (
            "count url regex",
            aggregate(
                field(Column::span("url.full"), regexp("orders/[0-9]*77$")),
                vec![],
                vec![count()],
            ),
        ),
        ("distinct users", aggregate(Filter::All, vec![], vec![users()])),
        (
            "distinct users by service",
            aggregate(Filter::All, vec![by(Column::service())], vec![users()]),
        ),
        (
            "count by name",
            aggregate(Filter::All, vec![by(Column::Field(SpanField::Name))], vec![count()]),
        ),
        (
            "count by trace",
            aggregate(Filter::All, vec![by(Column::Field(SpanField::TraceId))], vec![count()]),
        ),
        (
            "p95 by five minutes",
            aggregate(Filter::All, vec![by_minutes(5)], vec![p95()]),
        ),
        (
            "sum and max by name",
            aggregate(
                Filter::All,
                vec![by(Column::Field(SpanField::Name))],
                vec![of_duration(FunctionKind::Sum), of_duration(FunctionKind::Max)],
            ),
        ),
        (
            "count by status 500",
            aggregate(
                field(Column::span("http.response.status_code"), exact("500")),
                vec![by(Column::service()), by_minutes(1)],
                vec![count()],
            ),
        ),
        (
            "count within",
            Plan {
                range: TimeRange::new(UnixNanos(sample.range.end.0 - 600_000_000_000 + shift), range.end),
                ..aggregate(Filter::All, vec![by(Column::service())], vec![count()])
            },
        ),
        (
            "slowest rows",
            rows(
                field(
                    Column::Field(SpanField::Duration),
                    TextFilter::Number {
                        min: 500_000_001.0,
                        max: f64::INFINITY,
                    },
                ),
                RowOrder::ByNumber {
                    column: Column::Field(SpanField::Duration),
                    descending: true,
                },
                Some(20),
            ),
        ),
        ("newest rows", rows(Filter::All, RowOrder::Newest, Some(100))),
        (
            "column rows",
            Plan {
                tenant,
                range,
                filter: Filter::All,
                shape: Shape::Rows(RowsQuery {
                    projection: Projection::Columns(vec![
                        Column::service(),
                        Column::Field(SpanField::Name),
                        Column::Field(SpanField::Duration),
                        Column::span("http.route"),
                    ]),
                    order: RowOrder::Any,
                    limit: None,
                }),
            },
        ),
        (
            "needle rows",
            rows(field(Column::span("enduser.id"), exact(user)), RowOrder::Any, Some(100)),
        ),
        (
            "all rows",
            rows(field(Column::service(), exact("cart-service")), RowOrder::Any, None),
        ),
        (
            "calls",
            Plan {
                tenant,
                range,
                filter: Filter::All,
                shape: Shape::Calls,
            },
        ),
    ]
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let engine = Engine::open(args.storage).expect("open");
    if engine.view().blocks().next().is_none() {
        load(&engine, &args.corpus).await;
    }
    println!("{:?}", engine.stats());
    let sample = sample(&args.corpus);
    for (number, (name, _)) in plans(0, &sample).iter().enumerate() {
        if !name.contains(&args.only) {
            continue;
        }
        let mut times = Vec::new();
        let cpu = cpu_time::ProcessTime::now();
        let mut last = None;
        for run in 0..args.runs {
            let plan = plans(run, &sample).swap_remove(number).1;
            let started = Instant::now();
            let answer = collect(&*engine, plan, QueryContext::unlimited())
                .await
                .expect("answer");
            times.push(started.elapsed().as_secs_f64() * 1e3);
            last = Some(answer);
        }
        let cpu = cpu.elapsed().as_secs_f64() * 1e3 / args.runs as f64;
        let first = times[0];
        times.sort_by(f64::total_cmp);
        println!(
            "{name:<22} p50 {:>8.3} ms  p90 {:>8.3}  first {first:>8.3}  cpu {cpu:>8.3}  {}",
            times[times.len() / 2],
            times[times.len() * 9 / 10],
            last.map(describe).unwrap_or_default()
        );
    }
}

fn describe(answer: Answer) -> String {
    match answer {
        Answer::Traces { found, stats } => {
            format!(
                "{} traces, {} spans, {stats:?}",
                found.len(),
                found.iter().map(|f| f.trace.spans.len()).sum::<usize>()
            )
        }
        Answer::Services(names) => format!("{} services", names.len()),
        Answer::Operations(names) => format!("{} operations", names.len()),
        Answer::AttributeNames(names) => format!("{} names", names.len()),
        Answer::Columns { spans, stats } => format!("{} columns, {stats:?}", spans.len()),
        Answer::Calls { edges, stats } => format!(
            "{} edges, {} calls, {stats:?}",
            edges.len(),
            edges.values().sum::<u64>()
        ),
        Answer::Rows { parts, stats } => {
            format!("{} rows, {stats:?}", parts.iter().map(|part| part.len()).sum::<usize>())
        }
        Answer::Groups { groups, stats } => format!("{} groups, {stats:?}", groups.len()),
    }
}
