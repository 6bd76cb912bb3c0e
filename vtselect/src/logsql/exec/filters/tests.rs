//! Tests of filters over rows. The conformance data of the `tests` package pins what single filters mean.

use proptest::prelude::*;

use super::super::super::{ParseContext, parse_filter};
use super::*;

fn parse(filter: &str) -> Filter {
    parse_filter(filter, &ParseContext::at(0)).unwrap_or_else(|error| panic!("{error}"))
}

fn matches(filter: &str, rows: &Rows) -> Vec<bool> {
    RowFilter::new(&parse(filter)).expect("no subqueries").matches(rows)
}

fn rows() -> Rows {
    Rows::from_pairs(&[
        vec![
            ("_time", "2024-05-06T08:30:00.5Z"),
            ("_stream", r#"{app="a",env="prod"}"#),
            ("d", "5ms"),
            ("e", "6ms"),
        ],
        vec![
            ("_time", "1714984200500000001"),
            ("_stream", r#"{app="b"}"#),
            ("d", "10"),
            ("e", "9"),
        ],
        vec![
            ("_time", "x"),
            ("_stream_id", "0000007b000001c850d9950ea6196b1a4812081265faa1c7"),
            ("d", "b"),
            ("e", "b"),
        ],
        vec![("_stream", "{}"), ("e", "abc")],
    ])
}

#[test]
fn filters_look_at_the_fields_of_a_row() {
    for (filter, expected) in [
        ("*", [true; 4]),
        ("_msg:*", [true; 4]),
        ("d:*", [true, true, true, false]),
        ("d:\"\"", [false, false, false, true]),
        ("other:\"\"", [true; 4]),
        ("!d:b", [true, true, false, true]),
        ("d:b or d:10", [false, true, true, false]),
        ("d:* !(d:b or d:10)", [true, false, false, false]),
        ("(d:b or e:9) (e:b or d:10)", [false, true, true, false]),
        ("d:eq_field(e)", [false, false, true, false]),
        ("d:le_field(e)", [true, false, true, true]),
        ("d:lt_field(e)", [true, false, false, true]),
        ("d:lt_field(other)", [false; 4]),
        ("other:le_field(d)", [true; 4]),
        ("{app=\"a\"}", [true, false, false, false]),
        ("{app=~\"a|b\"}", [true, true, false, false]),
        ("{env=\"\"}", [false, true, false, true]),
        ("{}", [true; 4]),
        ("_time:2024-05-06T08:30:00Z", [true, true, false, false]),
        ("_time:2024-05-06T08:30:00.500Z", [true, true, false, false]),
        (
            "_time:[2024-05-06T08:30:00.500000001Z, 2025Z]",
            [false, true, false, false],
        ),
        ("_time:day_range[08:00, 09:00]", [true, true, false, false]),
        ("_time:week_range[Tue, Sun]", [false; 4]),
        (
            "_stream_id:0000007b000001c850d9950ea6196b1a4812081265faa1c7",
            [false, false, true, false],
        ),
        ("_stream_id:in()", [false; 4]),
        ("d:value_type(dict)", [true; 4]),
        ("d:value_type(string)", [false; 4]),
        ("d:in(b, \"\")", [false, false, true, true]),
        ("d:contains_any(*)", [true; 4]),
    ] {
        assert_eq!(matches(filter, &rows()), expected, "{filter}");
    }
}

#[test]
fn rows_that_are_out_stay_out() {
    let filter = RowFilter::new(&parse("d:* or e:abc")).expect("no subqueries");
    let mut keep = [true, false, true, false];
    filter.narrow(&rows(), &mut keep);
    assert_eq!(keep, [true, false, true, false]);
    assert!(RowFilter::new(&parse("*")).expect("no subqueries").is_always());
    assert!(
        RowFilter::new(&parse("a:contains_all(\"\")"))
            .expect("no subqueries")
            .is_always()
    );
    assert_eq!(matches("a", &Rows::new(0)), [] as [bool; 0]);
}

#[test]
fn subqueries_are_replaced_by_their_values() {
    let filter = parse("d:in(x:y | fields z) !(e:contains_any(a | fields b) or _stream_id:in(c | fields _stream_id))");
    assert!(matches!(RowFilter::new(&filter), Err(ExecError::Unsupported(_))));
    let mut asked = Vec::new();
    let replaced = with_values(&filter, &mut |subquery| {
        asked.push(subquery.field.clone());
        Ok(match subquery.field.as_str() {
            "z" => vec!["5ms".into(), "10".into()],
            "b" => vec!["9".into()],
            _ => vec![
                "no id".into(),
                "0000007b000001c850d9950ea6196b1a4812081265faa1c7".into(),
            ],
        })
    });
    let filter = RowFilter::new(&replaced.expect("values")).expect("no subqueries");
    assert_eq!(filter.matches(&rows()), [true, false, false, false]);
    assert_eq!(asked, ["z", "b", "_stream_id"]);
    let failed = with_values(&parse("d:in(x:y | fields z)"), &mut |_| Err(ExecError::Cancelled));
    assert!(matches!(failed, Err(ExecError::Cancelled)));
}

const LEAVES: [&str; 18] = [
    "a:foo",
    "a:fo*",
    "a:=foo",
    "a:=fo*",
    "a:~\"o+\"",
    "a:>5",
    "a:<=b",
    "a:range(1, 20]",
    "a:in(foo, 5ms)",
    "a:i(FOO)",
    "a:contains_all(foo, bar)",
    "a:seq(foo, bar)",
    "a:len_range(1, 3)",
    "a:eq_field(b)",
    "a:le_field(b)",
    "a:lt_field(b)",
    "a:ipv4_range(\"1.2.3.0/24\")",
    "a:pattern_match(\"<N>\")",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "(foo|bar|Foo)( bar| foo)?",
        "[0-9]{1,3}(ms|\\.5)?",
        Just("1.2.3.4".into()),
        any::<String>()
    ]
}

proptest! {
    #[test]
    fn operators_follow_their_parts(
        values in prop::collection::vec((value(), value()), 0..20),
        left in 0..LEAVES.len(),
        right in 0..LEAVES.len(),
    ) {
        let pairs: Vec<_> = values.iter().map(|(a, b)| vec![("a", a.as_str()), ("b", b.as_str())]).collect();
        let rows = Rows::from_pairs(&pairs);
        let (x, y) = (LEAVES[left], LEAVES[right]);
        let (left, right) = (matches(x, &rows), matches(y, &rows));
        let each = |f: fn(bool, bool) -> bool| left.iter().zip(&right).map(|(l, r)| f(*l, *r)).collect::<Vec<_>>();
        prop_assert_eq!(matches(&format!("{x} {y}"), &rows), each(|l, r| l && r));
        prop_assert_eq!(matches(&format!("{x} or {y}"), &rows), each(|l, r| l || r));
        prop_assert_eq!(matches(&format!("!{x}"), &rows), each(|l, _| !l));
        prop_assert_eq!(matches(&format!("!({x} or {y})"), &rows), each(|l, r| !l && !r));
        prop_assert_eq!(matches(&format!("!({x} {y}) {x}"), &rows), each(|l, r| l && !r));
    }

    #[test]
    fn a_row_matches_alone_as_in_a_block(values in prop::collection::vec((value(), value()), 1..10), leaf in 0..LEAVES.len()) {
        let pairs: Vec<_> = values.iter().map(|(a, b)| vec![("a", a.as_str()), ("b", b.as_str())]).collect();
        let together = matches(LEAVES[leaf], &Rows::from_pairs(&pairs));
        let alone: Vec<bool> = pairs.iter().map(|row| matches(LEAVES[leaf], &Rows::from_pairs(std::slice::from_ref(row)))[0]).collect();
        prop_assert_eq!(together, alone);
    }
}
