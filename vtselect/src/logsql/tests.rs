//! Tests of the whole language: what is shown of errors, syntax of newer releases, bounds, and properties on random
//! text. The conformance data of the `tests` package pins the rest.

use proptest::prelude::*;

use super::ast::Query;
use super::parse::parse_pipe;
use super::{ParseContext, parse_filter, parse_query};

const CONTEXT: ParseContext = ParseContext {
    now: 1_700_000_000_000_000_000,
    zone_offset: 0,
};

fn parse(text: &str) -> Query {
    parse_query(text, &CONTEXT).unwrap_or_else(|error| panic!("{error}"))
}

fn canonical(text: &str) -> String {
    parse(text).to_string()
}

/// Any text is refused with a position inside it, or its canonical text gives an equal tree.
fn check(text: &str) {
    match parse_query(text, &CONTEXT) {
        Err(error) => {
            assert!(error.position() <= text.len() && !error.reason().is_empty());
            assert!(error.to_string().ends_with('^'));
        }
        Ok(query) => {
            let printed = query.to_string();
            let again = parse_query(&printed, &CONTEXT)
                .unwrap_or_else(|error| panic!("{text:?} prints as a query that is refused: {error}"));
            assert_eq!(again.to_string(), printed, "{text:?}");
            assert!(
                again == query,
                "{text:?} prints as {printed:?}, which is {again:#?}, not {query:#?}"
            );
        }
    }
}

#[test]
fn errors_say_what_was_expected_where() {
    for (query, position, reason) in [
        ("", 0, "expected a filter, found the end of the query"),
        ("foo:(", 5, "expected a filter after '(', found the end of the query"),
        ("a (b", 4, "expected ')', found the end of the query"),
        ("a | fields b c", 13, "expected '|' or the end of the query, found 'c'"),
        ("a | limit x", 10, "expected a number of rows, found 'x'"),
        (
            "stats count()",
            0,
            "a filter cannot start with 'stats', the name of a pipe or a function; put it in quotes",
        ),
        (
            "a | stats sum(b) if (c:in(d | limit 5)) x",
            37,
            "expected values or a query that ends with a 'fields'",
        ),
        ("a | sort by (b) limit 5 limit 6", 24, "this was already given"),
        ("a:~\"b(\"", 3, "invalid regular expression 'b(': unclosed group"),
        ("_time:[5m, 2023-13-01]", 11, "expected a time, found '2023-13-01'"),
        (
            "a | stats count() x, sum(y) x",
            21,
            "the result name 'x' is already used in this pipe",
        ),
        ("a \"b", 2, "found a string that is not closed"),
        ("options(foo=1) a", 8, "unknown option 'foo'"),
        ("foo(bar)", 3, "expected whitespace between a word and '('"),
        (
            "a | (b) count() if (c d",
            23,
            "expected ')', found the end of the query",
        ),
        ("{a=b", 4, "expected ',', 'or' or '}' in the stream selector"),
    ] {
        let error = parse_query(query, &CONTEXT).expect_err(query);
        assert!(error.reason().contains(reason), "{query}: {}", error.reason());
        assert_eq!(error.position(), position, "{query}: {}", error.reason());
    }
}

#[test]
fn newer_syntax_is_known_where_it_is_unambiguous() {
    for (given, expected) in [
        ("*foo* a:*\"b c\"*", "*foo* a:*\"b c\"*"),
        ("a:pattern_match(\"x <N>\")", "a:pattern_match(\"x <N>\")"),
        ("pattern_match_full(<IP4>)", "pattern_match_full(\"<IP4>\")"),
        ("pattern_match (a)", "pattern_match a"),
        (
            "t:json_array_contains_any(a, \"b c\")",
            "t:json_array_contains_any(a,\"b c\")",
        ),
        (
            "ip:ipv6_range(2001:db8::/32)",
            "ip:ipv6_range(2001:db8::, 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff)",
        ),
        ("equals_common_case(Foo, b)", "equals_common_case(Foo,b)"),
        ("contains_common_case('Foo b')", "contains_common_case(\"Foo b\")"),
        ("split any | any(a) b, any", "split any | stats any(a) as b, any"),
        (
            "options(parallel_readers=4, allow_partial_response=t, time_offset=1h, global_filter=(a b)) c",
            "options(parallel_readers=4, allow_partial_response=true, time_offset=1h, global_filter=(a b)) c",
        ),
        ("* | coalesce(a, b*) default x c", ""),
        (
            "* | coalesce(a, b*) default x as c",
            "* | coalesce(a, b*) default x as c",
        ),
        ("* | generate_sequence 1e3", "* | generate_sequence 1000"),
        (
            "* | json_array_concat \", \" x y",
            "* | json_array_concat \", \" from x as y",
        ),
        (
            "* | running_stats (a) count(), first(b) offset 2 c",
            "* | running_stats by (a) count(*) as \"count(*)\", first(b) offset 2 as c",
        ),
        ("* | total_stats sum(a) s", "* | total_stats sum(a) as s"),
        (
            "* | set_stream_fields if (a) b, c*",
            "* | set_stream_fields if (a) b, c*",
        ),
        ("* | split , from a as b", ""),
        ("* | split \",\" a b", "* | split \",\" from a as b"),
        ("* | time_add -1h at t", "* | time_add -1h at t"),
        ("* | query_stats", "* | query_stats"),
        (
            "* | stddev(a) s, field_max(b, c) m, json_values(d) sort by (e desc) limit 3 j",
            "* | stats stddev(a) as s, field_max(b, c) as m, json_values(d) sort by (e desc) limit 3 as j",
        ),
    ] {
        match parse_query(given, &CONTEXT) {
            Ok(query) => assert_eq!(query.to_string(), expected, "{given}"),
            Err(error) => assert!(expected.is_empty() || expected.contains(", any"), "{error}"),
        }
    }
}

