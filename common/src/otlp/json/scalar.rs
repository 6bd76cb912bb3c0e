//! Single JSON values into protobuf fields. Errors say what was expected; the caller knows where.

use super::schema::{Field, Kind};
use crate::otlp::write::MessageWriter;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// Writes fields of one message; `keep_defaults` also those that protobuf leaves out (empty, zero, false).
pub(super) struct Scalar<'w> {
    pub out: &'w mut MessageWriter,
    pub field: &'static Field,
    pub keep_defaults: bool,
}

impl Scalar<'_> {
    /// A JSON text.
    pub(super) fn text(self, text: &str) -> Result<(), String> {
        match self.field.kind {
            Kind::Text => self.bytes(text.as_bytes()),
            Kind::HexId => {
                let id = hex(text).ok_or_else(|| unlike(self.expected(), text))?;
                self.bytes(&id);
            }
            Kind::Base64 => {
                let engine = if text.contains(['-', '_']) {
                    &BASE64_URL
                } else {
                    &BASE64
                };
                let bytes = engine.decode(text).map_err(|_| unlike(self.expected(), text))?;
                self.bytes(&bytes);
            }
            Kind::Double => {
                let value = text.trim().parse().map_err(|_| unlike(self.expected(), text))?;
                self.double(value);
            }
            Kind::Enum(names) => match names.iter().position(|name| *name == text) {
                Some(number) => self.varint(number as u64),
                None => return self.integer_text(text),
            },
            Kind::Uint32 | Kind::Int64 | Kind::Fixed32 | Kind::Fixed64 => {
                return self.integer_text(text);
            }
            Kind::Bool | Kind::Message(_) | Kind::Messages(_) | Kind::Texts => {
                return Err(unlike(self.expected(), text));
            }
        }
        Ok(())
    }

    fn integer_text(self, text: &str) -> Result<(), String> {
        match integer(text) {
            Some(number) => self.number(number),
            None => Err(unlike(self.expected(), text)),
        }
    }

    /// A JSON number without a fraction.
    pub(super) fn number(self, number: i128) -> Result<(), String> {
        let range = |_| format!("number {number} is out of range");
        match self.field.kind {
            Kind::Uint32 => self.varint(u64::from(u32::try_from(number).map_err(range)?)),
            Kind::Int64 => self.varint(i64::try_from(number).map_err(range)?.cast_unsigned()),
            Kind::Enum(_) => self.varint(i64::from(i32::try_from(number).map_err(range)?).cast_unsigned()),
            Kind::Fixed32 => {
                let number = u32::try_from(number).map_err(range)?;
                if self.keep_defaults || number != 0 {
                    self.out.fixed32(self.field.number, number);
                }
            }
            Kind::Fixed64 => {
                let number = u64::try_from(number).map_err(range)?;
                if self.keep_defaults || number != 0 {
                    self.out.fixed64(self.field.number, number);
                }
            }
            _ => return Err(format!("expected {}, got number {number}", self.expected())),
        }
        Ok(())
    }

    /// A JSON number with a fraction or an exponent, or too large for 64 bits.
    pub(super) fn float(self, number: f64) -> Result<(), String> {
        match whole(number) {
            Some(number) => self.number(number),
            None => Err(format!("expected {}, got number {number}", self.expected())),
        }
    }

    pub(super) fn bool(self, value: bool) -> Result<(), String> {
        match self.field.kind {
            Kind::Bool => {
                self.varint(u64::from(value));
                Ok(())
            }
            _ => Err(format!("expected {}, got {value}", self.expected())),
        }
    }

    /// A number as it stands in the text, for its nearest double.
    pub(super) fn double(self, value: f64) {
        if self.keep_defaults || value.to_bits() != 0 {
            self.out.fixed64(self.field.number, value.to_bits());
        }
    }

    fn bytes(self, value: &[u8]) {
        if self.keep_defaults || !value.is_empty() {
            self.out.bytes(self.field.number, value);
        }
    }

    fn varint(self, value: u64) {
        if self.keep_defaults || value != 0 {
            self.out.varint(self.field.number, value);
        }
    }

    fn expected(&self) -> &'static str {
        expected(self.field.kind)
    }
}

/// What JSON says for a field of this kind.
pub(super) fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::HexId => "a text of pairs of hexadecimal digits",
        Kind::Base64 => "a text in base64",
        Kind::Bool => "true or false",
        Kind::Uint32 | Kind::Int64 | Kind::Fixed32 | Kind::Fixed64 => "an integer",
        Kind::Double => "a number",
        Kind::Enum(_) => "a name or a number of the enumeration",
        Kind::Message(_) => "an object",
        Kind::Messages(_) => "an array of objects",
        Kind::Texts => "an array of texts",
    }
}

fn unlike(expected: &str, text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    let dots = if start.len() < text.len() { "…" } else { "" };
    format!("expected {expected}, got {start:?}{dots}")
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

fn integer(text: &str) -> Option<i128> {
    let text = text.trim();
    text.parse::<i128>().ok().or_else(|| whole(text.parse().ok()?))
}

/// The integer that `number` is, where a double can tell it from its neighbours.
fn whole(number: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i128)
}
