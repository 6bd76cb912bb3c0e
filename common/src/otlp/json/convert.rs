//! Follows the JSON text with the tables of [`super::schema`] and writes protobuf as it goes, keeping the path to
//! the value at hand for errors.

use super::JsonError;
use super::scalar::{Scalar, expected};
use super::schema::{Field, Kind, Message, REQUEST};
use crate::otlp::view::MAX_VALUE_DEPTH;
use crate::otlp::write::MessageWriter;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::fmt::Write as _;

/// The state of one conversion.
pub(super) struct Converter {
    out: MessageWriter,
    path: Vec<Step>,
    /// Arrays and maps around the value at hand
    depth: usize,
}

/// A step on the way to a value.
enum Step {
    Field(&'static str),
    Index(usize),
}

impl Converter {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            out: MessageWriter::with_capacity(capacity),
            path: Vec::new(),
            depth: 0,
        }
    }

    pub(super) fn convert(mut self, text: &str) -> Result<Vec<u8>, JsonError> {
        let mut json = serde_json::Deserializer::from_str(text);
        // Depth is bounded here, by MAX_VALUE_DEPTH; skipping unknown fields does not recurse.
        json.disable_recursion_limit();
        let read = json.deserialize_any(Root(&mut self)).and_then(|()| json.end());
        match read {
            Ok(()) => Ok(self.out.finish()),
            Err(error) => Err(JsonError(format!("{}{error}", self.path_text()))),
        }
    }

    /// `resourceSpans[0].scopeSpans[1].spans[7].traceId: `, or nothing at the top.
    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            let dot = if text.is_empty() { "" } else { "." };
            let _ = match step {
                Step::Field(name) => write!(text, "{dot}{name}"),
                Step::Index(index) => write!(text, "[{index}]"),
            };
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text
    }

    /// Reads the fields of a message. On an error the path stays where it is.
    fn fields<'de, A: MapAccess<'de>>(&mut self, message: &'static Message, mut map: A) -> Result<(), A::Error> {
        while let Some(known) = map.next_key_seed(Name(message))? {
            match known {
                Some(field) => {
                    self.path.push(Step::Field(field.json));
                    map.next_value_seed(Value {
                        to: self,
                        field,
                        keep_defaults: message.is_union,
                    })?;
                    self.path.pop();
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    /// Writes one nested message.
    fn message<'de, A: MapAccess<'de>>(
        &mut self,
        number: u32,
        message: &'static Message,
        mut map: A,
    ) -> Result<(), A::Error> {
        let open = self.out.open(number);
        if message.nests && self.depth == MAX_VALUE_DEPTH {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        } else {
            self.depth += usize::from(message.nests);
            self.fields(message, map)?;
            self.depth -= usize::from(message.nests);
        }
        self.out.close(open);
        Ok(())
    }
}

/// The request itself.
struct Root<'c>(&'c mut Converter);

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ExportTraceServiceRequest object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.fields(&REQUEST, map)
    }
}

/// The name of a field of a message.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name))
    }
}

/// The value of a field, or one item of a repeated field.
struct Value<'c> {
    to: &'c mut Converter,
    field: &'static Field,
    keep_defaults: bool,
}

impl<'c> Value<'c> {
    fn scalar(self) -> Scalar<'c> {
        Scalar {
            out: &mut self.to.out,
            field: self.field,
            keep_defaults: self.keep_defaults,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !matches!(self.field.kind, Kind::Double) {
            return deserializer.deserialize_any(self);
        }
        // serde_json reads a double some last bits off; the standard library reads it exactly.
        let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
        let text = raw.get();
        match (text.parse::<f64>(), serde_json::from_str::<&str>(text)) {
            (Ok(number), _) if number.is_finite() => self.scalar().double(number),
            (Ok(_), _) => return Err(D::Error::custom(format!("number {text} is out of range"))),
            (_, Ok(text)) => self.scalar().text(text).map_err(D::Error::custom)?,
            _ if text == "null" => {}
            _ => return Err(D::Error::custom(format!("expected {}", expected(self.field.kind)))),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(expected(self.field.kind))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar().bool(value).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar().number(value.into()).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar().number(value.into()).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar().float(value).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar().text(value).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !matches!(self.field.kind, Kind::Messages(_) | Kind::Texts) {
            return Err(A::Error::custom(format!(
                "expected {}, got an array",
                expected(self.field.kind)
            )));
        }
        let Value { to, field, .. } = self;
        to.path.push(Step::Index(0));
        while seq
            .next_element_seed(Item(Value {
                to: &mut *to,
                field,
                keep_defaults: true,
            }))?
            .is_some()
        {
            if let Some(Step::Index(index)) = to.path.last_mut() {
                *index += 1;
            }
        }
        to.path.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.field.kind {
            Kind::Message(message) => self.to.message(self.field.number, message, map),
            kind => Err(A::Error::custom(format!("expected {}, got an object", expected(kind)))),
        }
    }
}

/// An item of a repeated field.
struct Item<'c>(Value<'c>);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.field.kind {
            Kind::Messages(_) => "an object",
            _ => "a text",
        })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self.0.field.kind {
            Kind::Texts => {
                self.0.to.out.bytes(self.0.field.number, value.as_bytes());
                Ok(())
            }
            _ => Err(E::custom("expected an object, got a text")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.0.field.kind {
            Kind::Messages(message) => self.0.to.message(self.0.field.number, message, map),
            _ => Err(A::Error::custom("expected a text, got an object")),
        }
    }
}
