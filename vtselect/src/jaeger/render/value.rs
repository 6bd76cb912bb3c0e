//! Tags: a key with a typed value.

use crate::http::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::value::{AttrValue, Attribute};

/// Integers beyond this lose digits in JavaScript: they are written as strings.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Appends `{"key":…,"type":…,"value":…},`.
pub(crate) fn tag(out: &mut Vec<u8>, attribute: &Attribute) {
    key(out, &attribute.key);
    match &attribute.value {
        AttrValue::Str(text) => quoted(out, text),
        AttrValue::Empty => quoted(out, ""),
        AttrValue::Bool(true) => out.extend_from_slice(b"bool\",\"value\":true"),
        AttrValue::Bool(false) => out.extend_from_slice(b"bool\",\"value\":false"),
        AttrValue::Int(number) => int(out, *number),
        AttrValue::Double(number) => {
            out.extend_from_slice(b"float64\",\"value\":");
            json::double(out, *number);
        }
        AttrValue::Bytes(bytes) => {
            out.extend_from_slice(b"binary\",\"value\":\"");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
        AttrValue::Array(_) | AttrValue::Map(_) => quoted(out, &attribute.value.to_text()),
    }
    out.extend_from_slice(b"},");
}

/// Appends a tag whose value is a text.
pub(crate) fn text_tag(out: &mut Vec<u8>, name: &str, text: &str) {
    key(out, name);
    quoted(out, text);
    out.extend_from_slice(b"},");
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"{\"key\":\"");
    json::escaped(out, name);
    out.extend_from_slice(b"\",\"type\":\"");
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"string\",\"value\":\"");
    json::escaped(out, text);
    out.push(b'"');
}

fn int(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(b"int64\",\"value\":");
    let safe = number.unsigned_abs() <= MAX_SAFE_INTEGER;
    if !safe {
        out.push(b'"');
    }
    json::signed(out, number);
    if !safe {
        out.push(b'"');
    }
}
