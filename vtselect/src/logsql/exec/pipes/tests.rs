//! What holds for all pipes; the meaning of each is in the conformance data.

use std::sync::Arc;
use std::time::Duration;

use common::contract::QueryContext;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::super::ast::Query;
use super::super::super::parse::{ParseContext, parse_pipe, parse_query};
use super::super::{ExecContext, ExecError, Flow, Out, Pipeline, Rows, Subqueries};

const NOW: i64 = 1_700_000_000_000_000_000;
const FIELDS: [&str; 6] = ["_time", "_msg", "a", "ab", "b", "x"];

/// Pipes whose result depends on nothing but the rows and their order.
const PIPES: &[&str] = &[
    "coalesce(x, a*) default none as c",
    "collapse_nums",
    "collapse_nums if (a:*) at b prettify",
    "copy a as b, x as y",
    "copy a* as c*",
    "decolorize",
    "delete a, x*",
    "drop_empty_fields",
    "extract '<a>=<b> ' keep_original_fields",
    "extract if (b:1) '<x>a<_>' from b skip_empty_results",
    "extract_regexp '(?P<a>[0-9]+)(?P<q>.)?'",
    "facets 2 max_values_per_field 4 max_value_len 9",
    "facets keep_const_fields",
    "field_names",
    "field_values a",
    "field_values b limit 2",
    "fields x, a*",
    "filter a:* !b:1",
    "first 3 by (a desc, b) rank",
    "first 2 by (x) partition by (a)",
    "format '<uc:a>-<q:_msg>-<hexencode:b>' as a",
    "format if (x:*) '<time:a><duration:b>' keep_original_fields",
    "generate_sequence 3",
    "hash(a) as h",
    "join by (a) (x) prefix p_",
    "join by (a, b) (x) inner",
    "json_array_concat ',' from _msg as j",
    "json_array_len(_msg) as l",
    "last 2 by (_time)",
    "last",
    "len(b)",
    "limit 4",
    "math a + b * 2 as s, round(s, 0.1) default -1 as r, max(a, b) ^ 2 & 7",
    "offset 3",
    "pack_json as p",
    "pack_logfmt fields (a*, _msg)",
    "rename a as b, x as y",
    "rename a* as *",
    "replace ('1', '<one>') at a limit 1",
    "replace_regexp if (b:*) ('(.)a', '$1-$1')",
    "running_stats by (x) count() c, sum(a, b) s, min(a) lo, max(b) hi, first(a) f, last(b) offset 1 l",
    "sort",
    "sort by (a, b desc) desc rank as r",
    "sort by (b) offset 2",
    "sort by (_time desc, a) limit 3 offset 1",
    "sort by (a) partition by (b) limit 1 rank",
    "split 1 from b as parts",
    "stats by (_time:1d, b:5 offset 1) sum(a) s, avg(b) if (a:*) v, count_uniq(x) u",
    "stats by (a) count(b) c, min(b) lo, max(b) hi, quantile(0.5, b) q, row_any(x) r, values(b) vs, uniq_values(ab) uv",
    "stats count() c, count_empty(a) e, sum_len(_msg) l, row_max(b, a) m, json_values(a, b) j, rate() r",
    "time_add 1h",
    "top 3 by (a)",
    "top by (b, x) rank",
    "total_stats by (a) count(b) c, max(x) m",
    "union (x)",
    "uniq by (a)",
    "uniq by (a, b) with hits",
    "uniq by (b) with hits limit 2",
    "uniq by (x) limit 1",
    "unpack_json",
    "unpack_json fields (a, q*) result_prefix z_ skip_empty_results",
    "unpack_logfmt if (a:*) keep_original_fields",
    "unpack_words as w drop_duplicates",
    "unroll (_msg, a)",
];

/// Answers every subquery with the same rows.
struct SameRows;

impl Subqueries for SameRows {
    fn run(&self, _: &Query, out: &mut Out<'_>) -> Result<(), ExecError> {
        out(rows_of(&[
            ["", "m", "1", "", "2", "r"],
            ["", "n", "1", "k", "", ""],
            ["", "", "", "", "", "s"],
        ]))?;
        Ok(())
    }
}

fn context() -> ExecContext {
    ExecContext {
        subqueries: Arc::new(SameRows),
        ..ExecContext::new(QueryContext::unlimited(), NOW)
    }
}

fn rows_of<V: AsRef<str>>(rows: &[[V; 6]]) -> Rows {
    let pairs = |row: &[V; 6]| {
        FIELDS
            .iter()
            .zip(row)
            .map(|(name, value)| (*name, value.as_ref().to_owned()))
            .collect()
    };
    Rows::from_pairs(&rows.iter().map(pairs).collect::<Vec<Vec<(&str, String)>>>())
}

fn pipeline(pipes: &[&str], context: &ExecContext) -> Result<Pipeline, ExecError> {
    let parse = |pipe: &&str| parse_pipe(pipe, &ParseContext::at(NOW)).unwrap_or_else(|error| panic!("{error}"));
    Pipeline::new(&pipes.iter().map(parse).collect::<Vec<_>>(), context)
}

