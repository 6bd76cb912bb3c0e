//! Runs a plan: on the query pool, never on the async runtime's threads.

use super::aggregate::{self, Aggregation};
use super::query::{Damage, Query, TraceIndex};
use super::stream::{self, Part, PartStream, Parts};
use super::traces::Reach;
use super::{calls, catalogue, columns, rows, search, traces};
use crate::engine::error::StorageError;
use crate::engine::store::{View, WorkPool};
use common::cluster::Scope;
use common::contract::{AnswerStream, QueryContext, QueryError};
use common::ids::TraceId;
use common::query::{Answer, FoundTrace, Plan, Shape};
use common::span::Trace;
use common::wire::decode_answer;
use futures::StreamExt as _;
use std::collections::HashSet;
use std::sync::Arc;

/// Whole traces per part of an answer: those of one part are read together.
const TRACES_PER_PART: usize = 256;

/// Starts a query over what `view` holds; `index` finds the blocks of a trace in it. Fails at once on a filter that
/// cannot be compiled.
pub fn run(
    plan: Plan,
    context: QueryContext,
    view: View,
    index: Arc<dyn TraceIndex>,
    pool: &Arc<WorkPool>,
) -> Result<AnswerStream, QueryError> {
    Ok(decoded(start(Query::new(plan, context, view, index, pool.clone())?)?))
}

/// As [`run`], but blocks that cannot be read are left out where the answer may be partial.
pub fn run_or_partial(
    plan: Plan,
    context: QueryContext,
    view: View,
    index: Arc<dyn TraceIndex>,
    pool: &Arc<WorkPool>,
) -> Result<AnswerStream, QueryError> {
    Ok(decoded(start(
        Query::new(plan, context, view, index, pool.clone())?.or_partial(),
    )?))
}

fn decoded(parts: PartStream) -> AnswerStream {
    let answers = parts.map(|part| match part? {
        Part::Answer(answer) => Ok(answer),
        Part::Encoded(part) => decode_answer(&part).map_err(|error| QueryError::Storage(error.to_string())),
    });
    answers.boxed()
}

/// As [`run`], restricted to what is in scope; blocks that cannot be read are left out and noted in `damage`. Traces come
/// encoded, since they are for other nodes.
pub(super) fn run_within(
    plan: Plan,
    within: (Scope, Damage),
    context: QueryContext,
    view: View,
    index: Arc<dyn TraceIndex>,
    pool: &Arc<WorkPool>,
) -> Result<PartStream, QueryError> {
    let (scope, damage) = within;
    start(Query::new(plan, context, view, index, pool.clone())?.restrict(scope, damage))
}

fn start(query: Query) -> Result<PartStream, QueryError> {
    query.context.check()?;
    query.plan.check()?;
    let task = Task::new(&query.plan)?;
    let (parts, answer) = stream::channel(query.context.clone());
    let (pool, query, parts) = (query.pool.clone(), Arc::new(query), Arc::new(parts));
    pool.run(move || {
        let outcome = execute(&query, &parts, task);
        // Whoever sees the end may close the store.
        drop(query);
        parts.end(outcome.map_err(QueryError::from));
    });
    Ok(answer)
}

/// What of a plan's shape is made ready before it runs.
enum Task {
    AsPlanned,
    Aggregate(Arc<Aggregation>),
}

impl Task {
    fn new(plan: &Plan) -> Result<Self, QueryError> {
        Ok(match &plan.shape {
            Shape::Aggregate(query) => Self::Aggregate(Aggregation::new(query)?.into()),
            _ => Self::AsPlanned,
        })
    }
}

fn execute(query: &Arc<Query>, parts: &Arc<Parts>, task: Task) -> Result<(), StorageError> {
    query.context.check()?;
    if let Task::Aggregate(what) = task {
        let (groups, bytes) = aggregate::aggregate(query, what)?;
        let stats = query.take_stats();
        return Ok(parts.send(Answer::Groups { groups, stats }, bytes)?);
    }
    match &query.plan.shape {
        Shape::TracesById(ids) => {
            let mut seen = HashSet::with_capacity(ids.len());
            let ids: Vec<(u64, TraceId)> = ids.iter().filter(|id| seen.insert(**id)).map(|id| (0, *id)).collect();
            send_traces(query, parts, &ids, Reach::Scope)
        }
        Shape::Search { limit, order } => {
            let found = search::search(query, *limit, *order)?;
            send_traces(query, parts, &found, Reach::Everything)
        }
        Shape::Ranking { limit, order } => {
            let found = search::search(query, *limit, *order)?;
            send_ranking(query, parts, found)
        }
        Shape::Catalogue(question) => Ok(parts.send(catalogue::answer(query, question)?, 0)?),
        Shape::Rows(what) => rows::rows(query, parts, what),
        Shape::Columns => {
            let spans = columns::count(query)?;
            let stats = query.take_stats();
            Ok(parts.send(Answer::Columns { spans, stats }, 0)?)
        }
        // Made ready above.
        Shape::Aggregate(_) => Ok(()),
        Shape::Calls => {
            let edges = calls::calls(query)?;
            Ok(parts.send(
                Answer::Calls {
                    edges,
                    stats: query.take_stats(),
                },
                0,
            )?)
        }
    }
}

/// Reads whole traces and sends them; at least one part, which says what was scanned.
fn send_traces(query: &Arc<Query>, parts: &Parts, ranked: &[(u64, TraceId)], reach: Reach) -> Result<(), StorageError> {
    for ranked in ranked.chunks(TRACES_PER_PART) {
        if query.is_restricted() {
            let (part, bytes) = traces::fetch_encoded(query, ranked, reach)?;
            parts.send_encoded(part, bytes)?;
            continue;
        }
        let ids: Vec<TraceId> = ranked.iter().map(|(_, id)| *id).collect();
        let (traces, bytes) = traces::fetch(query, &ids, reach)?;
        let mut ranks = ranked.iter();
        let rank = |id| ranks.find(|(_, ranked)| *ranked == id).map_or(0, |(rank, _)| *rank);
        let found = with_ranks(traces, rank);
        parts.send(
            Answer::Traces {
                found,
                stats: query.take_stats(),
            },
            bytes,
        )?;
    }
    if ranked.is_empty() {
        parts.send(
            Answer::Traces {
                found: Vec::new(),
                stats: query.take_stats(),
            },
            0,
        )?;
    }
    Ok(())
}

fn send_ranking(query: &Query, parts: &Parts, ranked: Vec<(u64, TraceId)>) -> Result<(), StorageError> {
    let without_spans = |(rank, trace_id)| FoundTrace {
        rank,
        trace: Trace {
            trace_id,
            spans: Vec::new(),
        },
    };
    let found = ranked.into_iter().map(without_spans).collect();
    let stats = query.take_stats();
    Ok(parts.send(Answer::Traces { found, stats }, 0)?)
}

/// `rank` is asked for the traces in their order.
fn with_ranks(traces: Vec<Trace>, mut rank: impl FnMut(TraceId) -> u64) -> Vec<FoundTrace> {
    traces
        .into_iter()
        .map(|trace| FoundTrace {
            rank: rank(trace.trace_id),
            trace,
        })
        .collect()
}
