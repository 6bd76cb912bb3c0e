//! From a query to the response, on a thread of its own.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use common::contract::CancelOnDrop;
use std::time::Instant;
use tokio::runtime::Handle;

use super::super::ast::Query;
use super::super::exec::ExecError;
use super::super::run::{Engine, Scope};
use super::LogsqlApi;
use super::arguments::QueryCall;
use super::error::ApiError;
use crate::http::mark_partial;

/// A query that may run.
pub(super) struct Started {
    pub(super) engine: Engine,
    pub(super) query: Query,
    /// Cancels the query when the response is dropped before its end
    pub(super) guard: CancelOnDrop,
}

impl LogsqlApi {
    /// Waits for the turn of the query.
    pub(super) async fn start(&self, call: &QueryCall, rate_seconds: Option<f64>) -> Result<Started, ApiError> {
        let running = self
            .runner
            .begin(call.call.tenant, call.timeout, call.wanted()?)
            .await?;
        let guard = running.context().cancel_on_drop();
        let scope = Scope {
            tenant: call.call.tenant,
            now: call.at.saturating_sub(1),
            rate_seconds,
        };
        Ok(Started {
            engine: Engine::new(running, Handle::current(), scope),
            query: call.query.clone(),
            guard,
        })
    }

    /// The answer that `work` writes as JSON; with `explain=1` the report on how it was had instead.
    pub(super) async fn answer(
        &self,
        call: &QueryCall,
        rate_seconds: Option<f64>,
        work: impl FnOnce(&Engine, &Query) -> Result<String, ExecError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let began = Instant::now();
        let Started { engine, query, guard } = self.start(call, rate_seconds).await?;
        let explain = call.call.is_on("explain");
        let limits = engine.limits().clone();
        let task = tokio::task::spawn_blocking(move || {
            let answer = work(&engine, &query);
            answer.map(|answer| match explain {
                true => engine.report().to_json(&query.to_string(), began.elapsed()),
                false => answer,
            })
        });
        let answer = task.await.map_err(|error| ApiError::internal(error.to_string()))?;
        drop(guard);
        let text = call.query.to_string();
        self.runner.log_if_slow(began.elapsed(), &text, answer.is_err());
        answer
            .map(|body| mark_partial(json_response(body), limits.is_partial()))
            .map_err(|error| ApiError::execution(&text, &error))
    }
}

/// An answer of status 200.
pub(super) fn json_response(body: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