type Pairs = Vec<(String, String)>;

/// The rows that come out, each with its non-empty fields by name, and whether the pipes had enough.
fn run(pipes: &[&str], blocks: impl IntoIterator<Item = Rows>) -> (Vec<Pairs>, Flow) {
    let mut pipeline = pipeline(pipes, &context()).expect("supported");
    let mut found = Vec::new();
    let mut out = |rows: Rows| {
        for row in 0..rows.len() {
            let mut pairs: Pairs = rows
                .pairs(row)
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            pairs.sort();
            found.push(pairs);
        }
        assert!(rows.columns.iter().all(|column| column.values.len() == rows.len()));
        Ok(Flow::More)
    };
    let mut flow = Flow::More;
    for rows in blocks {
        flow = pipeline.push(rows, &mut out).expect("no error");
    }
    pipeline.finish(&mut out).expect("no error");
    (found, flow)
}

fn value() -> impl Strategy<Value = String> {
    let fixed = select(vec![
        "",
        "",
        "1",
        "2",
        "10",
        "1.0",
        "-3",
        "5ms",
        "1KB",
        "a",
        "b",
        "a1",
        "1.2.3.4",
        "true",
        "[1,\"x\",null]",
        "[\"a\"]",
        "{\"a\":\"1\",\"q\":{\"r\":[2]}}",
        "a=1 b=\"2 3\" c",
        "x=1 ",
        "\u{1b}[1mred\u{1b}[0m",
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.5Z",
        "1717328141",
        "é1a ä",
        "NaN",
        "inf",
        "-",
        "/",
        "0xff",
        "18446744073709551615",
    ]);
    prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn rows() -> impl Strategy<Value = Vec<[String; 6]>> {
    prop::collection::vec(prop::array::uniform6(value()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn how_rows_arrive_does_not_matter(
        rows in rows(),
        pipes in prop::collection::vec(select(PIPES), 1..4),
        cuts in prop::collection::vec(1usize..5, 12),
    ) {
        let (whole, _) = run(&pipes, [rows_of(&rows)]);
        let mut blocks = Vec::new();
        let mut rest = rows.as_slice();
        for cut in cuts {
            let (block, tail) = rest.split_at(cut.min(rest.len()));
            blocks.push(rows_of(block));
            rest = tail;
        }
        let (cut, _) = run(&pipes, blocks);
        prop_assert_eq!(cut, whole, "{:?}", pipes);
    }

    #[test]
    fn memory_is_given_back(rows in rows(), pipe in select(PIPES)) {
        // Room for one query at a time.
        let query = QueryContext::new(Duration::from_secs(60), 512 << 10);
        let context = ExecContext { query, ..context() };
        for _ in 0..20 {
            let mut pipeline = pipeline(&[pipe], &context).expect("supported");
            pipeline.push(rows_of(&rows), &mut |_| Ok(Flow::More)).expect("memory");
            pipeline.finish(&mut |_| Ok(Flow::More)).expect("memory");
        }
    }
}

fn numbered(count: usize) -> Rows {
    let mut rows = Rows::new(count);
    rows.set("a", (0..count).map(|n| n.to_string().into()).collect());
    rows
}

#[test]
fn a_limit_stops_what_is_in_front_of_it() {
    for pipes in [
        &["limit 3"][..],
        &["filter a:*", "math a + 1 as b", "limit 3"],
        &["limit 3", "sort by (a)"],
        &["uniq by (a) limit 3"],
        &["unroll (a)", "limit 3"],
    ] {
        let (found, flow) = run(pipes, [numbered(10)]);
        assert_eq!((found.len(), flow), (3, Flow::Enough), "{pipes:?}");
    }
    assert_eq!(run(&["sort by (a)", "limit 3"], [numbered(10)]).1, Flow::More);
    assert_eq!(run(&["limit 0"], [numbered(1)]).0.len(), 0);
}

#[test]
fn a_full_pipe_asks_no_subquery() {
    struct Never;
    impl Subqueries for Never {
        fn run(&self, _: &Query, _: &mut Out<'_>) -> Result<(), ExecError> {
            panic!("the rows of the subquery are of no use")
        }
    }
    let context = ExecContext {
        subqueries: Arc::new(Never),
        ..context()
    };
    let mut pipeline = pipeline(&["union (x)", "limit 2"], &context).expect("supported");
    pipeline.push(numbered(2), &mut |_| Ok(Flow::More)).expect("no error");
    pipeline.finish(&mut |_| Ok(Flow::More)).expect("no error");
}

#[test]
fn what_holds_too_much_is_named() {
    for pipe in [
        "sort by (a)",
        "sort by (a) limit 100000",
        "stats by (a) count()",
        "stats count_uniq(a)",
        "uniq by (a)",
        "top by (a)",
        "total_stats count()",
        "join by (a) (x)",
        "facets max_values_per_field 100000",
        "field_values a",
    ] {
        let query = QueryContext::new(Duration::from_secs(60), 100 << 10);
        struct Many;
        impl Subqueries for Many {
            fn run(&self, _: &Query, out: &mut Out<'_>) -> Result<(), ExecError> {
                out(numbered(10_000)).map(drop)
            }
        }
        let context = ExecContext {
            query,
            subqueries: Arc::new(Many),
            ..context()
        };
        let mut pipeline = pipeline(&[pipe], &context).expect("supported");
        let error = pipeline
            .push(numbered(10_000), &mut |_| Ok(Flow::More))
            .expect_err(pipe);
        let name = pipe.split(' ').next().unwrap_or("");
        assert!(matches!(error, ExecError::OverBudget { .. }), "{error}");
        assert!(
            error.to_string().starts_with(&format!("pipe `{name}` needs more")),
            "{error}"
        );
    }
}

#[test]
fn a_cancelled_query_ends() {
    let context = context();
    let mut pipeline = pipeline(&["generate_sequence 1000000000000"], &context).expect("supported");
    pipeline.push(numbered(1), &mut |_| Ok(Flow::More)).expect("no error");
    let mut blocks = 0;
    let end = pipeline.finish(&mut |_| {
        blocks += 1;
        if blocks == 3 {
            context.query.cancel();
        }
        Ok(Flow::More)
    });
    assert!(matches!(end, Err(ExecError::Cancelled)), "{end:?}");
    assert_eq!(blocks, 3);
}

#[test]
fn what_is_not_executed_is_refused_by_name() {
    for (pipe, name) in [
        ("stats_remote count()", "stats_remote"),
        ("stream_context before 1", "stream_context"),
        ("block_stats", "block_stats"),
        ("query_stats", "query_stats"),
        ("set_stream_fields a", "set_stream_fields"),
    ] {
        let error = pipeline(&[pipe], &context()).err().expect(pipe);
        assert_eq!(error.to_string(), format!("pipe `{name}` is not supported"));
    }
    let error = pipeline(&["limit 1"; 300], &context()).err().expect("too long");
    assert!(matches!(error, ExecError::Invalid(_)), "{error}");
}

#[test]
fn samples_have_about_the_size_asked_for() {
    let (found, _) = run(&["sample 10"], [numbered(10_000)]);
    assert!((700..1_300).contains(&found.len()), "{}", found.len());
    assert_eq!(run(&["sample 1"], [numbered(7)]).0.len(), 7);
    let (found, _) = run(&["math rand() as r", "filter r:>=0 r:<1"], [numbered(100)]);
    assert_eq!(found.len(), 100);
}

#[test]
fn conditions_may_have_subqueries() {
    let rows = rows_of(&[["", "", "1", "", "", ""], ["", "", "7", "", "", ""]]);
    let (found, _) = run(&["filter a:in(x | fields a)"], [rows.clone()]);
    assert_eq!(found, [[("a".to_owned(), "1".to_owned())]]);
    let (found, _) = run(&["format if (a:in(x | fields a)) yes as b", "filter b:yes"], [rows]);
    assert_eq!(found.len(), 1);
    let query = parse_query("* | limit 5 | filter a:in(x | fields a)", &ParseContext::at(NOW)).expect("a query");
    let alone = ExecContext::new(QueryContext::unlimited(), NOW);
    assert!(matches!(
        Pipeline::new(&query.pipes, &alone),
        Err(ExecError::Unsupported(_))
    ));
}

#[test]
fn texts_of_any_script_are_taken_apart() {
    let message = |pipe: &str, text: &str| {
        let (found, _) = run(&[pipe], [Rows::from_pairs(&[vec![("_msg", text)]])]);
        found
            .into_iter()
            .flatten()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
            .join("|")
    };
    for (text, expected) in [
        ("2edfed59-3e98-4073-bbb2-28d321ca71a7", "<UUID>"),
        ("2004-10-12T43:23:12.123+01:30 x", "<DATETIME> x"),
        ("at 12:30:00,5 from 10.0.0.1:80", "at <TIME> from <IP4>:<N>"),
        (
            "be add face1 v1 12ms a12 x0ff1 1é",
            "be add face1 v<N> <N>ms a12 x<N> <N>é",
        ),
        ("<N>:<N>:<N>.<N>:<N>:<N>", "<TIME>:<N>:<N>"),
    ] {
        assert_eq!(message("collapse_nums prettify", text), expected);
    }
    assert_eq!(
        message("unpack_words", "à la carte, 1_2"),
        "[\"à\",\"la\",\"carte\",\"1_2\"]"
    );
    assert_eq!(message("split ''", "aé"), "[\"a\",\"é\"]");
    assert_eq!(message("decolorize", "a\u{1b}[1;31mb\u{1b}[0mc\u{1b}["), "abc");
}
