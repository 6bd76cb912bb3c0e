//! What must hold for any bytes that the OTLP readers are given. Shared by the fuzz targets and by the test that runs
//! their corpora.

use bytes::Bytes;
use common::otlp::decode;
use common::otlp::json;
use common::time::TimeRange;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use vtinsert::otlp::validate::{SpanLimits, Validated, Validator};

/// As deep as prost reads maps; see the module `validate` for where it and the walker differ on purpose.
const LIMITS: SpanLimits = SpanLimits {
    max_attributes: 100,
    max_value_depth: 24,
    max_key_length: 100,
};

/// Bytes as OTLP protobuf: what validation lets through is valid, stays as it is when validated again, and is read by
/// the decoder and by prost with as many spans as were counted.
pub(crate) fn protobuf(data: &[u8]) {
    let validator = Validator::new(LIMITS, TimeRange::ALL);
    let Ok(Validated { otlp, spans, .. }) = validator.validate(Bytes::copy_from_slice(data)) else {
        return;
    };
    let again = validator.validate(otlp.clone()).expect("a validated message is valid");
    assert_eq!((again.spans, again.rejections.total(), &again.otlp), (spans, 0, &otlp));
    let decoded = decode::spans(&otlp).expect("a validated message is readable");
    assert_eq!(decoded.len() as u64, spans);
    match ExportTraceServiceRequest::decode(&otlp[..]) {
        Ok(request) => {
            let scopes = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
            assert_eq!(scopes.map(|scope| scope.spans.len() as u64).sum::<u64>(), spans);
        }
        Err(error) => assert!(
            error.to_string().contains("StartGroup"),
            "prost refuses a validated message: {error}"
        ),
    }
}

/// Bytes as OTLP/JSON: what is converted is protobuf, not much larger than its text.
pub(crate) fn json(data: &[u8]) {
    let Ok(message) = json::to_protobuf(data) else { return };
    assert!(
        message.len() <= 8 * data.len() + 16,
        "{} bytes from {}",
        message.len(),
        data.len()
    );
    protobuf(&message);
    Validator::new(LIMITS, TimeRange::ALL)
        .validate(message.into())
        .expect("converted JSON has good frames");
}
