//! `query_time_range`: the time range that a query reads, without reading it.

use axum::extract::Request;
use axum::response::Response;

use super::super::value::{SECOND, TimeRange, format_rfc3339};
use super::arguments::Call;
use super::error::{ApiError, ErrorForm};
use super::handle::json_response;

pub(super) async fn query_time_range(request: Request) -> Response {
    respond(request)
        .await
        .unwrap_or_else(|error| error.respond(ErrorForm::Text))
}

async fn respond(request: Request) -> Result<Response, ApiError> {
    let mut call = Call::read(request).await?.into_query_without_range()?;
    let own = call.query.time_range();
    let has_filter = own != TimeRange::ALL;
    let limits = (call.start, call.end);
    call.query.add_time_filter(limits.0, limits.1);
    let range = call.query.time_range();
    Ok(json_response(format!(
        "{{\"start\":\"{}\",\"end\":\"{}\",\"hasTimeFilter\":{has_filter}}}",
        nine_digits(range.start),
        nine_digits(range.end)
    )))
}

/// RFC 3339 with nine digits of the second's fraction.
fn nine_digits(nanos: i64) -> String {
    let whole = format_rfc3339(nanos.saturating_sub(nanos.rem_euclid(SECOND)));
    format!("{}.{:09}Z", whole.trim_end_matches('Z'), nanos.rem_euclid(SECOND))
}
