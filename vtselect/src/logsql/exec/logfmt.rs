//! Logfmt, `a=b c="d e"`, as pipes read and write it.

use super::super::quote::unquote_prefix;
use super::json;

/// The non-empty fields as logfmt; values with spaces, quotes or control characters are quoted as in JSON.
pub fn write<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let mut out = String::new();
    for (name, value) in fields.filter(|(_, value)| !value.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(name);
        out.push('=');
        if value.contains(|c: char| c <= ' ' || matches!(c, '"' | '\\')) {
            json::write_string(&mut out, value);
        } else {
            out.push_str(value);
        }
    }
    out
}

/// The fields of a text. A word without `=` is a field with an empty value. What follows a quoted value without a space
/// is dropped.
pub fn read(text: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some((field, tail)) = field(rest) {
        if !(field.0.is_empty() && field.1.is_empty()) {
            fields.push(field);
        }
        rest = tail;
    }
    fields
}

/// The field that the text starts with, and what follows it; `None` at the end of the text.
fn field(text: &str) -> Option<((String, String), &str)> {
    if text.is_empty() {
        return None;
    }
    let end = text.find(['=', ' ']).unwrap_or(text.len());
    let (name, tail) = text.split_at_checked(end)?;
    let name = name.trim().to_owned();
    let Some(value) = tail.strip_prefix('=') else {
        return Some(((name, String::new()), tail.get(1..).unwrap_or("")));
    };
    if let Some((unquoted, length)) = quoted(value) {
        let tail = value.get(length..).and_then(|tail| tail.strip_prefix(' '));
        return Some(((name, unquoted), tail.unwrap_or("")));
    }
    let (value, tail) = value.split_once(' ').unwrap_or((value, ""));
    Some(((name, value.to_owned()), tail))
}

/// The string in `"..."` or backquotes that the text starts with, and the length of its text.
pub(super) fn quoted(text: &str) -> Option<(String, usize)> {
    text.starts_with(['"', '`']).then(|| unquote_prefix(text)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        let fields = read(text);
        fields.iter().map(|(n, v)| format!("{n}={v};")).collect()
    }

    #[test]
    fn reads_words_values_and_quotes() {
        for (text, fields) in [
            ("", ""),
            ("foo=bar", "foo=bar;"),
            ("foo bar=baz", "foo=;bar=baz;"),
            ("foo=\"x y\\\"\" a=b", "foo=x y\";a=b;"),
            ("foo=\"x\"y a=b", "foo=x;"),
            ("foo=\"x y", "foo=\"x;y=;"),
            ("  a=1  b=`2 3`", "a=1;b=2 3;"),
            ("=x", "=x;"),
            ("a==b", "a==b;"),
        ] {
            assert_eq!(round_trip(text), fields, "{text}");
        }
    }

    #[test]
    fn writes_quotes_where_needed() {
        let fields = [("a", "b"), ("c", ""), ("d", " \u{1b}x"), ("e", "f=\"g"), ("h", "i=j")];
        assert_eq!(write(fields.into_iter()), r#"a=b d=" \u001bx" e="f=\"g" h=i=j"#);
    }
}
