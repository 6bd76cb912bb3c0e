//! The answer to a plan over a list of spans, by definition.

use super::{aggregate, rows};
use crate::contract::{QueryContext, QueryError};
use crate::ids::TraceId;
use crate::query::eval::{self, CompiledFilter};
use crate::query::{
    Answer, AttrLevel, CallEdge, CatalogueQuery, FoundTrace, Operation, Order, Plan, ScanStats, Shape, present_columns,
};
use crate::span::{Span, SpanKind, Trace};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Answers `plan` over all spans of its tenant. Of spans that are the same ([`Span::identity`]) the first counts, but
/// rows and aggregates see them all.
///
/// A catalogue knows no time range and no filter; spans whose resource names no service are in no service's list.
pub fn answer(plan: &Plan, spans: &[Span], context: &QueryContext) -> Result<Answer, QueryError> {
    plan.check()?;
    let mut whole = match &plan.shape {
        Shape::TracesById(ids) => traces_by_id(ids, spans),
        Shape::Search { order, .. } => search(plan, *order, spans, context)?,
        Shape::Ranking { order, .. } => without_spans(search(plan, *order, spans, context)?),
        Shape::Catalogue(query) => catalogue(query, spans),
        Shape::Calls => calls(plan, spans, context)?,
        Shape::Rows(query) => Answer::Rows {
            parts: rows::rows(query, matching(plan, spans)?),
            stats: stats_of(spans),
        },
        Shape::Aggregate(query) => Answer::Groups {
            groups: aggregate::groups(query, &matching(plan, spans)?, context)?,
            stats: stats_of(spans),
        },
        Shape::Columns => columns(&matching(plan, spans)?, spans),
    };
    whole.finish(plan);
    Ok(whole)
}

fn by_trace(spans: &[Span]) -> BTreeMap<TraceId, Trace> {
    let mut lists: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
    for span in spans {
        lists.entry(span.trace_id).or_default().push(span.clone());
    }
    lists
        .into_iter()
        .map(|(id, spans)| (id, Trace::new(id, spans)))
        .collect()
}

fn traces_by_id(ids: &[TraceId], spans: &[Span]) -> Answer {
    let wanted: BTreeSet<_> = ids.iter().collect();
    let traces = by_trace(spans)
        .into_values()
        .filter(|trace| wanted.contains(&trace.trace_id));
    Answer::Traces {
        found: traces.map(|trace| FoundTrace { rank: 0, trace }).collect(),
        stats: ScanStats::default(),
    }
}

/// The spans in the plan's scope, repeated ones included.
fn matching<'s>(plan: &Plan, spans: &'s [Span]) -> Result<Vec<&'s Span>, QueryError> {
    let filter = plan.filter.compile()?;
    Ok(spans.iter().filter(|span| in_scope(plan, &filter, span)).collect())
}

fn in_scope(plan: &Plan, filter: &CompiledFilter, span: &Span) -> bool {
    plan.range.contains(span.start) && eval::matches(filter, span)
}

fn columns(matching: &[&Span], spans: &[Span]) -> Answer {
    let mut counts = BTreeMap::new();
    for span in matching {
        present_columns(span, &mut |column| *counts.entry(column).or_default() += 1);
    }
    Answer::Columns {
        spans: counts,
        stats: stats_of(spans),
    }
}

fn search(plan: &Plan, order: Order, spans: &[Span], context: &QueryContext) -> Result<Answer, QueryError> {
    let filter = plan.filter.compile()?;
    let mut found = Vec::new();
    for trace in by_trace(spans).into_values() {
        context.check()?;
        let matching = trace.spans.iter().filter(|span| in_scope(plan, &filter, span));
        let rank = matching
            .map(|span| match order {
                Order::Newest => span.start.0,
                Order::Slowest => span.duration_nanos(),
            })
            .max();
        if let Some(rank) = rank {
            found.push(FoundTrace { rank, trace });
        }
    }
    Ok(Answer::Traces {
        found,
        stats: stats_of(spans),
    })
}

fn without_spans(mut answer: Answer) -> Answer {
    if let Answer::Traces { found, .. } = &mut answer {
        found.iter_mut().for_each(|found| found.trace.spans.clear());
    }
    answer
}

fn stats_of(spans: &[Span]) -> ScanStats {
    ScanStats {
        rows_scanned: spans.len() as u64,
        ..ScanStats::default()
    }
}

fn catalogue(query: &CatalogueQuery, spans: &[Span]) -> Answer {
    match query {
        CatalogueQuery::Services => Answer::Services(
            spans
                .iter()
                .map(Span::service_name)
                .filter(|name| !name.is_empty())
                .map(Arc::from)
                .collect(),
        ),
        CatalogueQuery::Operations { service, kind } => Answer::Operations(operations(service, *kind, spans)),
        CatalogueQuery::AttributeNames => {
            let mut names = BTreeSet::new();
            for span in spans {
                for level in [AttrLevel::Resource, AttrLevel::Scope, AttrLevel::Span] {
                    names.extend(eval::attributes(level, span).iter().map(|a| (level, a.key.clone())));
                }
            }
            Answer::AttributeNames(names)
        }
    }
}

fn operations(service: &str, kind: Option<SpanKind>, spans: &[Span]) -> BTreeSet<Operation> {
    let of_service = spans
        .iter()
        .filter(|span| !service.is_empty() && span.service_name() == service);
    let of_kind = of_service.filter(|span| kind.is_none_or(|kind| span.kind == kind));
    of_kind
        .map(|span| Operation {
            name: span.name.clone(),
            kind: span.kind,
        })
        .collect()
}

/// A parent id that several spans of the trace bear means the first of them.
fn calls(plan: &Plan, spans: &[Span], context: &QueryContext) -> Result<Answer, QueryError> {
    let filter = plan.filter.compile()?;
    let mut edges = BTreeMap::new();
    for trace in by_trace(spans).into_values() {
        context.check()?;
        let mut services = HashMap::new();
        for span in &trace.spans {
            services.entry(span.span_id).or_insert_with(|| span.service_name());
        }
        for span in trace.spans.iter().filter(|span| in_scope(plan, &filter, span)) {
            let Some(parent) = span.parent_span_id.and_then(|id| services.get(&id)) else {
                continue;
            };
            let edge = CallEdge {
                parent: (*parent).into(),
                child: span.service_name().into(),
            };
            *edges.entry(edge).or_default() += 1;
        }
    }
    Ok(Answer::Calls {
        edges,
        stats: stats_of(spans),
    })
}
