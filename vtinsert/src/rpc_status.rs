//! `google.rpc.Status`, the body of errors in OTLP/HTTP and the details of errors in OTLP/gRPC, in protobuf and JSON.

use crate::error::InsertError;
use prost::Message;
use serde_json::json;
use std::time::Duration;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Detail>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, Message)]
pub struct Detail {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, Copy, PartialEq, Message)]
pub struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<RetryDelay>,
}

/// `google.protobuf.Duration`
#[derive(Clone, Copy, PartialEq, Message)]
pub struct RetryDelay {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<Duration> for RetryDelay {
    fn from(delay: Duration) -> Self {
        Self {
            seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(delay.subsec_nanos()).unwrap_or_default(),
        }
    }
}

impl RpcStatus {
    /// The status of `error`, with a `RetryInfo` where trying again makes sense.
    pub fn of(error: &InsertError) -> Self {
        let verdict = error.verdict();
        let details = verdict.retry_after.map(|delay| Detail {
            type_url: RETRY_INFO.to_owned(),
            value: RetryInfo {
                retry_delay: Some(delay.into()),
            }
            .encode_to_vec(),
        });
        Self {
            code: verdict.grpc as i32,
            message: error.to_string(),
            details: details.into_iter().collect(),
        }
    }

    /// The status of `error` in protobuf's JSON form.
    pub fn json_of(error: &InsertError) -> String {
        let verdict = error.verdict();
        let mut status = json!({ "code": verdict.grpc as i32, "message": error.to_string() });
        if let Some(delay) = verdict.retry_after {
            let delay = format!("{}s", delay.as_secs_f64());
            status["details"] = json!([{ "@type": RETRY_INFO, "retryDelay": delay }]);
        }
        status.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::contract::WriteError;

    fn overloaded() -> InsertError {
        InsertError::Write(WriteError::Overloaded {
            reason: "full".into(),
            retry_after: Duration::from_millis(1500),
        })
    }

    #[test]
    fn both_forms_say_the_same() {
        let status = RpcStatus::of(&overloaded());
        let info = RetryInfo::decode(status.details[0].value.as_slice()).unwrap();
        assert_eq!(status.code, 8);
        assert_eq!(
            info.retry_delay,
            Some(RetryDelay {
                seconds: 1,
                nanos: 500_000_000
            })
        );
        let json: serde_json::Value = serde_json::from_str(&RpcStatus::json_of(&overloaded())).unwrap();
        assert_eq!(
            json,
            json!({
                "code": 8, "message": "overloaded: full",
                "details": [{ "@type": RETRY_INFO, "retryDelay": "1.5s" }],
            })
        );
    }

    #[test]
    fn a_bad_request_has_no_retry_info() {
        let error = InsertError::BadRequest("no".into());
        assert_eq!(
            RpcStatus::of(&error),
            RpcStatus {
                code: 3,
                message: "no".into(),
                details: vec![]
            }
        );
        assert_eq!(RpcStatus::json_of(&error), r#"{"code":3,"message":"no"}"#);
    }
}
