//! `ExportTraceServiceResponse`, in protobuf and in JSON.

use super::validate::Rejections;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use serde_json::json;

/// In protobuf; empty where all spans were taken.
pub(super) fn protobuf(rejections: &Rejections) -> Vec<u8> {
    let rejected = rejections.total();
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: rejections.to_string(),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

/// In JSON; an empty object where all spans were taken.
pub(super) fn json(rejections: &Rejections) -> String {
    match rejections.total() {
        0 => "{}".to_owned(),
        rejected => json!({
            "partialSuccess": {
                "rejectedSpans": rejected.to_string(),
                "errorMessage": rejections.to_string(),
            }
        })
        .to_string(),
    }
}
