//! Why a query could not be executed. Front APIs map the kind to their status once.

use common::contract::QueryError;

/// What can go wrong while rows go through a query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecError {
    /// A part of the language that is parsed and not executed, such as "pipe `x`". HTTP 400.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A part of the query needs more memory than the query may have. HTTP 422.
    #[error("{part} needs more than the query's memory budget of {limit_bytes} bytes")]
    OverBudget {
        /// The part of the query, such as "pipe `sort`".
        part: String,
        /// What the whole query may hold.
        limit_bytes: usize,
    },
    /// The query asks for something impossible. HTTP 400.
    #[error("{0}")]
    Invalid(String),
    /// The client went away.
    #[error("the query was cancelled")]
    Cancelled,
    /// The rows could not be had.
    #[error(transparent)]
    Source(QueryError),
}

impl ExecError {
    /// A pipe that is parsed and not executed.
    pub fn unsupported_pipe(name: &str) -> Self {
        Self::Unsupported(format!("pipe `{name}`"))
    }
}

impl From<QueryError> for ExecError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Cancelled => Self::Cancelled,
            QueryError::OverBudget { limit_bytes, what } => Self::OverBudget {
                part: what.into_owned(),
                limit_bytes,
            },
            other => Self::Source(other),
        }
    }
}
