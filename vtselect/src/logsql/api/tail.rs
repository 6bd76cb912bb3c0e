//! `tail`: new rows as they come, for as long as the client listens. Each round is a query of its tenant, and waits for its
//! turn as one; a round whose turn does not come is left to the next one.

use crate::query::QueryRunner;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::contract::CancelOnDrop;
use common::ids::TenantId;
use common::time::UnixNanos;
use futures::stream;
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::ast::Query;
use super::super::exec::{ExecError, Flow, Rows};
use super::super::fields::TIME;
use super::super::run::{Engine, Scope};
use super::super::value::{SECOND, parse_rfc3339};
use super::LogsqlApi;
use super::arguments::Call;
use super::error::{ApiError, ErrorForm};
use super::ndjson::Lines;

/// How far each round reads back: rows that came late are found by it.
const READ_BACK: i64 = 5 * SECOND;

pub(super) async fn tail(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
    respond(&api, request)
        .await
        .unwrap_or_else(|error| error.respond(ErrorForm::Text))
}

async fn respond(api: &LogsqlApi, request: Request) -> Result<Response, ApiError> {
    let call = Call::read(request).await?.into_query_without_range()?;
    if !call.query.can_live_tail() {
        let query = &call.query;
        return Err(ApiError::bad_request(format!(
            "the query [{query}] cannot be used in live tailing: a pipe of it needs all rows before it passes one"
        )));
    }
    let refresh = call.call.duration("refresh_interval", "1s")?.max(SECOND / 1_000);
    let history = call.call.duration("start_offset", "5s")?;
    let delay = call.call.duration("offset", "1s")?;
    let running = api.runner.begin_endless(call.wanted()?);
    let guard = running.context().cancel_on_drop();
    let scope = Scope {
        tenant: call.call.tenant,
        now: call.at.saturating_sub(1),
        rate_seconds: None,
    };
    let end = call.call.now.saturating_sub(delay);
    let mut ticks = interval(Duration::from_nanos(refresh.unsigned_abs()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let tail = Tail {
        runner: api.runner.clone(),
        tenant: call.call.tenant,
        engine: Engine::new(running, Handle::current(), scope),
        query: call.query,
        delay,
        start: end.saturating_sub(history),
        seen: Seen::default(),
    };
    // Compression would hold lines back.
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CONTENT_ENCODING, HeaderValue::from_static("identity")),
    ];
    Ok((StatusCode::OK, headers, Body::from_stream(rounds(tail, ticks, guard))).into_response())
}

/// A query that is asked again and again.
struct Tail {
    runner: Arc<QueryRunner>,
    tenant: TenantId,
    engine: Engine,
    query: Query,
    /// How old rows must be
    delay: i64,
    /// Where the next round starts
    start: i64,
    seen: Seen,
}

/// Rows that were sent, by their line, with their times.
#[derive(Default)]
struct Seen(HashMap<String, i64>);

impl Seen {
    /// Whether the line is a new one.
    fn add(&mut self, line: &str, time: i64) -> bool {
        if self.0.contains_key(line) {
            return false;
        }
        self.0.insert(line.to_owned(), time);
        true
    }

    /// Forgets rows that no further round reads.
    fn forget_before(&mut self, time: i64) {
        self.0.retain(|_, own| *own >= time);
    }
}

fn rounds(
    tail: Tail,
    ticks: Interval,
    guard: CancelOnDrop,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::unfold(Some((tail, ticks, guard)), |state| async move {
        let (mut tail, mut ticks, guard) = state?;
        loop {
            ticks.tick().await;
            let Ok(turn) = tail.runner.round(tail.tenant).await else {
                continue;
            };
            let done = tokio::task::spawn_blocking(move || {
                let lines = tail.round();
                drop(turn);
                (tail, lines)
            });
            match done.await {
                Ok((next, Ok(lines))) if lines.is_empty() => tail = next,
                Ok((next, Ok(lines))) => return Some((Ok(Bytes::from(lines)), Some((next, ticks, guard)))),
                Ok((_, Err(error))) => return Some((Err(std::io::Error::other(error.to_string())), None)),
                Err(error) => return Some((Err(std::io::Error::other(error)), None)),
            }
        }
    })
}

impl Tail {
    /// The lines that are new since the last round, the earliest first.
    fn round(&mut self) -> Result<String, ExecError> {
        let now = i64::try_from(UnixNanos::now().0).unwrap_or(i64::MAX);
        let end = now.saturating_sub(self.delay);
        let mut query = self.query.clone();
        query.add_time_filter(self.start, end);
        let mut found: Vec<(i64, String)> = Vec::new();
        let lines = Lines::of(&self.query);
        self.engine.run(&query, &mut |rows| {
            for row in 0..rows.len() {
                let time = parse_rfc3339(rows.get(TIME, row));
                let time = time.ok_or_else(|| ExecError::Invalid(format!("live tailing needs the field {TIME}")))?;
                let line = one_line(&lines, &rows, row);
                if self.seen.add(&line, time) {
                    found.push((time, line));
                }
            }
            Ok(Flow::More)
        })?;
        self.start = end.saturating_sub(READ_BACK);
        self.seen.forget_before(self.start);
        found.sort_by_key(|(time, _)| *time);
        Ok(found.into_iter().map(|(_, line)| line).collect())
    }
}

fn one_line(lines: &Lines, rows: &Rows, row: usize) -> String {
    let mut one = Rows::new(1);
    for column in &rows.columns {
        if let Some(value) = column.values.get(row).filter(|value| !value.is_empty()) {
            one.set(&column.name, vec![value.clone()]);
        }
    }
    let mut line = String::new();
    lines.push(&one, &mut line);
    line
}
