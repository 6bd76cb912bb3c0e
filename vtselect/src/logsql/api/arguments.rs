//! The arguments that calls have in common, from the URL and from a form in the body.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use common::ids::TenantId;
use common::tenancy::tenant_of;
use common::time::UnixNanos;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;
use url::form_urlencoded;

use super::super::ast::{Filter, Query};
use super::super::quote::InQuotes;
use super::super::value::{parse_duration, parse_time};
use super::super::{ParseContext, parse_filter, parse_query, quote_if_needed};
use super::error::ApiError;
use super::multipart;
use crate::http::Params;
use crate::query::{Reading, Wanted, asked_for_partial};

/// The largest form that is read.
const MAX_FORM: usize = 4 << 20;

/// A call before anything of it is understood.
#[derive(Debug)]
pub(super) struct Call {
    params: Params,
    pub(super) tenant: TenantId,
    /// When the call came, unix nanoseconds
    pub(super) now: i64,
    zone_offset: i64,
}

/// A call with its query, to which what the call asks for is added.
#[derive(Debug)]
pub(super) struct QueryCall {
    pub(super) call: Call,
    pub(super) query: Query,
    /// The time range of the call; ends that it does not give are those of time
    pub(super) start: i64,
    pub(super) end: i64,
    /// The moment the query is evaluated at
    pub(super) at: i64,
    pub(super) timeout: Option<Duration>,
}

impl QueryCall {
    /// How the query may be answered: rows and numbers are counted on, unless the query or else the call says
    /// otherwise.
    pub(super) fn wanted(&self) -> Result<Wanted, ApiError> {
        let asked = asked_for_partial(&self.call.params).map_err(ApiError::bad_request)?;
        Ok(Wanted {
            reading: Reading::Numbers,
            partial: self.query.options.allow_partial_response.or(asked),
        })
    }
}

/// The form of a URL's query, in a body.
const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// Whether a content type, which may have parameters, is this one.
fn is_of(content_type: &str, kind: &str) -> bool {
    let name = content_type.split_once(';').map_or(content_type, |(name, _)| name);
    name.trim().eq_ignore_ascii_case(kind)
}

async fn read_form(body: Body) -> Result<String, ApiError> {
    let bytes = to_bytes(body, MAX_FORM).await.map_err(unreadable_form)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unreadable_form(error: impl std::fmt::Display) -> ApiError {
    ApiError::bad_request(format!("cannot read the form: {error}"))
}

impl Call {
    /// Reads a request. A body counts only if it says that it is a form, of either type; its arguments come before those
    /// of the URL.
    pub(super) async fn read(request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let tenant = tenant_of(&parts.headers).map_err(|error| ApiError::bad_request(error.to_string()))?;
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut text = match content_type {
            Some(kind) if is_of(kind, URL_ENCODED) => read_form(body).await?,
            Some(kind) if is_of(kind, multipart::TYPE) => {
                let fields = multipart::fields(kind, &read_form(body).await?).map_err(unreadable_form)?;
                form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish()
            }
            _ => String::new(),
        };
        text.push('&');
        text.push_str(parts.uri.query().unwrap_or_default());
        let now = UnixNanos::now().0;
        Ok(Self {
            params: Params::parse(Some(&text)),
            tenant,
            now: i64::try_from(now).unwrap_or(i64::MAX),
            zone_offset: local_zone_offset(),
        })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.params.all(name).map(str::to_owned).collect()
    }

    /// The argument `field`, which must be there.
    pub(super) fn field(&self) -> Result<String, ApiError> {
        let field = self.get("field").map(str::to_owned);
        field.ok_or_else(|| ApiError::bad_request("missing 'field' query arg"))
    }

    /// A whole number that is not negative; 0 where it is missing.
    pub(super) fn count(&self, name: &str) -> Result<u64, ApiError> {
        let Some(text) = self.get(name) else { return Ok(0) };
        match text.parse::<i64>() {
            Ok(number) => u64::try_from(number)
                .map_err(|_| ApiError::bad_request(format!("{name:?} cannot be smaller than 0; got {number}"))),
            Err(error) => Err(ApiError::bad_request(format!(
                "cannot parse integer {name:?}={text:?}: {error}"
            ))),
        }
    }

    /// A duration in nanoseconds; a bare number is seconds.
    pub(super) fn duration(&self, name: &str, default: &str) -> Result<i64, ApiError> {
        let text = self.get(name).unwrap_or(default);
        let seconds = || {
            text.parse::<f64>()
                .ok()
                .filter(|s| s.is_finite())
                .map(|s| (s * 1e9) as i64)
        };
        parse_duration(text)
            .or_else(seconds)
            .ok_or_else(|| ApiError::bad_request(format!("cannot parse duration {name:?}={text:?}")))
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        let off = ["", "0", "f", "false", "no"];
        self.get(name)
            .is_some_and(|value| !off.contains(&value.to_ascii_lowercase().as_str()))
    }

    /// A moment, unix nanoseconds.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match parse_time(text, self.now, self.zone_offset) {
            Some(time) => Ok(Some(time.ns)),
            None => Err(ApiError::bad_request(format!("cannot parse time {name:?}={text:?}"))),
        }
    }

    fn timeout(&self) -> Result<Option<Duration>, ApiError> {
        if self.get("timeout").is_none() {
            return Ok(None);
        }
        let nanos = self.duration("timeout", "0s")?;
        Ok(u64::try_from(nanos).ok().filter(|ns| *ns > 0).map(Duration::from_nanos))
    }

    /// Reads the query, with the filters that the call adds to it and, unless it has them, without time range.
    pub(super) fn into_query(self) -> Result<QueryCall, ApiError> {
        let mut query_call = self.into_query_without_range()?;
        let QueryCall { query, start, end, .. } = &mut query_call;
        if (*start, *end) != (i64::MIN, i64::MAX) {
            query.add_time_filter(*start, *end);
        }
        Ok(query_call)
    }

    /// As [`Self::into_query`]; the time range of the call is not added to the query.
    pub(super) fn into_query_without_range(self) -> Result<QueryCall, ApiError> {
        let (start, end) = (self.time("start")?, self.time("end")?);
        let at = self.time("time")?.or(end).unwrap_or(self.now);
        let context = ParseContext {
            now: at.saturating_sub(1),
            zone_offset: self.zone_offset,
        };
        let mut query = match self.get("query") {
            Some(text) => parse_query(text, &context).map_err(|error| ApiError::bad_request(error.to_string()))?,
            None => {
                return Err(ApiError::bad_request(
                    "cannot parse query []: missing query; context: []",
                ));
            }
        };
        add_global_filters(&mut query);
        for text in self.all("extra_filters").iter().filter(|text| !text.is_empty()) {
            query.add_filter(&extra_filter(text, &context)?);
        }
        for text in self.all("extra_stream_filters").iter().filter(|text| !text.is_empty()) {
            query.add_filter(&extra_stream_filter(text, &context)?);
        }
        if let Some(text) = self.all("hidden_fields_filters").iter().find(|text| !text.is_empty()) {
            return Err(ApiError::bad_request(format!(
                "hidden_fields_filters={text:?} is not supported"
            )));
        }
        Ok(QueryCall {
            timeout: self.timeout()?,
            call: self,
            query,
            start: start.unwrap_or(i64::MIN),
            end: end.unwrap_or(i64::MAX),
            at,
        })
    }
}

