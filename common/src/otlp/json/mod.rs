//! OTLP/JSON (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding") into OTLP protobuf, field by field as the
//! text is read: memory stays within about the size of the text, whatever it says. Ids are hexadecimal, numbers may
//! be texts, enumerations names or numbers, field names in camel case or as in the `.proto` files; `null` is absent
//! and unknown fields are skipped. It judges form, not content: what a span may hold is for whoever takes it in.

mod convert;
mod scalar;
mod schema;
#[cfg(test)]
mod tests;

use convert::Converter;

/// A text that is no `ExportTraceServiceRequest`: where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// The protobuf form of an `ExportTraceServiceRequest` in JSON.
///
/// A value nested deeper than [`crate::otlp::view::MAX_VALUE_DEPTH`] levels is cut one level below: validation
/// refuses its span then, and only that.
///
/// # Errors
/// The text is not JSON, or a known field has a value that it cannot hold; the message names its path.
pub fn to_protobuf(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let text = std::str::from_utf8(json)
        .map_err(|error| JsonError(format!("text is not valid utf-8 at byte {}", error.valid_up_to())))?;
    Converter::new(text.len() / 2).convert(text)
}
