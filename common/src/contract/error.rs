//! What can go wrong between roles, by kind: front APIs map a kind to their own status once.

use std::borrow::Cow;
use std::time::Duration;

/// Why a batch was not written. Nothing of it is visible then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Too much is under way: try again after the delay. HTTP 429, gRPC RESOURCE_EXHAUSTED.
    #[error("overloaded: {reason}")]
    Overloaded { reason: String, retry_after: Duration },
    /// The disk is nearly full and the node refuses writes. HTTP 429, gRPC RESOURCE_EXHAUSTED.
    #[error("read-only: {reason}")]
    ReadOnly { reason: String, retry_after: Duration },
    /// Shutting down or not reachable: try again. HTTP 503, gRPC UNAVAILABLE.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The placement epoch of a part of the cluster's write is closed: to be placed anew. Seen between nodes only.
    #[error("stale epoch {0}")]
    StaleEpoch(u32),
    /// The message is not OTLP, or breaks a limit as a whole. HTTP 400, gRPC INVALID_ARGUMENT.
    #[error("invalid message: {0}")]
    Invalid(String),
    /// Storage failed. HTTP 503, gRPC UNAVAILABLE: the client shall try again.
    #[error("storage: {0}")]
    Storage(String),
}

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The plan asks for something impossible. HTTP 400.
    #[error("{0}")]
    Invalid(String),
    /// Not done before the deadline. HTTP 503.
    #[error("the query did not finish within its time limit of {0:?}")]
    DeadlineExceeded(Duration),
    /// The client went away.
    #[error("the query was cancelled")]
    Cancelled,
    /// Over the memory budget. HTTP 422.
    #[error("the query needs more than its memory budget of {limit_bytes} bytes while {what}")]
    OverBudget {
        limit_bytes: usize,
        what: Cow<'static, str>,
    },
    /// Too many queries at once. HTTP 429.
    #[error("too many queries at once: {0}")]
    Overloaded(String),
    /// Some of the data cannot be reached. HTTP 502.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Storage failed. HTTP 500.
    #[error("storage: {0}")]
    Storage(String),
}