/// The option `global_filter` of a query and of those inside it.
fn add_global_filters(query: &mut Query) {
    query.for_each_query(&mut |query| {
        if let Some(filter) = &query.options.global_filter {
            let own = std::mem::replace(&mut query.filter, Filter::Any);
            query.filter = Filter::and(vec![(**filter).clone(), own]);
        }
    });
}

/// Fields and the values that they may have.
type Allowed = BTreeMap<String, Vec<String>>;

/// A filter as text, or as JSON: `{"f":"v","g":["a","b"]}`.
fn extra_filter(text: &str, context: &ParseContext) -> Result<Filter, ApiError> {
    let Some(allowed) = json_object(text)? else {
        return filter(text, context);
    };
    let mut out = String::new();
    for (field, values) in allowed {
        let values: Vec<_> = values.iter().map(|value| quote_if_needed(value)).collect();
        let field = quote_if_needed(&field);
        // Writing to a String does not fail.
        let _ = match values.as_slice() {
            [value] => write!(out, "{field}:={value} "),
            values => write!(out, "{field}:in({}) ", values.join(",")),
        };
    }
    filter(if out.is_empty() { "*" } else { &out }, context)
}

/// As [`extra_filter`], on the labels of streams.
fn extra_stream_filter(text: &str, context: &ParseContext) -> Result<Filter, ApiError> {
    let Some(allowed) = json_object(text)? else {
        return filter(text, context);
    };
    let label = |(label, values): (String, Vec<String>)| {
        let label = quote_if_needed(&label);
        match values.as_slice() {
            [value] => format!("{label}={}", InQuotes(value)),
            values => {
                let values: Vec<_> = values.iter().map(|value| regex::escape(value)).collect();
                format!("{label}=~{}", InQuotes(&values.join("|")))
            }
        }
    };
    let labels: Vec<String> = allowed.into_iter().map(label).collect();
    filter(&format!("{{{}}}", labels.join(",")), context)
}

fn filter(text: &str, context: &ParseContext) -> Result<Filter, ApiError> {
    parse_filter(text, context).map_err(|error| ApiError::bad_request(format!("cannot parse extra filter: {error}")))
}

/// The fields of a JSON object with texts or lists of texts; `None` for what does not start as one.
fn json_object(text: &str) -> Result<Option<Allowed>, ApiError> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    if !text.starts_with("{\"") {
        return Ok(None);
    }
    let parsed: BTreeMap<String, OneOrMany> = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        // A stream selector may start with a quoted label.
        Err(_) if !text.contains("\":") => return Ok(None),
        Err(error) => {
            return Err(ApiError::bad_request(format!(
                "cannot parse extra filter {text}: {error}"
            )));
        }
    };
    let list = |values| match values {
        OneOrMany::One(value) => vec![value],
        OneOrMany::Many(values) => values,
    };
    Ok(Some(
        parsed
            .into_iter()
            .map(|(field, values)| (field, list(values)))
            .collect(),
    ))
}

/// How far the server's zone is east of UTC, nanoseconds.
fn local_zone_offset() -> i64 {
    i64::from(jiff::Zoned::now().offset().seconds()) * 1_000_000_000
}
