//! JSON (RFC 8259) appended to a byte buffer, without values in between.

use std::io::Write as _;

/// Appends `text` as a JSON string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Appends the characters of `text` as they stand between the quotes of a JSON string.
pub fn escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(copied..i).unwrap_or_default());
        copied = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                hex(out, &[*byte]);
            }
        }
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
}

/// Appends lower-case hexadecimal digits.
pub fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Appends a decimal number.
pub fn unsigned(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut first = digits.len();
    for (i, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = i;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Appends a decimal number with its sign.
pub fn signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    unsigned(out, number.unsigned_abs());
}

/// Appends a finite number in the shortest form that reads back the same, with an exponent where it is very large
/// or very small; what JSON cannot say (NaN, infinities) as a string.
pub fn double(out: &mut Vec<u8>, number: f64) {
    let magnitude = number.abs();
    // Writing to a Vec does not fail.
    let _ = if !number.is_finite() {
        let mut text = String::new();
        common::value::write_double(number, &mut text);
        write!(out, "\"{text}\"")
    } else if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        write!(out, "{number}")
    } else {
        write!(out, "{number:e}")
    };
}

/// Compact JSON with line breaks and `indent` spaces per level, as Go's `json.MarshalIndent` prints it.
pub fn pretty(compact: &[u8], indent: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let mut depth = 0usize;
    let (mut in_string, mut in_escape) = (false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * indent, b' ');
    };
    for (i, byte) in compact.iter().enumerate() {
        if in_string {
            out.push(*byte);
            in_string = in_escape || *byte != b'"';
            in_escape = !in_escape && *byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(*byte);
                if !matches!(compact.get(i + 1), Some(b'}' | b']')) {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                if !matches!(compact.get(i.wrapping_sub(1)), Some(b'{' | b'[')) {
                    depth = depth.saturating_sub(1);
                    line(&mut out, depth);
                }
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_string = *byte == b'"';
                out.push(*byte);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn strings_read_back(text in any::<String>()) {
            let json = written(|out| string(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn numbers_read_back(u in any::<u64>(), i in any::<i64>(), d in any::<f64>()) {
            prop_assert_eq!(written(|out| unsigned(out, u)), u.to_string());
            prop_assert_eq!(written(|out| signed(out, i)), i.to_string());
            if d.is_finite() {
                let json = written(|out| double(out, d));
                prop_assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_number());
                prop_assert_eq!(json.parse::<f64>().unwrap().to_bits(), d.to_bits());
            }
        }
    }

    #[test]
    fn doubles_print_as_people_expect() {
        for (number, json) in [
            (72.5, "72.5"),
            (3.0, "3"),
            (0.0, "0"),
            (1e21, "1e21"),
            (1e-7, "1e-7"),
            (f64::NAN, "\"NaN\""),
        ] {
            assert_eq!(written(|out| double(out, number)), json);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(written(|out| string(out, "a\"\\\n\u{1}é")), "\"a\\\"\\\\\\n\\u0001é\"");
    }

    #[test]
    fn pretty_indents_all_but_empty_lists() {
        let json = br#"{"a":[1,{"b":"x,:{}\""}],"c":[],"d":{}}"#;
        let expected =
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x,:{}\\\"\"\n    }\n  ],\n  \"c\": [],\n  \"d\": {}\n}";
        assert_eq!(String::from_utf8(pretty(json, 2)).unwrap(), expected);
    }
}
