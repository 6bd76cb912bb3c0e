//! Quoting: which words need quotes to be themselves, and reading and printing quoted strings.

use std::fmt;

use super::chars::{is_printed, is_token_char};
use super::parse::{is_pipe_word, is_stats_word};
use super::value::is_number_prefix;

/// Words that mean something else without quotes, besides the names of pipes and statistics functions. Sorted.
const RESERVED: [&str; 21] = [
    "and",
    "contains_all",
    "contains_any",
    "eq_field",
    "exact",
    "i",
    "in",
    "ipv4_range",
    "le_field",
    "len_range",
    "lt_field",
    "not",
    "now",
    "offset",
    "options",
    "or",
    "range",
    "re",
    "seq",
    "string_range",
    "value_type",
];

/// A word or phrase as the canonical text shows it: quoted when it would not be read back as itself.
pub fn quote_if_needed(s: &str) -> String {
    Quoted(s).to_string()
}

/// Displays a word, in quotes if it needs them.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if needs_quotes(self.0) {
            write_quoted(f, self.0)
        } else {
            f.write_str(self.0)
        }
    }
}

/// Displays a string that must not look like a number without quotes.
pub(super) struct QuotedString<'a>(pub(super) &'a str);

impl fmt::Display for QuotedString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_number_prefix(self.0) {
            write_quoted(f, self.0)
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

/// Displays text that was read as one value (a number, a time) as it was, in quotes only if it could not be read back.
pub(super) struct Verbatim<'a>(pub(super) &'a str);

impl fmt::Display for Verbatim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let breaks =
            |c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '[' | ']' | '|' | '#' | '"' | '\'' | '`');
        if self.0.is_empty() || self.0.contains(breaks) {
            write_quoted(f, self.0)
        } else {
            f.write_str(self.0)
        }
    }
}

/// Displays a string in double quotes.
pub(super) struct InQuotes<'a>(pub(super) &'a str);

impl fmt::Display for InQuotes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, self.0)
    }
}

fn needs_quotes(s: &str) -> bool {
    s.is_empty() || !s.chars().all(is_token_char) || is_reserved(s)
}

fn is_reserved(word: &str) -> bool {
    let word = word.to_lowercase();
    RESERVED.binary_search(&word.as_str()).is_ok() || is_pipe_word(&word) || is_stats_word(&word)
}

fn write_quoted(f: &mut fmt::Formatter<'_>, s: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in s.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\u{7}' => f.write_str("\\a")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{b}' => f.write_str("\\v")?,
            c if is_printed(c) => write!(f, "{c}")?,
            c if c.is_ascii() => write!(f, "\\x{:02x}", u32::from(c))?,
            c if u32::from(c) <= 0xffff => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "\\U{:08x}", u32::from(c))?,
        }
    }
    f.write_str("\"")
}

/// The string that `s` starts with, in double quotes, single quotes or backquotes, and the length of its text.
/// `None` when the quote is not closed or an escape is wrong.
pub(super) fn unquote_prefix(s: &str) -> Option<(String, usize)> {
    let quote = s.chars().next()?;
    if quote == '`' {
        let end = s.get(1..)?.find('`')?;
        return Some((s.get(1..=end)?.replace('\r', ""), end + 2));
    }
    let mut rest = s.get(1..)?;
    let mut bytes = Vec::new();
    loop {
        let c = rest.chars().next()?;
        let tail = rest.get(c.len_utf8()..)?;
        if c == quote {
            return Some((String::from_utf8(bytes).ok()?, s.len() - tail.len()));
        }
        rest = match c {
            '\\' => unescape(tail, quote, &mut bytes)?,
            '\n' if quote == '"' => return None,
            c => {
                bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                tail
            }
        };
    }
}

/// Appends what the escape after a backslash stands for and returns what follows it.
fn unescape<'s>(s: &'s str, quote: char, out: &mut Vec<u8>) -> Option<&'s str> {
    let c = s.chars().next()?;
    let tail = s.get(c.len_utf8()..)?;
    let plain = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' | '\'' if c == quote => u8::try_from(c).ok()?,
        'x' => return push_code(tail, 2, 16, quote, out),
        '0'..='7' => return push_code(s, 3, 8, quote, out),
        'u' => return push_char(tail, 4, out),
        'U' => return push_char(tail, 8, out),
        _ => return None,
    };
    out.push(plain);
    Some(tail)
}

/// `\xff` and `\377`: a byte in double quotes, a character in single quotes.
fn push_code<'s>(s: &'s str, digits: usize, radix: u32, quote: char, out: &mut Vec<u8>) -> Option<&'s str> {
    let (code, tail) = split_code(s, digits, radix)?;
    let byte = u8::try_from(code).ok()?;
    if quote == '"' {
        out.push(byte);
    } else {
        out.extend(char::from(byte).encode_utf8(&mut [0; 4]).bytes());
    }
    Some(tail)
}

fn push_char<'s>(s: &'s str, digits: usize, out: &mut Vec<u8>) -> Option<&'s str> {
    let (code, tail) = split_code(s, digits, 16)?;
    out.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).bytes());
    Some(tail)
}

fn split_code(s: &str, digits: usize, radix: u32) -> Option<(u32, &str)> {
    let (code, tail) = s.split_at_checked(digits)?;
    let all = code.chars().all(|c| c.is_digit(radix));
    Some((all.then(|| u32::from_str_radix(code, radix).ok())??, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn quotes_only_where_needed() {
        for (word, shown) in [
            ("foo.bar_1", "foo.bar_1"),
            ("ЙЦУК", "ЙЦУК"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("AnD", "\"AnD\""),
            ("where", "\"where\""),
            ("count_uniq", "\"count_uniq\""),
            ("split", "split"),
            ("a\"\\\n\u{1}\u{ad}\u{10ffff}", r#""a\"\\\n\x01\u00ad\U0010ffff""#),
        ] {
            assert_eq!(quote_if_needed(word), shown);
        }
        assert_eq!(QuotedString("1a").to_string(), "\"1a\"");
        assert_eq!(Verbatim("2024-01-01T00:00:00Z").to_string(), "2024-01-01T00:00:00Z");
    }

    #[test]
    fn reads_the_three_quotes() {
        for (text, value, length) in [
            (r#""a\"b\x41\101\u00e9\t" x"#, "a\"bA\u{41}é\t", 22),
            (r"'it\'s \xe9'", "it's é", 12),
            ("`a\\n\r`x", "a\\n", 6),
            ("''", "", 2),
            ("'a\nb'", "a\nb", 5),
        ] {
            assert_eq!(unquote_prefix(text), Some((value.to_owned(), length)), "{text}");
        }
        for wrong in [
            "\"",
            "\"a",
            "'a",
            "`a",
            r#""\q""#,
            r#""\'""#,
            r#"'\"'"#,
            "\"a\nb\"",
            r#""\ud800""#,
            r#""\xff""#,
            r#""\400""#,
            r#""\x4""#,
        ] {
            assert_eq!(unquote_prefix(wrong), None, "{wrong}");
        }
    }
}
