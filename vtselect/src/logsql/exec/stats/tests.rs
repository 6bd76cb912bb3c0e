//! Tests of the functions as a pipe uses them: over groups, over blocks, and over states that are merged.

use proptest::prelude::*;

use super::super::super::ParseContext;
use super::super::super::ast::StatsFunc;
use super::super::super::parse::parse_stats_func;
use super::*;

type Row = Vec<(&'static str, String)>;

fn parse(func: &str) -> StatsFunc {
    parse_stats_func(func, &ParseContext::at(0)).unwrap_or_else(|error| panic!("{error}"))
}

/// The state after the rows of a block.
fn state_of(function: &dyn StatsFunction, rows: &[Row]) -> State {
    let mut state = function.new_state();
    let rows = Rows::from_pairs(rows);
    let all: Vec<usize> = (0..rows.len()).collect();
    function.update(&mut state, &function.bind(&rows), &all);
    state
}

fn result(func: &str, rows: &[Row]) -> String {
    let function = function(&parse(func));
    function.finish(state_of(&*function, rows), 2.0).to_string()
}

fn rows(values: &[&[(&'static str, &str)]]) -> Vec<Row> {
    let row = |row: &&[(&'static str, &str)]| row.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    values.iter().map(row).collect()
}

#[test]
fn functions_show_what_they_saw() {
    let rows = rows(&[
        &[("d", "5ms"), ("n", "3"), ("s", "it's")],
        &[("d", "1s"), ("n", "10"), ("s", "b")],
        &[("d", "900µs"), ("n", "2")],
        &[("n", "x"), ("s", "b")],
    ]);
    for (func, expected) in [
        ("count()", "4"),
        ("count(d)", "3"),
        ("count(d, s)", "4"),
        ("count_empty(s)", "1"),
        ("count_uniq(s)", "2"),
        ("count_uniq(s, n)", "4"),
        ("count_uniq(n) limit 3", "3"),
        ("count_uniq_hash(s, n)", "4"),
        ("sum(n)", "15"),
        ("sum(d)", "1005900000"),
        ("sum(other)", "NaN"),
        ("avg(n)", "5"),
        ("rate()", "2"),
        ("rate_sum(n)", "7.5"),
        ("stddev(n)", "3.559026084010437"),
        ("sum_len(s)", "6"),
        ("min(n)", "2"),
        ("max(n)", "x"),
        ("max(d)", "1s"),
        ("min(d)", ""),
        ("min(d*)", "900µs"),
        ("quantile(0.5, n)", "10"),
        ("quantile(0, s)", ""),
        ("median(d)", "5ms"),
        ("uniq_values(s)", r#"["b","it\u0027s"]"#),
        ("uniq_values(n)", r#"["2","3","10","x"]"#),
        ("values(s)", r#"["it\u0027s","b","","b"]"#),
        ("values(s) limit 2", r#"["it\u0027s","b"]"#),
        ("row_any(s, n)", r#"{"n":"3","s":"it\u0027s"}"#),
        ("row_max(d, n, x)", r#"{"n":"10"}"#),
        ("row_min(d)", r#"{"d":"900µs","n":"2"}"#),
        ("row_min(other)", "{}"),
        ("field_max(d, n)", "10"),
        ("field_min(d, s)", ""),
        ("any(s)", "it's"),
        ("any(other)", ""),
        ("json_values(n) limit 2", r#"["{\"n\":\"3\"}","{\"n\":\"10\"}"]"#),
        (
            "json_values(n) sort by (n desc) limit 2",
            r#"["{\"n\":\"x\"}","{\"n\":\"10\"}"]"#,
        ),
        ("histogram(other)", "[]"),
        (
            "histogram(d)",
            r#"[{"vmrange":"4.642e+06...5.275e+06","hits":1},{"vmrange":"8.799e+05...1.000e+06","hits":1},{"vmrange":"8.799e+08...1.000e+09","hits":1}]"#,
        ),
    ] {
        assert_eq!(result(func, &rows), expected, "{func}");
    }
}

#[test]
fn results_become_metric_values() {
    for (result, expected) in [
        ("5", "5"),
        ("-1.5", "-1.5"),
        ("1e9", "1e9"),
        ("NaN", "NaN"),
        ("5ms", "5000000"),
        ("1.5KiB", "1536"),
        ("0x10", "16"),
        ("1_000", "1000"),
        ("1970-01-01T00:00:01Z", "1000000000"),
        ("", "NaN"),
        ("foo", "NaN"),
        ("[]", "NaN"),
    ] {
        assert_eq!(&*metric_value(&result.into()), expected, "{result}");
    }
}

#[test]
fn no_rows_give_a_result() {
    for (func, expected) in [
        ("count()", "0"),
        ("count_uniq(a)", "0"),
        ("sum(a)", "NaN"),
        ("stddev(a)", "NaN"),
        ("min(a)", ""),
        ("median(a)", ""),
        ("row_any()", "{}"),
        ("values(a)", "[]"),
        ("json_values()", "[]"),
        ("histogram(a)", "[]"),
    ] {
        assert_eq!(result(func, &[]), expected, "{func}");
    }
}

#[test]
fn values_shared_by_rows_count_as_often_as_they_stand() {
    let values = ["2", "2", "4", "2", "", "", "2"];
    let mut shared = Rows::new(values.len());
    let texts: Vec<Text> = ["", "2", "4"].iter().map(|value| (*value).into()).collect();
    let text = |value: &&str| {
        texts
            .iter()
            .find(|text| ***text == **value)
            .expect("one of the texts")
            .clone()
    };
    shared.set("a", values.iter().map(text).collect());
    let separate: Vec<Row> = values.iter().map(|value| vec![("a", (*value).to_owned())]).collect();
    for func in FUNCTIONS {
        let function = function(&parse(func));
        let mut state = function.new_state();
        function.update(&mut state, &function.bind(&shared), &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(&*function.finish(state, 2.0), result(func, &separate), "{func}");
    }
}

#[test]
fn states_of_different_functions_do_not_merge() {
    let mut count = function(&parse("count()")).new_state();
    assert!(count.merge(function(&parse("sum(a)")).new_state()).is_err());
}

const FUNCTIONS: [&str; 24] = [
    "count()",
    "count(a)",
    "count_empty(a, b)",
    "count_uniq(a)",
    "count_uniq(a, b)",
    "count_uniq(a) limit 3",
    "count_uniq_hash(a, b)",
    "sum(a, b)",
    "avg(a)",
    "rate_sum(b)",
    "sum_len(a, b)",
    "min(a)",
    "max(*)",
    "quantile(0.3, a, b)",
    "median(a)",
    "histogram(a)",
    "row_any(a, b)",
    "row_min(a, b)",
    "row_max(b)",
    "uniq_values(a, b)",
    "values(a)",
    "json_values(a, b) sort by (a desc, b) limit 5",
    "field_max(a, b)",
    "any(b)",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "-?[0-9]{1,3}",
        "[1-9][0-9]{0,2}(ms|s|KB)",
        "[a-c]{1,2}",
        "2024-01-0[1-9]T00:00:00Z",
    ]
}

fn random_rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (value(), value()).prop_map(|(a, b)| vec![("a", a), ("b", b)]);
    proptest::collection::vec(row, 0..60)
}

proptest! {
    #[test]
    fn merged_parts_are_the_whole(rows in random_rows(), at in any::<prop::sample::Index>(), which in 0..FUNCTIONS.len()) {
        let func = FUNCTIONS[which];
        let (first, second) = rows.split_at(at.index(rows.len() + 1));
        let function = function(&parse(func));
        let mut merged = state_of(&*function, first);
        merged.merge(state_of(&*function, second)).expect("states of the same function");
        let (merged, whole) = (function.finish(merged, 3.0), function.finish(state_of(&*function, &rows), 3.0));
        prop_assert_eq!(merged, whole, "{}", func);
    }

    #[test]
    fn merged_deviations_are_near_the_whole(rows in random_rows(), at in any::<prop::sample::Index>()) {
        let (first, second) = rows.split_at(at.index(rows.len() + 1));
        let function = function(&parse("stddev(a)"));
        let mut merged = state_of(&*function, first);
        merged.merge(state_of(&*function, second)).expect("states of the same function");
        let number = |state| function.finish(state, 1.0).parse::<f64>().expect("a number");
        let (merged, whole) = (number(merged), number(state_of(&*function, &rows)));
        prop_assert!(merged.is_nan() && whole.is_nan() || (merged - whole).abs() <= 1e-9 * whole.max(1.0));
    }
}
