//! Ids as Jaeger reads and prints them.

use crate::http::json;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use common::ids::TraceId;

/// A text that is no trace id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 32 hexadecimal digits, or 8 or 16 bytes in base64, got {0:?}")]
pub(crate) struct TraceIdError(String);

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// 16 bytes in base64 with padding.
const MAX_BASE64_LEN: usize = 24;

/// Reads 1 to 32 hexadecimal digits (left-padded with zeros) or, where they are none, base64 of 8 or 16 bytes.
pub(crate) fn parse_trace_id(text: &str) -> Result<TraceId, TraceIdError> {
    text.parse()
        .or_else(|_| from_base64(text).ok_or_else(|| TraceIdError(text.chars().take(80).collect())))
}

fn from_base64(text: &str) -> Option<TraceId> {
    if text.len() > MAX_BASE64_LEN {
        return None;
    }
    let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
    match bytes.len() {
        16 => bytes.try_into().ok().map(TraceId),
        8 => {
            let low: [u8; 8] = bytes.try_into().ok()?;
            Some(TraceId(u128::from(u64::from_be_bytes(low)).to_be_bytes()))
        }
        _ => None,
    }
}

/// Appends a trace id: 16 digits where its upper half is zero, else 32.
pub(crate) fn write_trace_id(out: &mut Vec<u8>, id: TraceId) {
    match id.0.split_at(8) {
        (high, low) if high.iter().all(|byte| *byte == 0) => json::hex(out, low),
        _ => json::hex(out, &id.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_come_first_then_base64() {
        let id = |low: u128| Ok(TraceId(low.to_be_bytes()));
        assert_eq!(parse_trace_id("1"), id(1));
        assert_eq!(parse_trace_id("00000000000000FF"), id(255));
        assert_eq!(parse_trace_id("AAAAAAAAAP8="), id(255));
        assert_eq!(parse_trace_id("AAAAAAAAAP8"), id(255));
        assert_eq!(parse_trace_id("AAAAAAAAAAAAAAAAAAAAAQ=="), id(1));
        assert_eq!(parse_trace_id("__________8"), id(u128::from(u64::MAX)));
        assert_eq!(parse_trace_id("//////////8="), id(u128::from(u64::MAX)));
        for bad in ["", "xyz", "AAAZ", &"0".repeat(33), "not/an+id", "é"] {
            assert!(parse_trace_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn short_ids_print_short() {
        let text = |low: u128| {
            let mut out = Vec::new();
            write_trace_id(&mut out, TraceId(low.to_be_bytes()));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(1), "0000000000000001");
        assert_eq!(text(1 << 64), format!("{:032x}", 1u128 << 64));
    }
}
