//! Readers of single parameters, with Jaeger's error texts.

use super::duration;
use super::envelope::ApiError;
use crate::http::Params;
use std::fmt::Display;

fn unreadable(name: &str, why: impl Display) -> ApiError {
    ApiError::bad_request(format!("unable to parse param '{name}': {why}"))
}

/// A whole number; `None` where the parameter is missing or empty.
pub(crate) fn integer(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(unreadable(name, format_args!("expected a whole number, got {text:?}"))),
    }
}

/// A number that is not negative; negative ones read as 0.
pub(crate) fn unsigned(params: &Params, name: &str) -> Result<Option<u64>, ApiError> {
    Ok(integer(params, name)?.map(|number| u64::try_from(number).unwrap_or(0)))
}

/// A duration in Go's notation, in nanoseconds; 0 where the parameter is missing.
pub(crate) fn go_duration(params: &Params, name: &str) -> Result<i64, ApiError> {
    params
        .get(name)
        .map_or(Ok(0), |text| duration::parse(text).map_err(|e| unreadable(name, e)))
}

/// A boolean in Go's notation; false where the parameter is missing.
pub(crate) fn boolean(params: &Params, name: &str) -> Result<bool, ApiError> {
    let Some(text) = params.get(name) else { return Ok(false) };
    go_bool(text).ok_or_else(|| unreadable(name, format_args!("expected true or false, got {text:?}")))
}

/// A floating-point number that must be there.
pub(crate) fn required_number(params: &Params, name: &str) -> Result<f64, ApiError> {
    let text = params.get(name).unwrap_or_default();
    text.parse()
        .map_err(|_| unreadable(name, format_args!("expected a number, got {text:?}")))
}

/// The texts that Go's `strconv.ParseBool` knows.
pub(crate) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether the answer shall be indented.
pub(crate) fn pretty(params: &Params) -> bool {
    params.get("prettyPrint").is_some_and(|value| value != "false")
}