#[test]
fn words_that_follow_a_value_keep_their_meaning_in_quotes() {
    for pipe in [
        "format \"if\" as x",
        "split \"from\" as \"offset\"",
        "json_array_concat \"as\" from from as as",
        "set_stream_fields \"if\", if",
        "copy as as b, a as as",
        "sort by (desc, a desc)",
        "top by (a) hits as as rank as as",
        "coalesce(a) default as as x",
        "unpack_words from drop_duplicates as from drop_duplicates",
    ] {
        let parsed = parse_pipe(pipe, &CONTEXT).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parsed.to_string(), pipe);
    }
}

#[test]
fn quoted_stars_and_odd_literals_survive_printing() {
    for (given, expected) in [
        ("a:in(\"*\")", "a:in(\"*\")"),
        ("a:=*", "a:=\"\"*"),
        ("a:>\"2024-01-01 00:00:00Z\"", "a:>\"2024-01-01 00:00:00Z\""),
        ("a:>nan", "a:>nan"),
        ("a:!=\"b\"* -c:!~d", "!a:=b* c:~d"),
        ("i(\"\"*)", "i(*)"),
        ("\"_time\":5m", "_time:5m"),
        (
            "_msg:* | unroll if () a | top 10 5",
            "* | unroll if (*) by (a) | top by (5)",
        ),
    ] {
        assert_eq!(canonical(given), expected, "{given}");
        check(given);
    }
}

#[test]
fn subqueries_have_the_options_around_them() {
    let query = "options(concurrency=2000) a:in(options(ignore_global_time_filter=1) b | keep c) | union (d)";
    let expected = "options(concurrency=1024) a:in(options(concurrency=1024, ignore_global_time_filter=true) b | fields c) \
                    | union (options(concurrency=1024) d)";
    assert_eq!(canonical(query), expected);
}

#[test]
fn nesting_and_ambiguity_are_bounded() {
    for (open, close) in [
        ("(", ")"),
        ("!", ""),
        ("- ", ""),
        ("a:", ""),
        (":", ""),
        ("\"\":", ""),
        ("a:in(", "| fields x)"),
        ("a:contains_any(b c:in(", ")"),
        ("_stream_id:in(", ")"),
        ("* | union (", ")"),
        ("* | (a) count (x) if (x:in(", "))"),
        ("* | (a) b (x:in(", "))"),
        ("* | math (", ") as x"),
        ("* | math -", " as x"),
        ("* | math abs(", ") as x"),
        ("options(global_filter=(", ")) a"),
        ("* | format if (", ") x"),
        ("{a=", "}"),
        ("'", "'"),
        ("`", ""),
        ("\"\\q", ""),
        ("#", "\n"),
    ] {
        for depth in [10, 100, 5_000] {
            check(&format!("{}a{}", open.repeat(depth), close.repeat(depth)));
            check(&format!("* {}", open.repeat(depth)));
        }
    }
    let ambiguous = "* | (a) count (x) if (x:in(".repeat(60);
    let error = parse_query(&ambiguous, &CONTEXT).expect_err("endless");
    assert!(
        error.reason().contains("ambiguous") || error.reason().contains("deeper"),
        "{error}"
    );
}

#[test]
fn wide_queries_are_not_deep_ones() {
    let words = vec!["a"; 10_000];
    for query in [
        words.join(" "),
        words.join(" or "),
        format!("a:in({})", words.join(",")),
        words.join(" | fields "),
    ] {
        check(&query);
    }
}

#[test]
fn a_filter_has_no_pipes() {
    assert!(parse_filter("a | fields b", &CONTEXT).is_err());
    assert_eq!(
        parse_filter("a | filter b", &CONTEXT).map(|filter| filter.to_string()),
        Ok("a b".to_owned())
    );
}

