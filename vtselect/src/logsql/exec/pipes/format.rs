//! `format`: a text out of fields.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::super::ast::pipes;
use super::super::super::value::{
    format_duration, format_float, format_ipv4, format_rfc3339, parse_duration, parse_int, parse_uint,
};
use super::super::groups::Values;
use super::super::{Rows, Text, json};
use super::overwrite::pick;
use super::unix_time::parse_unix_time;
use super::{Condition, Transform};

pub(super) struct Format {
    shape: pipes::Format,
    condition: Condition,
}

impl Format {
    pub(super) fn new(shape: &pipes::Format, condition: Condition) -> Self {
        let shape = shape.clone();
        Self { shape, condition }
    }
}

impl Transform for Format {
    fn apply(&mut self, rows: &mut Rows) {
        let mask = self.condition.mask(rows);
        let steps = &self.shape.steps;
        let fields: Vec<Values<'_>> = steps.iter().map(|step| Values::of(rows, &step.field)).collect();
        let text = |row: usize| {
            let mut text = String::new();
            for (step, values) in steps.iter().zip(&fields) {
                text.push_str(&step.prefix);
                if !step.field.is_empty() {
                    write_value(&mut text, &step.option, values.get(row));
                }
            }
            Text::from(text)
        };
        let originals = Values::of(rows, &self.shape.result);
        let value = |row: usize| {
            let original = originals.text(row);
            if mask.has(row) {
                pick(self.shape.overwrite, &original, text(row))
            } else {
                original
            }
        };
        let values = (0..rows.len()).map(value).collect();
        rows.set(&self.shape.result, values);
    }
}

/// Writes a value in the form that the option asks for; as it is, if it has no such form.
fn write_value(out: &mut String, option: &str, value: &str) {
    let text = match option {
        "q" => return json::write_string(out, value),
        "lc" => return out.extend(value.chars().map(lower)),
        "uc" => return out.extend(value.chars().map(upper)),
        "urlencode" => return url_encode(out, value),
        "hexencode" => return value.bytes().for_each(|byte| write_hex(out, byte)),
        "hexdecode" => Some(hex_decode(value)),
        "urldecode" => Some(url_decode(value)),
        "base64encode" => Some(STANDARD.encode(value)),
        "base64decode" => STANDARD.decode(value).ok().map(|bytes| lossy(&bytes)),
        "time" => parse_unix_time(value).map(format_rfc3339),
        "duration" => parse_int(value).map(format_duration),
        "duration_seconds" => parse_duration(value).map(|ns| format_float(ns as f64 / 1e9)),
        "ipv4" => parse_uint(value).and_then(|n| u32::try_from(n).ok()).map(format_ipv4),
        "hexnumencode" => parse_uint(value).map(|n| format!("{n:016X}")),
        "hexnumdecode" => hex_number(value).map(|n| n.to_string()),
        _ => None,
    };
    out.push_str(text.as_deref().unwrap_or(value));
}

/// The upper case of a character, where that is a single one.
fn upper(c: char) -> char {
    single(c.to_uppercase(), c)
}

/// The lower case of a character, where that is a single one.
fn lower(c: char) -> char {
    single(c.to_lowercase(), c)
}

fn single(mut chars: impl Iterator<Item = char>, otherwise: char) -> char {
    match (chars.next(), chars.next()) {
        (Some(c), None) => c,
        _ => otherwise,
    }
}

/// Rows hold text: bytes that are not UTF-8 become replacement characters.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write_hex(out: &mut String, byte: u8) {
    let _ = write!(out, "{byte:02X}");
}

/// As in a form: letters, digits and `-._` stay, a space is `+`.
fn url_encode(out: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                write_hex(out, byte);
            }
        }
    }
}

/// What is no escape stays.
fn url_decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.split_at_checked(2).filter(|_| *first == b'%');
        (rest, _) = match escaped.and_then(|(digits, tail)| Some((tail, hex_byte(digits)?))) {
            Some((tail, byte)) => (tail, bytes.push(byte)),
            None => (tail, bytes.push(if *first == b'+' { b' ' } else { *first })),
        };
    }
    lossy(&bytes)
}

/// Pairs that are not hexadecimal stay.
fn hex_decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len() / 2);
    for pair in value.as_bytes().chunks(2) {
        match hex_byte(pair).filter(|_| pair.len() == 2) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(pair),
        }
    }
    lossy(&bytes)
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16);
    digits
        .iter()
        .try_fold(0u8, |byte, b| Some(byte << 4 | u8::try_from(digit(b)?).ok()?))
}

fn hex_number(value: &str) -> Option<u64> {
    let digits = value.len() <= 16 && value.bytes().all(|b| b.is_ascii_hexdigit());
    match value {
        "" => Some(0),
        value => digits.then(|| u64::from_str_radix(value, 16).ok())?,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_write_values_in_their_form() {
        for (option, value, expected) in [
            ("q", "a\"b", r#""a\"b""#),
            ("uc", "aßц", "AßЦ"),
            ("lc", "AЦ", "aц"),
            ("urlencode", "a b&ц~", "a+b%26%D1%86%7E"),
            ("urldecode", "a+b%20%d1%86%4%zz%", "a b ц%4%zz%"),
            ("hexencode", "aц", "61D186"),
            ("hexdecode", "61d186zz4", "aцzz4"),
            ("base64decode", "al", "al"),
            ("time", "1717328141", "2024-06-02T11:35:41Z"),
            ("time", "x", "x"),
            ("duration", "12345", "12µs345ns"),
            ("duration", "1.5", "1.5"),
            ("duration_seconds", "1m1.5s", "61.5"),
            ("ipv4", "16909060", "1.2.3.4"),
            ("ipv4", "4294967296", "4294967296"),
            ("hexnumencode", "1234", "00000000000004D2"),
            ("hexnumdecode", "4d2", "1234"),
            ("hexnumdecode", "xyz", "xyz"),
            ("unknown", "v", "v"),
        ] {
            let mut out = String::new();
            write_value(&mut out, option, value);
            assert_eq!(out, expected, "{option} {value}");
        }
    }
}
