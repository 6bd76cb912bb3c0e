//! `query`: the rows, as they come.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::contract::{CancelOnDrop, QueryContext, QueryError};
use common::span::Span;
use futures::stream;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

use super::super::ast::pipes::{RowCount, Sort, SortField};
use super::super::ast::{Pipe, Query};
use super::super::exec::{ExecError, Flow, Rows};
use super::super::fields::{SpanLines, TIME};
use super::super::run::Engine;
use super::LogsqlApi;
use super::arguments::{Call, QueryCall};
use super::error::{ApiError, ErrorForm};
use super::handle::Started;
use super::ndjson::Lines;
use crate::http::mark_partial;

/// Lines are sent when there are so many bytes of them.
const CHUNK: usize = 64 << 10;
/// Chunks that wait for the client; then the query waits.
const CHUNKS: usize = 4;

const LINES: HeaderValue = HeaderValue::from_static("application/stream+json");

const LATE: &str = "a storage node could not be reached any more in the middle of the answer: it is not complete";

/// A part of the answer.
enum Chunk {
    Some(Bytes),
    Last(Bytes),
    Failed(ApiError),
}

pub(super) async fn query(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
    respond(api, request)
        .await
        .unwrap_or_else(|error| error.respond(ErrorForm::Text))
}

async fn respond(api: Arc<LogsqlApi>, request: Request) -> Result<Response, ApiError> {
    let mut call = Call::read(request).await?.into_query()?;
    limit(&mut call)?;
    if call.call.is_on("explain") {
        return api
            .answer(&call, None, |engine, query| {
                engine.run(query, &mut |_| Ok(Flow::More))?;
                Ok(String::new())
            })
            .await;
    }
    let Started { engine, query, guard } = api.start(&call, None).await?;
    let limits = engine.limits().clone();
    let (send, mut chunks) = mpsc::channel(CHUNKS);
    let began = Instant::now();
    tokio::task::spawn_blocking(move || {
        let failed = produce(&engine, &query, &send);
        api.runner.log_if_slow(began.elapsed(), &query.to_string(), failed);
    });
    let first = chunks.recv().await;
    let partial = limits.is_partial();
    let response = match first {
        None => Err(ApiError::internal("the query ended without an answer")),
        Some(Chunk::Failed(error)) => Err(error),
        Some(Chunk::Last(bytes)) => Ok(([(CONTENT_TYPE, LINES)], bytes).into_response()),
        Some(Chunk::Some(first)) => {
            let unmarked = (!partial).then_some(limits);
            let body = Body::from_stream(following(first, chunks, (guard, unmarked)));
            Ok((StatusCode::OK, [(CONTENT_TYPE, LINES)], body).into_response())
        }
    };
    response.map(|response| mark_partial(response, partial))
}

/// Asks for the newest rows where the query allows it, else for any.
fn limit(call: &mut QueryCall) -> Result<(), ApiError> {
    let (limit, offset) = (call.call.count("limit")?, call.call.count("offset")?);
    let query = &mut call.query;
    if limit > 0 && query.can_return_last_rows() {
        let by_time = |descending| {
            vec![SortField {
                name: TIME.to_owned(),
                descending,
            }]
        };
        query.pipes.push(Pipe::Sort(Sort {
            by: by_time(true),
            limit,
            offset,
            ..Sort::default()
        }));
        query.pipes.push(Pipe::Sort(Sort {
            by: by_time(false),
            ..Sort::default()
        }));
        return Ok(());
    }
    if offset > 0 {
        query.pipes.push(Pipe::Offset(RowCount { rows: offset }));
    }
    if limit > 0 {
        query.pipes.push(Pipe::Limit(RowCount { rows: limit }));
    }
    Ok(())
}

/// Runs the query and sends its lines; whether it failed.
fn produce(engine: &Engine, query: &Query, send: &mpsc::Sender<Chunk>) -> bool {
    let lines = Lines::of(query);
    let mut span_lines = SpanLines::new(engine.streams());
    let text = RefCell::new(String::new());
    let send_full = |text: &mut String| {
        if text.len() < CHUNK {
            return Ok(Flow::More);
        }
        // The next one will be about as large.
        let next = String::with_capacity(text.len() + text.len() / 8);
        let sent = send.blocking_send(Chunk::Some(std::mem::replace(text, next).into()));
        sent.map(|()| Flow::More).map_err(|_| ExecError::Cancelled)
    };
    let of_rows = &mut |rows: Rows| {
        let mut text = text.borrow_mut();
        lines.push(&rows, &mut text);
        send_full(&mut text)
    };
    let of_spans = &mut |spans: Vec<Span>| {
        let mut text = text.borrow_mut();
        span_lines.write(&spans, &mut text);
        send_full(&mut text)
    };
    let result = engine.run_to_spans(query, of_rows, of_spans);
    let last = match &result {
        Ok(()) => Chunk::Last(text.into_inner().into()),
        Err(error) => Chunk::Failed(ApiError::execution(&query.to_string(), error)),
    };
    // Nobody listens any more where this fails.
    let _ = send.blocking_send(last);
    result.is_err()
}

/// The chunks of a response. An error after the first of them is a line of its own, then the connection breaks; so does
/// an answer that has become partial since its head was sent, which is why the limits of an `unmarked` one come along.
fn following(
    first: Bytes,
    chunks: mpsc::Receiver<Chunk>,
    (guard, unmarked): (CancelOnDrop, Option<QueryContext>),
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    enum Next {
        Send(Bytes),
        Receive,
        Break(String),
        End,
    }
    stream::unfold(
        (Next::Send(first), chunks, guard, unmarked),
        |(next, mut chunks, guard, unmarked)| async move {
            let (item, next) = match next {
                Next::Send(bytes) => (Ok(bytes), Next::Receive),
                Next::Break(message) => (Err(std::io::Error::other(message)), Next::End),
                Next::End => return None,
                Next::Receive => match chunks.recv().await? {
                    Chunk::Some(bytes) => (Ok(bytes), Next::Receive),
                    Chunk::Last(bytes) if !became_partial(unmarked.as_ref()) => (Ok(bytes), Next::End),
                    last => {
                        let error = match last {
                            Chunk::Failed(error) => error,
                            _ => ApiError::from(QueryError::Unavailable(LATE.into())),
                        };
                        let line = format!("{}\n", error.message());
                        (Ok(line.into()), Next::Break(error.message().to_owned()))
                    }
                },
            };
            Some((item, (next, chunks, guard, unmarked)))
        },
    )
}

fn became_partial(unmarked: Option<&QueryContext>) -> bool {
    unmarked.is_some_and(QueryContext::is_partial)
}
