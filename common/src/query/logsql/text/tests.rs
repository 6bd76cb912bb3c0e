//! Tests of the tests of a text. The conformance data of the `tests` package pins the rest.

use proptest::prelude::*;

use super::super::chars::is_word_char;
use super::*;

fn check(filter: &TextFilter, matching: &[&str], other: &[&str]) {
    let compiled = filter.compile();
    for value in matching {
        assert!(compiled.matches(value), "{filter:?} should match {value:?}");
    }
    for value in other {
        assert!(!compiled.matches(value), "{filter:?} should not match {value:?}");
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn phrases_end_at_word_boundaries() {
    check(
        &TextFilter::Phrase("op".into()),
        &["op", "an op.", "op-1", "xop op", "(op)"],
        &["", "op1", "_op", "opй", "Op", "op\u{fffd}"],
    );
    check(&TextFilter::Phrase("/x ".into()), &["a/x b", "/x "], &["/x", "/xb"]);
    check(&TextFilter::Phrase(String::new()), &[""], &["a", " "]);
    check(
        &TextFilter::Prefix("op".into()),
        &["op", "op1", "a op1"],
        &["xop", "", "o"],
    );
    check(&TextFilter::Prefix(String::new()), &["a"], &[""]);
    check(&TextFilter::Substring("op".into()), &["xopx"], &["", "oxp"]);
    check(&TextFilter::Substring(String::new()), &["", "a"], &[]);
}

#[test]
fn any_case_compares_in_lower_case() {
    check(
        &TextFilter::AnyCasePhrase("ТеСТ".into()),
        &["a тест", "ТЕСТ"],
        &["тесты", ""],
    );
    check(&TextFilter::AnyCasePrefix("Ab".into()), &["abC", "x aB"], &["xab"]);
    // The dotted capital I becomes one letter, as elsewhere in the language.
    check(&TextFilter::AnyCasePhrase("İx".into()), &["ix", "IX"], &[]);
    check(&TextFilter::AnyCasePhrase(String::new()), &[""], &["a"]);
}

#[test]
fn lists_of_phrases() {
    check(
        &TextFilter::ContainsAll(texts(&["a", "", "b c"])),
        &["b c a"],
        &["a", "b c", "ab c"],
    );
    check(&TextFilter::ContainsAll(texts(&[""])), &["", "x"], &[]);
    check(
        &TextFilter::ContainsAny(texts(&["a", "b c"])),
        &["x a", "b c"],
        &["", "ab", "b  c"],
    );
    check(&TextFilter::ContainsAny(texts(&["a", ""])), &["", "x"], &[]);
    check(&TextFilter::ContainsAny(vec![]), &[], &["", "x"]);
    check(
        &TextFilter::Sequence(texts(&["a", "b"])),
        &["a b", "a.b"],
        &["b a", "ab", "a"],
    );
    check(&TextFilter::Sequence(texts(&["a", "a"])), &["a a"], &["a"]);
    check(&TextFilter::In(texts(&["a", ""])), &["a", ""], &["a "]);
    check(&TextFilter::In(vec![]), &[], &[""]);
}

#[test]
fn ranges_read_numbers_of_every_form() {
    let range = TextFilter::Number {
        min: 4e6f64.next_up(),
        max: f64::INFINITY,
    };
    check(
        &range,
        &["5ms", "5000000", "1e9", "5MB", "1.2.3.4", "2025-01-01T00:00:00Z"],
        &["4ms", "", "x", "1KiB"],
    );
    check(
        &TextFilter::Number {
            min: f64::NAN,
            max: 1.0,
        },
        &[],
        &["0", ""],
    );
    check(
        &TextFilter::Length { min: 2, max: 3 },
        &["ab", "йцу", "🦀🦀"],
        &["", "a", "abcd"],
    );
    check(&TextFilter::Length { min: 0, max: u64::MAX }, &["", "a"], &[]);
    check(
        &TextFilter::Ipv4 {
            min: 1,
            max: 0x0100_0000,
        },
        &["0.0.0.1", "1.0.0.0"],
        &["1.0.0.1", "0.0.0.1x", "1"],
    );
    let local = TextFilter::Ipv6 {
        min: "::1".parse().expect("an address"),
        max: "::ffff:1.2.3.4".parse().expect("an address"),
    };
    check(
        &local,
        &["::1", "::2", "1.2.3.4", "0:0::5"],
        &["::", "1.2.3.5", "fe80::1", ""],
    );
    let strings = TextFilter::StringRange {
        min: "b".into(),
        max: Some("d".into()),
    };
    check(&strings, &["b", "c", "czz"], &["", "a", "d", "B"]);
    check(
        &TextFilter::StringRange {
            min: String::new(),
            max: None,
        },
        &["", "z"],
        &[],
    );
}

#[test]
fn patterns_have_places_for_numbers_and_words() {
    let pattern = |ends, pattern: &str| TextFilter::Pattern(ends, pattern.to_owned());
    check(
        &pattern(PatternEnds::None, "id=<N>, ip=<IP4> "),
        &["id=5, ip=1.2.3.4 ", "x id=deadbeef, ip=1.2.3.4 y"],
        &["id=abc, ip=1.2.3.4 ", "id=5, ip=1.2.3 ", "id=5x, ip=1.2.3.4 "],
    );
    check(
        &pattern(PatternEnds::Both, "<DATETIME> <W>: <UUID>"),
        &[
            "2024-01-02T03:04:05Z \"a b\": 2edfed59-3e98-4073-bbb2-28d321ca71a7",
            "2024/01/02 03:04:05,123+02:00 x: 2edfed59-3e98-4073-bbb2-28d321ca71a7",
        ],
        &["2024-01-02 x: 2edfed59-3e98-4073-bbb2-28d321ca71a7", ""],
    );
    check(
        &pattern(PatternEnds::Start, "<N>ms"),
        &["5ms", "5ms x"],
        &["x5ms", " 5ms"],
    );
    check(
        &pattern(PatternEnds::End, "<TIME>"),
        &["at 03:04:05.6"],
        &["at 03:04:05 "],
    );
    check(&pattern(PatternEnds::Both, "<x> < <N"), &["<x> < <N"], &["<x>"]);
    check(&pattern(PatternEnds::None, ""), &["", "a"], &[]);
}

#[test]
fn usual_spellings() {
    check(
        &TextFilter::EqualsCommonCase(texts(&["FooBar"])),
        &["FooBar", "foobar", "fooBar", "Foobar", "FOOBAR"],
        &["fOObar", "FooBar "],
    );
    check(
        &TextFilter::ContainsCommonCase(texts(&["Error", "x"])),
        &["an ERROR", "error!", "X"],
        &["errors", "eRROR"],
    );
}

#[test]
fn items_of_json_arrays() {
    let filter = TextFilter::JsonArrayContainsAny(texts(&["a\"b", "5", "{}"]));
    check(
        &filter,
        &[r#"["x","a\"b"]"#, "[5]", "[1, {} ]"],
        &["", "5", "[", "[55]", r#"{"a":5}"#, "[[5]]"],
    );
}

#[test]
fn types_of_columns() {
    let many = |value: fn(i64) -> String| (0..20).map(value).collect::<Vec<_>>();
    let column = |values: &[String]| ValueType::of_column(values.iter().map(String::as_str));
    assert_eq!(column(&texts(&["", ""])), None);
    assert_eq!(column(&texts(&["a", "a"])), Some(ValueType::Const));
    assert_eq!(column(&texts(&["a", "", "b"])), Some(ValueType::Dict));
    assert_eq!(column(&many(|i| i.to_string())), Some(ValueType::Uint8));
    assert_eq!(column(&many(|i| (i << 30).to_string())), Some(ValueType::Uint64));
    assert_eq!(column(&many(|i| (i - 5).to_string())), Some(ValueType::Int64));
    assert_eq!(column(&many(|i| format!("{i}.5"))), Some(ValueType::Float64));
    assert_eq!(column(&many(|i| format!("1.2.3.{i}"))), Some(ValueType::Ipv4));
    assert_eq!(
        column(&many(|i| format!("2024-01-01T00:00:{:02}.000Z", i + 10))),
        Some(ValueType::Iso8601)
    );
    assert_eq!(column(&many(|i| format!("{i}x"))), Some(ValueType::String));
    check(&TextFilter::ValueType(ValueType::parse("nothing")), &[], &["", "a"]);
}

/// The meaning of a phrase, written down as it is said.
fn contains_phrase(value: &str, phrase: &str) -> bool {
    if phrase.is_empty() {
        return value.is_empty();
    }
    let is_word = |c: Option<char>| c.is_some_and(is_word_char);
    let (first, last) = (phrase.chars().next(), phrase.chars().next_back());
    value
        .char_indices()
        .filter(|(at, _)| value[*at..].starts_with(phrase))
        .any(|(at, _)| {
            let (before, after) = (&value[..at], &value[at + phrase.len()..]);
            let joined_before = is_word(first) && is_word(before.chars().next_back());
            let joined_after = is_word(last) && is_word(after.chars().next());
            !joined_before && !joined_after
        })
}

proptest! {
    #[test]
    fn phrases_mean_what_they_say(value in "[ab.й ]{0,12}", phrase in "[ab.й ]{0,3}") {
        prop_assert_eq!(TextFilter::Phrase(phrase.clone()).matches(&value), contains_phrase(&value, &phrase));
    }

    #[test]
    fn many_phrases_are_any_of_them(value in "[a-d.й ]{0,12}", phrases in prop::collection::vec("[a-d.й ]{1,3}", 0..20)) {
        let any = phrases.iter().any(|phrase| contains_phrase(&value, phrase));
        let all = phrases.iter().all(|phrase| contains_phrase(&value, phrase));
        prop_assert_eq!(TextFilter::ContainsAny(phrases.clone()).matches(&value), any);
        prop_assert_eq!(TextFilter::ContainsAll(phrases).matches(&value), all);
    }

    #[test]
    fn no_text_makes_a_test_panic(value in any::<String>(), text in any::<String>(), near in "[<>A-Z0-9:.\\-\\[\\]\"T ]{0,20}") {
        for value in [&value, &near] {
            for text in [&text, &near] {
                let list = vec![text.clone(), "Foo".to_owned(), value.clone()];
                for filter in [
                    TextFilter::Phrase(text.clone()),
                    TextFilter::Prefix(text.clone()),
                    TextFilter::AnyCasePhrase(text.clone()),
                    TextFilter::AnyCasePrefix(text.clone()),
                    TextFilter::ContainsAll(list.clone()),
                    TextFilter::ContainsAny(list.clone()),
                    TextFilter::Sequence(list.clone()),
                    TextFilter::JsonArrayContainsAny(list.clone()),
                    TextFilter::EqualsCommonCase(list.clone()),
                    TextFilter::ContainsCommonCase(list),
                    TextFilter::Number { min: 0.0, max: 1.0 },
                    TextFilter::Length { min: 0, max: 1 },
                    TextFilter::Ipv4 { min: 0, max: 1 },
                    TextFilter::Pattern(PatternEnds::None, text.clone()),
                    TextFilter::Pattern(PatternEnds::Both, format!("<N>{text}<DATETIME><W>")),
                    TextFilter::ValueType(Some(ValueType::Dict)),
                ] {
                    filter.matches(value);
                }
            }
        }
    }
}
