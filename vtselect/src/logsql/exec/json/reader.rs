//! A JSON document as a tree of borrowed texts.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// How deep arrays and objects may be nested.
const MAX_DEPTH: u32 = 128;

/// A value. Numbers, `true` and `false` keep their text.
#[derive(Debug, Clone)]
pub(super) enum Value<'t> {
    Null,
    Plain(&'t str),
    String(Cow<'t, str>),
    Array(Vec<Value<'t>>),
    Object(Vec<(Cow<'t, str>, Value<'t>)>),
}

impl Value<'_> {
    /// A string itself; anything else as JSON text without spaces.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::String(text) => text.into_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Plain(text) => f.write_str(text),
            Self::String(text) => write_quoted(f, text),
            Self::Array(items) => {
                f.write_char('[')?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    write_quoted(f, name)?;
                    f.write_char(':')?;
                    value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// What is left of the text.
pub(super) struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// The value that the whole text is.
    pub(super) fn read(text: &'t str) -> Option<Value<'t>> {
        let mut reader = Self { rest: text };
        let value = reader.value(0)?;
        reader.skip_spaces();
        reader.rest.is_empty().then_some(value)
    }

    fn value(&mut self, depth: u32) -> Option<Value<'t>> {
        self.skip_spaces();
        match self.rest.bytes().next()? {
            b'"' => self.string().map(Value::String),
            b'[' if depth < MAX_DEPTH => self.array(depth + 1),
            b'{' if depth < MAX_DEPTH => self.object(depth + 1),
            b'[' | b'{' => None,
            _ => self.plain(),
        }
    }

    fn array(&mut self, depth: u32) -> Option<Value<'t>> {
        let mut items = Vec::new();
        self.eat('[');
        if self.eat(']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.eat(']') {
                return Some(Value::Array(items));
            }
            self.expect(',')?;
        }
    }

    fn object(&mut self, depth: u32) -> Option<Value<'t>> {
        let mut members = Vec::new();
        self.eat('{');
        if self.eat('}') {
            return Some(Value::Object(members));
        }
        loop {
            self.skip_spaces();
            let name = self.string()?;
            self.expect(':')?;
            members.push((name, self.value(depth)?));
            if self.eat('}') {
                return Some(Value::Object(members));
            }
            self.expect(',')?;
        }
    }

    fn plain(&mut self) -> Option<Value<'t>> {
        let ends = |b: u8| matches!(b, b',' | b']' | b'}' | b':' | b'"' | b'[' | b'{') || b.is_ascii_whitespace();
        let end = self.rest.bytes().position(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match text {
            "null" => Some(Value::Null),
            "true" | "false" => Some(Value::Plain(text)),
            _ => is_number(text).then_some(Value::Plain(text)),
        }
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        let body = self.rest.strip_prefix('"')?;
        let end = body.bytes().position(|b| matches!(b, b'"' | b'\\'))?;
        let (plain, tail) = body.split_at_checked(end)?;
        if let Some(rest) = tail.strip_prefix('"') {
            self.rest = rest;
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        let mut rest = tail;
        loop {
            let end = rest.bytes().position(|b| matches!(b, b'"' | b'\\'))?;
            let (plain, tail) = rest.split_at_checked(end)?;
            text.push_str(plain);
            if let Some(after) = tail.strip_prefix('"') {
                self.rest = after;
                return Some(Cow::Owned(text));
            }
            rest = unescape(tail.strip_prefix('\\')?, &mut text)?;
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip_spaces();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.eat(c).then_some(())
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let named = ["nan", "inf", "infinity"];
    let number_byte = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+');
    named.iter().any(|name| digits.eq_ignore_ascii_case(name))
        || digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(number_byte)
}

/// Appends what stands after a backslash; an unknown escape stays as it is.
fn unescape<'t>(tail: &'t str, text: &mut String) -> Option<&'t str> {
    let c = tail.chars().next()?;
    let rest = tail.get(c.len_utf8()..)?;
    match c {
        '"' | '\\' | '/' => text.push(c),
        'b' => text.push('\u{8}'),
        'f' => text.push('\u{c}'),
        'n' => text.push('\n'),
        'r' => text.push('\r'),
        't' => text.push('\t'),
        'u' => return Some(unescape_code(rest, text)),
        c => text.extend(['\\', c]),
    }
    Some(rest)
}

/// `00e9`, or two of them for a character beyond 16 bits.
fn unescape_code<'t>(tail: &'t str, text: &mut String) -> &'t str {
    let Some((high, rest)) = hex(tail) else {
        text.push_str("\\u");
        return tail;
    };
    if let Some(c) = char::from_u32(high) {
        text.push(c);
        return rest;
    }
    let low = rest.strip_prefix("\\u").and_then(hex);
    match low.filter(|(low, _)| (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(low)) {
        Some((low, rest)) => {
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            rest
        }
        None => {
            text.push(char::REPLACEMENT_CHARACTER);
            rest
        }
    }
}

fn hex(tail: &str) -> Option<(u32, &str)> {
    let (digits, rest) = tail.split_at_checked(4)?;
    let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
    Some((all.then(|| u32::from_str_radix(digits, 16).ok())??, rest))
}
