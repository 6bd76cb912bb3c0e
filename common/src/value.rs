//! Attribute values with the types OTLP gives them (`opentelemetry.proto.common.v1.AnyValue`).

use crate::wire::depth;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::sync::Arc;

/// A value of an attribute. Types survive storage: what came in as an int goes out as an int.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub enum AttrValue {
    /// An `AnyValue` without a value.
    #[default]
    Empty,
    Str(Arc<str>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Arc<[u8]>),
    #[serde(deserialize_with = "depth::bounded")]
    Array(Vec<AttrValue>),
    #[serde(deserialize_with = "depth::bounded")]
    Map(Vec<Attribute>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    pub key: Arc<str>,
    pub value: AttrValue,
}

impl Attribute {
    pub fn new(key: impl Into<Arc<str>>, value: impl Into<AttrValue>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// The value of `key` among `attributes`; the first wins where a key repeats.
pub fn find<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a AttrValue> {
    attributes.iter().find(|a| &*a.key == key).map(|a| &a.value)
}

/// The value of `key` among `attributes` where there is one, else what is inside of a map: `a.b` is the attribute of that
/// name, or what the map `a` has for `b`. Of several maps that of the longest key counts.
pub fn find_path<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a AttrValue> {
    find(attributes, key).or_else(|| {
        map_keys(key).find_map(|(map, inner)| match find(attributes, map)? {
            AttrValue::Map(entries) => find_path(entries, inner),
            _ => None,
        })
    })
}

/// The ways to read a key with dots as that of a map and one inside of it, the longest key of a map first.
pub fn map_keys(key: &str) -> impl Iterator<Item = (&str, &str)> {
    key.rmatch_indices('.')
        .filter_map(|(at, _)| Some((key.get(..at)?, key.get(at + 1..)?)))
}

impl AttrValue {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// Equality for stored values: like `==`, but a NaN equals itself bit for bit.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits(),
            (Self::Array(a), Self::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && a.value.same(&b.value))
            }
            _ => self == other,
        }
    }

    /// The value as a person would type it: text as it is, numbers in decimal, bytes in base64, arrays and maps as
    /// JSON. Search by text compares with this form.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out);
        out
    }

    /// Appends [`Self::to_text`] to `out`.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Self::Empty => {}
            Self::Str(s) => out.push_str(s),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Self::Double(d) => write_double(*d, out),
            Self::Bytes(b) => out.push_str(&base64_of(b)),
            Self::Array(_) | Self::Map(_) => self.write_json(out),
        }
    }

    /// Appends the value as JSON, maps in their order: as [`Self::to_json`], doubles as [`write_js_double`] has them.
    fn write_json(&self, out: &mut String) {
        match self {
            Self::Double(d) if d.is_finite() => write_js_double(*d, out),
            Self::Array(values) => write_list(('[', ']'), values, out, Self::write_json),
            Self::Map(entries) => write_list(('{', '}'), entries, out, |entry, out| {
                out.push_str(&serde_json::Value::from(&*entry.key).to_string());
                out.push(':');
                entry.value.write_json(out);
            }),
            value => out.push_str(&value.to_json().to_string()),
        }
    }

    /// The value as JSON: bytes as base64 text, a double that JSON cannot say (NaN, ±Inf) as text, a whole one as a
    /// whole number.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Empty => Json::Null,
            Self::Str(s) => Json::String(s.to_string()),
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => Json::from(*i),
            Self::Double(d) if d.fract() == 0.0 && d.abs() < EXACT => Json::from(*d as i64),
            Self::Double(d) => match serde_json::Number::from_f64(*d) {
                Some(n) => Json::Number(n),
                None => {
                    let mut text = String::new();
                    write_double(*d, &mut text);
                    Json::String(text)
                }
            },
            Self::Bytes(b) => Json::String(base64_of(b)),
            Self::Array(values) => Json::Array(values.iter().map(Self::to_json).collect()),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|a| (a.key.to_string(), a.value.to_json())).collect())
            }
        }
    }
}

/// Doubles below it are exact for whole numbers.
const EXACT: f64 = (1u64 << 53) as f64;

/// Appends a list in JSON.
fn write_list<T>((open, close): (char, char), items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

/// Appends a double in the shortest decimal form, with an exponent where JavaScript writes one: `72.5`, `1e+21`, `1e-7`.
pub fn write_js_double(d: f64, out: &mut String) {
    let size = d.abs();
    if size == 0.0 || !size.is_finite() || (1e-6..1e21).contains(&size) {
        return write_double(d, out);
    }
    let text = format!("{d:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            let _ = write!(out, "{digits}e+{exponent}");
        }
        _ => out.push_str(&text),
    }
}

/// Shortest decimal form that reads back the same: `72.5`, `3`, `NaN`, `+Inf`, `-Inf`.
pub fn write_double(d: f64, out: &mut String) {
    if d.is_nan() {
        out.push_str("NaN");
    } else if d.is_infinite() {
        out.push_str(if d > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _ = write!(out, "{d}");
    }
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl From<&str> for AttrValue {
    fn from(s: &str) -> Self {
        Self::Str(s.into())
    }
}

impl From<String> for AttrValue {
    fn from(s: String) -> Self {
        Self::Str(s.into())
    }
}

impl From<bool> for AttrValue {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for AttrValue {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<f64> for AttrValue {
    fn from(d: f64) -> Self {
        Self::Double(d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: Vec<Attribute>) -> AttrValue {
        AttrValue::Map(entries)
    }

    #[test]
    fn keys_with_dots_are_found_inside_of_maps() {
        let attributes = [
            Attribute::new("a.b", 1i64),
            Attribute::new("a", map(vec![Attribute::new("b", 2i64), Attribute::new("c.d", 3i64)])),
            Attribute::new("a", map(vec![Attribute::new("later", 4i64)])),
            Attribute::new(
                "a.c",
                map(vec![Attribute::new("d", 5i64), Attribute::new("e", map(vec![]))]),
            ),
        ];
        for (key, value) in [
            ("a.b", Some(AttrValue::Int(1))),
            ("a.c.d", Some(AttrValue::Int(5))),
            ("a.c.e", Some(map(vec![]))),
            ("a.later", None),
            ("a.b.c", None),
            ("b", None),
        ] {
            assert_eq!(find_path(&attributes, key), value.as_ref(), "{key}");
        }
    }
}
