//! JSON as pipes read and write it: texts as strings, anything else as its own text.
//!
//! Reading is lenient in what a value may be: `NaN` and `inf` are numbers, as in the reference.

mod reader;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use super::super::ast::MESSAGE;
use reader::{Reader, Value};

/// Longest name of an unpacked field, bytes; an object with a longer one stays JSON text.
pub const MAX_NAME: usize = 128;

/// Appends a string in quotes. `<` and `'` are escaped, so that the text can stand in HTML.
pub fn write_string(out: &mut String, s: &str) {
    out.push('"');
    let plain = plain_prefix(s.as_bytes());
    out.push_str(s.get(..plain).unwrap_or(""));
    let s = s.get(plain..).unwrap_or("");
    let mut written = 0;
    for (at, byte) in s.bytes().enumerate() {
        if is_plain(byte) {
            continue;
        }
        out.push_str(s.get(written..at).unwrap_or(""));
        written = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(s.get(written..).unwrap_or(""));
    out.push('"');
}

/// Whether a byte stands for itself between quotes.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'<' | b'\'')
}

/// So many bytes are looked at at once.
const LANES: usize = 16;

/// The length of a part of the text in front that is plain, up to the end of a character; not always the longest.
fn plain_prefix(bytes: &[u8]) -> usize {
    let is_all_plain = |lanes: &&[u8; LANES]| lanes.iter().fold(true, |all, byte| all & is_plain(*byte));
    let (lanes, rest) = bytes.as_chunks::<LANES>();
    let plain = lanes.iter().take_while(is_all_plain).count();
    if plain == lanes.len() && rest.iter().fold(true, |all, byte| all & is_plain(*byte)) {
        return bytes.len();
    }
    // Not within a character.
    let is_start = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    (0..=plain * LANES).rev().find(is_start).unwrap_or_default()
}

/// The non-empty fields as an object.
pub fn object<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let mut out = String::from("{");
    for (name, value) in fields.filter(|(_, value)| !value.is_empty()) {
        if out.len() > 1 {
            out.push(',');
        }
        write_string(&mut out, name);
        out.push(':');
        write_string(&mut out, value);
    }
    out.push('}');
    out
}

/// The texts as an array of strings.
pub fn array<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut out = String::from("[");
    for text in texts {
        if out.len() > 1 {
            out.push(',');
        }
        write_string(&mut out, text);
    }
    out.push(']');
    out
}

/// The items of an array; strings without quotes, other items as JSON text. Nothing for text that is no array.
pub fn array_items(text: &str) -> Vec<String> {
    if !text.starts_with('[') {
        return Vec::new();
    }
    match Reader::read(text) {
        Some(Value::Array(items)) => items.into_iter().map(Value::into_text).collect(),
        _ => Vec::new(),
    }
}

/// The fields of an object; those of objects inside have names joined by dots, arrays are JSON text, `null` is left
/// out. `None` for text that is no object. When the object's own names are too long, it is `_msg` as a whole.
pub fn object_fields(text: &str, max_name: usize) -> Option<Vec<(String, String)>> {
    let Some(Value::Object(members)) = text.starts_with('{').then(|| Reader::read(text)).flatten() else {
        return None;
    };
    let mut fields = Vec::with_capacity(members.len());
    if !flatten(&members, "", max_name, &mut fields) {
        fields = vec![(MESSAGE.to_owned(), Value::Object(members).into_text())];
    }
    Some(fields)
}

/// False when a name is too long; `fields` is then as it was.
fn flatten<'t>(
    members: &[(std::borrow::Cow<'t, str>, Value<'t>)],
    prefix: &str,
    max_name: usize,
    fields: &mut Vec<(String, String)>,
) -> bool {
    let before = fields.len();
    for (name, value) in members {
        let name = if prefix.is_empty() {
            name.clone().into_owned()
        } else {
            format!("{prefix}.{name}")
        };
        let added = match value {
            Value::Null => true,
            Value::Object(inner) if flatten(inner, &name, max_name, fields) => true,
            _ if name.len() > max_name => false,
            other => {
                fields.push((name, other.clone().into_text()));
                true
            }
        };
        if !added {
            fields.truncate(before);
            return false;
        }
    }
    true
}
