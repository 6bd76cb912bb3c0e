//! Why a request is not taken, and the one place where that becomes an HTTP and a gRPC status.

use axum::http::StatusCode;
use common::config::{ByteSize, Period};
use common::contract::WriteError;
use common::tenancy::{LimitReached, TenantError};
use std::time::Duration;
use tonic::Code;

/// Why nothing of a request was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InsertError {
    /// The request cannot be understood; it will never be.
    #[error("{0}")]
    BadRequest(String),
    /// A content type or encoding that is not known.
    #[error("{0}")]
    Unsupported(String),
    /// Over the limit of a request's size, as received or decompressed.
    #[error("the {what} is larger than {limit} (--opentelemetry.traces.maxRequestSize)")]
    TooLarge { what: &'static str, limit: ByteSize },
    /// The body did not arrive in time.
    #[error("the body did not arrive within {0} (--insert.readTimeout)")]
    Slow(Period),
    /// The request is good and was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// How clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub http: StatusCode,
    pub grpc: Code,
    /// When the client shall try again; `None` where it shall not.
    pub retry_after: Option<Duration>,
}

/// The delay asked for where the storage does not name one.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<LimitReached> for InsertError {
    fn from(reached: LimitReached) -> Self {
        Self::Write(WriteError::Overloaded {
            reason: reached.to_string(),
            retry_after: reached.retry_after,
        })
    }
}

impl From<TenantError> for InsertError {
    fn from(error: TenantError) -> Self {
        Self::BadRequest(error.to_string())
    }
}

impl InsertError {
    /// The status of this error in both protocols. OTLP clients try again after 429, 503, RESOURCE_EXHAUSTED with a
    /// delay, UNAVAILABLE and DEADLINE_EXCEEDED, and drop the data after the others.
    pub fn verdict(&self) -> Verdict {
        let (http, grpc, retry_after) = match self {
            Self::BadRequest(_) | Self::Write(WriteError::Invalid(_)) => {
                (StatusCode::BAD_REQUEST, Code::InvalidArgument, None)
            }
            Self::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented, None),
            // RESOURCE_EXHAUSTED and OUT_OF_RANGE, which gRPC libraries answer here, are tried again by some clients.
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidArgument, None),
            Self::Slow(_) => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, None),
            Self::Write(WriteError::Overloaded { retry_after, .. } | WriteError::ReadOnly { retry_after, .. }) => (
                StatusCode::TOO_MANY_REQUESTS,
                Code::ResourceExhausted,
                Some(*retry_after),
            ),
            Self::Write(WriteError::Unavailable(_) | WriteError::Storage(_) | WriteError::StaleEpoch(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, Some(RETRY_AFTER))
            }
        };
        Verdict {
            http,
            grpc,
            retry_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_error_has_its_status() {
        let delay = Duration::from_secs(3);
        let reason = || "x".to_owned();
        let cases = [
            (
                WriteError::Overloaded {
                    reason: reason(),
                    retry_after: delay,
                },
                429,
                Code::ResourceExhausted,
                Some(delay),
            ),
            (
                WriteError::ReadOnly {
                    reason: reason(),
                    retry_after: delay,
                },
                429,
                Code::ResourceExhausted,
                Some(delay),
            ),
            (
                WriteError::Unavailable(reason()),
                503,
                Code::Unavailable,
                Some(RETRY_AFTER),
            ),
            (WriteError::Storage(reason()), 503, Code::Unavailable, Some(RETRY_AFTER)),
            (WriteError::Invalid(reason()), 400, Code::InvalidArgument, None),
        ];
        for (error, http, grpc, retry_after) in cases {
            let verdict = InsertError::from(error.clone()).verdict();
            assert_eq!(
                (verdict.http.as_u16(), verdict.grpc, verdict.retry_after),
                (http, grpc, retry_after),
                "{error}"
            );
        }
    }
}
