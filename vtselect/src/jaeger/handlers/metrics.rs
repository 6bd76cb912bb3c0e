//! `GET /api/metrics/*` (service performance monitoring): parameters are checked, then the calls say that they are
//! not available, in the words that make the UI show its hint.

use super::super::envelope::ApiError;
use super::super::params;
use super::request::Call;
use axum::http::StatusCode;
use common::span::SpanKind;

/// `latencies`: needs a quantile.
pub(crate) async fn latencies(call: Call) -> ApiError {
    match params::required_number(&call.params, "quantile") {
        Ok(_) => rates(call).await,
        Err(e) => e,
    }
}

/// `calls` and `errors`.
pub(crate) async fn rates(call: Call) -> ApiError {
    check(&call).err().unwrap_or_else(unavailable)
}

/// `minstep`.
pub(crate) async fn min_step() -> ApiError {
    unavailable()
}

fn check(call: &Call) -> Result<(), ApiError> {
    if !call.params.has("service") {
        return Err(ApiError::bad_request(
            "unable to parse param 'service': please provide at least one service name",
        ));
    }
    params::boolean(&call.params, "groupByOperation")?;
    for kind in call.params.all("spanKind") {
        if kind.is_empty() || SpanKind::from_name(kind).is_none() {
            let message = format!("unable to parse param 'spanKind': unsupported span kind: '{kind}'");
            return Err(ApiError::bad_request(message));
        }
    }
    for name in ["endTs", "lookback", "step", "ratePer"] {
        params::integer(&call.params, name)?;
    }
    Ok(())
}

fn unavailable() -> ApiError {
    let message = "trace metrics are currently disabled - no metrics backend configured";
    ApiError::new(StatusCode::NOT_IMPLEMENTED, message)
}
