//! Errors as gRPC statuses and back: the one place. The kind and its numbers travel in the status' details, so that
//! nothing is lost; a status without them, from a proxy or the transport, is told by its code.

use super::proto::ErrorDetail;
use super::proto::error_detail::Kind;
use crate::contract::{QueryError, WriteError};
use prost::Message as _;
use std::time::Duration;
use tonic::{Code, Status};

/// Longest text of an error: it travels in a header.
const MAX_TEXT: usize = 2 << 10;

/// The delay where the sender names none.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A failed write as a status.
pub fn of_write(error: &WriteError) -> Status {
    let detail = ErrorDetail::default();
    let (code, detail) = match error {
        WriteError::Overloaded { reason, retry_after } => (
            Code::ResourceExhausted,
            delayed(Kind::WriteOverloaded, reason, *retry_after),
        ),
        WriteError::ReadOnly { reason, retry_after } => (
            Code::ResourceExhausted,
            delayed(Kind::WriteReadOnly, reason, *retry_after),
        ),
        WriteError::Unavailable(reason) => (Code::Unavailable, plain(Kind::WriteUnavailable, reason)),
        WriteError::StaleEpoch(epoch) => (
            Code::FailedPrecondition,
            ErrorDetail {
                kind: Kind::WriteStaleEpoch.into(),
                epoch: *epoch,
                ..detail
            },
        ),
        WriteError::Invalid(reason) => (Code::InvalidArgument, plain(Kind::WriteInvalid, reason)),
        WriteError::Storage(reason) => (Code::Unavailable, plain(Kind::WriteStorage, reason)),
    };
    status(code, &error.to_string(), &detail)
}

/// A failed query as a status.
pub fn of_query(error: &QueryError) -> Status {
    let detail = ErrorDetail::default();
    let (code, detail) = match error {
        QueryError::Invalid(reason) => (Code::InvalidArgument, plain(Kind::QueryInvalid, reason)),
        QueryError::DeadlineExceeded(limit) => (Code::DeadlineExceeded, delayed(Kind::QueryDeadline, "", *limit)),
        QueryError::Cancelled => (Code::Cancelled, plain(Kind::QueryCancelled, "")),
        QueryError::OverBudget { limit_bytes, what } => (
            Code::ResourceExhausted,
            ErrorDetail {
                kind: Kind::QueryOverBudget.into(),
                reason: cut(what).to_owned(),
                limit_bytes: *limit_bytes as u64,
                ..detail
            },
        ),
        QueryError::Overloaded(reason) => (Code::ResourceExhausted, plain(Kind::QueryOverloaded, reason)),
        QueryError::Unavailable(reason) => (Code::Unavailable, plain(Kind::QueryUnavailable, reason)),
        QueryError::Storage(reason) => (Code::Internal, plain(Kind::QueryStorage, reason)),
    };
    status(code, &error.to_string(), &detail)
}

/// The failed write that a status tells of.
pub fn to_write(status: &Status) -> WriteError {
    let detail = detail(status);
    let ErrorDetail {
        reason, nanos, epoch, ..
    } = detail.clone();
    let retry_after = Duration::from_nanos(nanos);
    match detail.kind() {
        Kind::WriteOverloaded => WriteError::Overloaded { reason, retry_after },
        Kind::WriteReadOnly => WriteError::ReadOnly { reason, retry_after },
        Kind::WriteUnavailable => WriteError::Unavailable(reason),
        Kind::WriteStaleEpoch => WriteError::StaleEpoch(epoch),
        Kind::WriteInvalid => WriteError::Invalid(reason),
        Kind::WriteStorage => WriteError::Storage(reason),
        _ => write_by_code(status),
    }
}

/// The failed query that a status tells of.
pub fn to_query(status: &Status) -> QueryError {
    let detail = detail(status);
    let reason = detail.reason.clone();
    match detail.kind() {
        Kind::QueryInvalid => QueryError::Invalid(reason),
        Kind::QueryDeadline => QueryError::DeadlineExceeded(Duration::from_nanos(detail.nanos)),
        Kind::QueryCancelled => QueryError::Cancelled,
        Kind::QueryOverBudget => QueryError::OverBudget {
            limit_bytes: usize::try_from(detail.limit_bytes).unwrap_or(usize::MAX),
            what: reason.into(),
        },
        Kind::QueryOverloaded => QueryError::Overloaded(reason),
        Kind::QueryUnavailable => QueryError::Unavailable(reason),
        Kind::QueryStorage => QueryError::Storage(reason),
        _ => query_by_code(status),
    }
}

fn write_by_code(status: &Status) -> WriteError {
    let reason = told(status);
    match status.code() {
        Code::ResourceExhausted => WriteError::Overloaded {
            reason,
            retry_after: RETRY_AFTER,
        },
        Code::InvalidArgument => WriteError::Invalid(reason),
        Code::Internal | Code::DataLoss => WriteError::Storage(reason),
        _ => WriteError::Unavailable(reason),
    }
}

fn query_by_code(status: &Status) -> QueryError {
    let reason = told(status);
    match status.code() {
        Code::InvalidArgument => QueryError::Invalid(reason),
        Code::ResourceExhausted => QueryError::Overloaded(reason),
        Code::Internal | Code::DataLoss => QueryError::Storage(reason),
        _ => QueryError::Unavailable(reason),
    }
}

/// The message with its deepest cause: the transport's own messages say little.
pub(super) fn told(status: &Status) -> String {
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(status);
    let mut deepest = None;
    while let Some(error) = cause {
        deepest = Some(error.to_string());
        cause = error.source();
    }
    match deepest {
        Some(deepest) if deepest != status.message() => format!("{}: {deepest}", status.message()),
        _ if status.message().is_empty() => status.code().description().to_owned(),
        _ => status.message().to_owned(),
    }
}

fn detail(status: &Status) -> ErrorDetail {
    ErrorDetail::decode(status.details()).unwrap_or_default()
}

fn plain(kind: Kind, reason: &str) -> ErrorDetail {
    delayed(kind, reason, Duration::ZERO)
}

fn delayed(kind: Kind, reason: &str, time: Duration) -> ErrorDetail {
    ErrorDetail {
        kind: kind.into(),
        reason: cut(reason).to_owned(),
        nanos: u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        ..ErrorDetail::default()
    }
}

fn status(code: Code, message: &str, detail: &ErrorDetail) -> Status {
    Status::with_details(code, cut(message), detail.encode_to_vec().into())
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}