/// The inputs that the fuzzer starts from.
fn corpus() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/logsql_parse");
    let files = std::fs::read_dir(folder).expect("the corpus");
    files
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a query"))
        .collect()
}

#[test]
fn the_corpus_of_the_fuzzer_parses() {
    let corpus = corpus();
    assert!(corpus.len() > 30);
    for query in &corpus {
        check(query);
        parse(query);
    }
}

/// Words, signs and fragments that queries are made of.
const VOCABULARY: &[&str] = &[
    "a",
    "b.c",
    "_msg",
    "_time",
    "_stream",
    "_stream_id",
    "foo*",
    "\"x y\"",
    "''",
    "`\\z`",
    "й",
    "0",
    "1.5",
    "10",
    "-1",
    "5m",
    "1h30m",
    "1KiB",
    "inf",
    "nan",
    "0x1f",
    "1e3",
    "/24",
    "now",
    "2024-05-06",
    "2024-05-06T07:08:09Z",
    "08:00",
    "Mon",
    "1.2.3.4",
    "1.2.0.0/16",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "|",
    "*",
    "=",
    "!=",
    "~",
    "!~",
    "=~",
    ">",
    "<",
    ">=",
    "!",
    "-",
    "+",
    "/",
    "%",
    "^",
    "&",
    "and",
    "or",
    "not",
    "in",
    "not_in",
    "i",
    "re",
    "seq",
    "range",
    "exact",
    "eq_field",
    "len_range",
    "string_range",
    "ipv4_range",
    "value_type",
    "contains_any",
    "pattern_match",
    "offset",
    "options",
    "concurrency",
    "day_range",
    "week_range",
    "by",
    "as",
    "if",
    "at",
    "from",
    "on",
    "with",
    "desc",
    "asc",
    "rank",
    "partition",
    "prefix",
    "inner",
    "default",
    "hits",
    "fields",
    "keep",
    "delete",
    "copy",
    "rename",
    "filter",
    "stats",
    "sort",
    "first",
    "last",
    "limit",
    "top",
    "uniq",
    "math",
    "format",
    "extract",
    "\"<a>b\"",
    "extract_regexp",
    "'(?P<q>.)'",
    "join",
    "union",
    "unpack_json",
    "unpack_syslog",
    "unpack_words",
    "unroll",
    "replace",
    "replace_regexp",
    "pack_json",
    "facets",
    "field_values",
    "field_names",
    "stream_context",
    "before",
    "after",
    "sample",
    "split",
    "running_stats",
    "coalesce",
    "time_add",
    "count",
    "sum",
    "quantile",
    "row_max",
    "json_values",
    "histogram",
    "rate",
    "any",
    "min",
    "max",
    "abs",
    "round",
    "result_prefix",
    "keep_original_fields",
    "skip_empty_results",
    "(a)",
    "(a, b)",
    "(a | fields b)",
    "if (a)",
    "count()",
    "sum(a) as x",
    "\"",
    "'",
    "\\",
    "#",
    "\n",
    "\u{0}",
    "\u{a0}",
    "$",
    "&&",
];

fn soup() -> impl Strategy<Value = String> {
    let word = (
        prop::sample::select(VOCABULARY),
        prop::sample::select(&["", " ", " ", " "][..]),
    );
    prop::collection::vec(word, 0..24)
        .prop_map(|words| words.into_iter().flat_map(|(word, space)| [word, space]).collect())
}

/// A query of the corpus with some pieces cut, doubled or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::sample::select(VOCABULARY),
        0..4u8,
    );
    (prop::sample::select(corpus()), prop::collection::vec(edit, 1..4)).prop_map(|(mut query, edits)| {
        for (from, to, word, kind) in edits {
            let places: Vec<usize> = query.char_indices().map(|(at, _)| at).chain([query.len()]).collect();
            let (a, b) = (*from.get(&places), *to.get(&places));
            let (a, b) = (a.min(b), a.max(b));
            match kind {
                0 => query.replace_range(a..b, ""),
                1 => query.insert_str(a, word),
                2 => query.replace_range(a..b, word),
                _ => {
                    let piece = query[a..b].to_owned();
                    query.insert_str(b, &piece);
                }
            }
        }
        query
    })
}

proptest! {
    #[test]
    fn any_text_is_refused_or_prints_as_itself(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn any_bytes_are_refused_or_print_as_themselves(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_words_are_refused_or_print_as_themselves(text in soup()) {
        check(&text);
    }

    #[test]
    fn any_pipes_are_refused_or_print_as_themselves(text in soup()) {
        check(&format!("* | {text}"));
    }

    #[test]
    fn any_change_of_a_query_is_refused_or_prints_as_itself(text in mutated()) {
        check(&text);
    }
}
