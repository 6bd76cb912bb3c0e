use proptest::prelude::*;

use super::*;

fn fields(text: &str) -> Option<Vec<(String, String)>> {
    object_fields(text, MAX_NAME)
}

fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    Some(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
}

#[test]
fn objects_become_fields() {
    assert_eq!(fields("{}"), pairs(&[]));
    assert_eq!(
        fields(
            r#"{"a":{"b":{"c":"x\n\u00e9\ud83d\ude00"}}, "d" : [1, "q\"" , {"e":null}],"f":-1.5e3,"g":null,"h":true,"i":NaN}"#
        ),
        pairs(&[
            ("a.b.c", "x\né😀"),
            ("d", r#"[1,"q\"",{"e":null}]"#),
            ("f", "-1.5e3"),
            ("h", "true"),
            ("i", "NaN"),
        ])
    );
    for wrong in [
        "",
        "foo",
        "[1]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{\"a\":1",
        "{\"a\":b}",
        "{} x",
        " {}",
        "{\"a\":\"b}",
    ] {
        assert_eq!(fields(wrong), None, "{wrong}");
    }
}

#[test]
fn names_that_are_too_long_keep_the_object_as_text() {
    let text = r#"{"foo":"bar","baz":{"abc":"y"}}"#;
    assert_eq!(object_fields(text, 7), pairs(&[("foo", "bar"), ("baz.abc", "y")]));
    assert_eq!(
        object_fields(text, 3),
        pairs(&[("foo", "bar"), ("baz", "{\"abc\":\"y\"}")])
    );
    assert_eq!(object_fields(text, 2), pairs(&[("_msg", text)]));
}

#[test]
fn arrays_become_items() {
    assert_eq!(
        array_items(r#"[1,"foo",["bar",12],{"baz":"x"},NaN,null]"#),
        ["1", "foo", r#"["bar",12]"#, r#"{"baz":"x"}"#, "NaN", "null"]
    );
    for wrong in ["", "1", "[foo", "{}", "[1,]", "[]", "[1] x"] {
        assert!(array_items(wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn deep_documents_are_refused_not_overflowed() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(array_items(&deep).is_empty());
    assert_eq!(array_items("[[[]]]"), ["[[]]"]);
}

#[test]
fn strings_are_escaped() {
    let mut out = String::new();
    write_string(&mut out, "a\"\\\n\t\u{1b}<'é\u{8}");
    assert_eq!(out, r#""a\"\\\n\t\u001b\u003c\u0027é\b""#);
    assert_eq!(object([("a", ""), ("b", "c")].into_iter()), r#"{"b":"c"}"#);
    assert_eq!(array(["", "x"]), r#"["","x"]"#);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(texts in proptest::collection::vec(".{0,8}", 0..4)) {
        let written = array(texts.iter().map(String::as_str));
        prop_assert_eq!(&array_items(&written), &texts);
        let named: Vec<(String, String)> = texts.iter().enumerate().map(|(i, t)| (format!("f{i}"), format!("x{t}"))).collect();
        let written = object(named.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        prop_assert_eq!(fields(&written), Some(named));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[\\[\\]{}\",:\\\\u0-9a-f .é-]{0,40}") {
        let _ = array_items(&text);
        let _ = fields(&text);
    }
}
