//! One request's queries: the query itself and those inside of it.

use common::contract::{QueryContext, QueryError};
use common::ids::TenantId;
use common::query::logsql::stats::State;
use common::query::{Answer, Groups, Plan, RowPart, ScanStats};
use common::span::Span;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

use super::super::ast::{Filter, Pipe, Query};
use super::super::exec::filters::{RowFilter, with_values};
use super::super::exec::pipes::of_counts;
use super::super::exec::{
    Account, ExecContext, ExecError, Flow, Out, Pipeline, Rows, Subqueries, Text, subquery_values,
};
use super::super::fields::StreamTexts;
use super::super::plan::{Grouping, Layout, Planned, Source, plan};
use super::super::value::SECOND;
use super::{PlanRun, Report};
use crate::query::Running;

/// What the queries of a request share.
#[derive(Debug, Clone)]
pub struct Scope {
    pub tenant: TenantId,
    /// The moment they are evaluated at, unix nanoseconds
    pub now: i64,
    /// What rates are divided by; without it the length of each query's time range
    pub rate_seconds: Option<f64>,
}

/// Runs the queries of one request. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    running: Running,
    runtime: Handle,
    scope: Scope,
    report: Mutex<Report>,
}

impl Engine {
    /// An engine that waits for storage on `runtime`.
    pub fn new(running: Running, runtime: Handle, scope: Scope) -> Self {
        let report = Mutex::default();
        Self(Arc::new(Shared {
            running,
            runtime,
            scope,
            report,
        }))
    }

    /// The limits of the request.
    pub fn limits(&self) -> &QueryContext {
        self.0.running.context()
    }

    /// What all plans took so far.
    pub fn report(&self) -> Report {
        self.0.report.lock().clone()
    }

    /// The texts of the tenant's streams.
    pub fn streams(&self) -> StreamTexts {
        StreamTexts::new(self.tenant())
    }

    pub(super) fn tenant(&self) -> TenantId {
        self.0.scope.tenant
    }

    /// Runs a query, and gives its rows to `out` until there are no more or `out` has enough. Blocks.
    pub fn run(&self, query: &Query, out: &mut Out<'_>) -> Result<(), ExecError> {
        self.execute(query, out, None)
    }

    /// As [`Self::run`]; where the rows are spans as they are stored, they are given to `whole` instead.
    pub fn run_to_spans(&self, query: &Query, out: &mut Out<'_>, whole: &mut OutSpans<'_>) -> Result<(), ExecError> {
        self.execute(query, out, Some(whole))
    }

    fn execute(&self, query: &Query, out: &mut Out<'_>, whole: Option<&mut OutSpans<'_>>) -> Result<(), ExecError> {
        let context = self.context(query);
        refuse_options(query)?;
        let filter = with_values(&query.filter, &mut |subquery| subquery_values(subquery, &context))?;
        let filter = self.with_labels(filter)?;
        let planned = plan(query, &filter, self.0.scope.tenant)?;
        let mut pipeline = Pipeline::new(planned.pipes, &context)?;
        let input = Input {
            engine: self,
            context: &context,
            planned: &planned,
        };
        match whole.filter(|_| planned.is_of_whole_spans()) {
            Some(whole) => input.spans(whole),
            None => {
                input.push_through(&mut pipeline, out)?;
                pipeline.finish(out)
            }
        }
    }

    fn context(&self, query: &Query) -> ExecContext {
        let own = || query.time_range().length().map(|length| length as f64 / SECOND as f64);
        ExecContext {
            query: self.limits().clone(),
            now: self.0.scope.now,
            rate_seconds: self.0.scope.rate_seconds.or_else(own).unwrap_or(1.0),
            subqueries: Arc::new(self.clone()),
        }
    }

    /// The whole answer to a plan for groups, and the account of the memory that it takes.
    pub(super) fn groups(&self, plan: Plan, run: Explain) -> Result<(Groups, Account), ExecError> {
        let mut account = Account::new(self.limits(), "stats");
        let mut whole = Answer::empty_for(&plan);
        self.each_part(plan, run, &mut |part| {
            if let Answer::Groups { groups, .. } = &part {
                account.grow(groups.iter().map(group_bytes).sum())?;
            }
            whole.merge(part);
            Ok(Flow::More)
        })?;
        match whole {
            Answer::Groups { groups, .. } => Ok((groups, account)),
            _ => Ok((Groups::new(), account)),
        }
    }

    /// Gives the parts of the answer to `take` until there are no more or it has enough.
    pub(super) fn each_part(
        &self,
        plan: Plan,
        run: Explain,
        take: &mut dyn FnMut(Answer) -> Result<Flow, ExecError>,
    ) -> Result<(), ExecError> {
        let started = Instant::now();
        let mut stats = ScanStats::default();
        let mut parts = self.wait(self.0.running.parts(plan.clone()))??;
        while let Some(part) = self.wait(parts.next())? {
            let part = part?;
            add_stats(&mut stats, &part);
            if take(part)? == Flow::Enough {
                break;
            }
        }
        self.0.report.lock().runs.push(PlanRun {
            plan,
            residual: run.residual,
            pipes: run.pipes,
            stats,
            took: started.elapsed(),
        });
        Ok(())
    }

    /// Waits for storage, until the deadline.
    fn wait<F: Future>(&self, work: F) -> Result<F::Output, ExecError> {
        let limits = self.limits();
        let left = limits.remaining();
        let done = self
            .0
            .runtime
            .block_on(async { tokio::time::timeout(left, work).await });
        done.map_err(|_| {
            let allowed = limits.elapsed().saturating_add(limits.remaining());
            limits.cancel();
            ExecError::Source(QueryError::DeadlineExceeded(allowed))
        })
    }
}

impl Subqueries for Engine {
    fn run(&self, query: &Query, out: &mut Out<'_>) -> Result<(), ExecError> {
        Engine::run(self, query, out)
    }
}

/// Takes whole spans.
pub type OutSpans<'a> = dyn FnMut(Vec<Span>) -> Result<Flow, ExecError> + 'a;

/// What a report says of a plan besides the plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Explain {
    pub residual: Option<String>,
    pub pipes: Vec<String>,
}

/// Where the rows of a query come from.
struct Input<'a> {
    engine: &'a Engine,
    context: &'a ExecContext,
    planned: &'a Planned<'a>,
}

impl Input<'_> {
    fn push_through(&self, pipeline: &mut Pipeline, out: &mut Out<'_>) -> Result<(), ExecError> {
        let plan = self.planned.plan.clone();
        let mut push = |rows| pipeline.push(rows, out);
        match &self.planned.source {
            Source::Rows(layout) => self.rows(layout, &mut push),
            Source::Stats(grouping) => self.stats(plan, grouping, &mut push),
            Source::Counts(grouping, pipe) => self.counts(plan, grouping, pipe, &mut push),
            Source::FieldNames(shape) => self.engine.field_names(plan, shape, &mut push),
            Source::Facets(shape) => self.engine.facets(plan, shape, self.context, &mut push),
        }
    }

    fn explain(&self) -> Explain {
        Explain {
            residual: self.planned.residual.as_ref().map(Filter::to_string),
            pipes: self.planned.pipes.iter().map(Pipe::to_string).collect(),
        }
    }

    fn streams(&self) -> StreamTexts {
        self.engine.streams()
    }

    /// Gives the rows to `out` as they are.
    fn spans(&self, out: &mut OutSpans<'_>) -> Result<(), ExecError> {
        self.each_row_part(&mut |part| match part {
            RowPart::Spans(spans) => out(spans),
            RowPart::Columns(_) => Ok(Flow::More),
        })
    }

    fn each_row_part(&self, take: &mut dyn FnMut(RowPart) -> Result<Flow, ExecError>) -> Result<(), ExecError> {
        let plan = self.planned.plan.clone();
        self.engine.each_part(plan, self.explain(), &mut |answer| {
            if let Answer::Rows { parts, .. } = answer {
                for part in parts {
                    if take(part)? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Ok(Flow::More)
        })
    }

    fn rows(&self, layout: &Layout, push: &mut Out<'_>) -> Result<(), ExecError> {
        let residual = self.planned.residual.as_ref().map(RowFilter::new).transpose()?;
        let mut streams = self.streams();
        self.each_row_part(&mut |part| {
            let mut account = Account::new(&self.context.query, "rows");
            let mut rows = layout.rows(part, &mut streams);
            account.grow(rows.memory_bytes())?;
            if let Some(residual) = &residual {
                let keep = residual.matches(&rows);
                if keep.contains(&false) {
                    rows.retain(&keep);
                }
            }
            push(rows)
        })
    }

    fn stats(&self, plan: Plan, grouping: &Grouping, push: &mut Out<'_>) -> Result<(), ExecError> {
        let (groups, _account) = self.engine.groups(plan, self.explain())?;
        let seconds = self.context.rate_seconds;
        grouping.rows(groups, seconds, &mut self.streams(), &mut |rows: Rows| {
            Ok(push(rows)? == Flow::More)
        })
    }

    fn counts(&self, plan: Plan, grouping: &Grouping, pipe: &Pipe, push: &mut Out<'_>) -> Result<(), ExecError> {
        let (groups, _account) = self.engine.groups(plan, self.explain())?;
        let (rows, counts) = grouping.counts(groups, &mut self.streams());
        of_counts(pipe, &rows, &counts, self.context, push)
    }
}

/// About how much memory a group takes.
fn group_bytes((key, states): (&Vec<Text>, &Vec<State>)) -> usize {
    let key: usize = key.iter().map(|text| size_of::<Text>() + text.len()).sum();
    let states: usize = states.iter().map(State::memory_bytes).sum();
    2 * size_of::<Vec<Text>>() + key + states
}

fn add_stats(all: &mut ScanStats, part: &Answer) {
    match part {
        Answer::Traces { stats, .. }
        | Answer::Calls { stats, .. }
        | Answer::Rows { stats, .. }
        | Answer::Groups { stats, .. }
        | Answer::Columns { stats, .. } => all.add(stats),
        Answer::Services(_) | Answer::Operations(_) | Answer::AttributeNames(_) => {}
    }
}

/// Options that would change the answer and are not executed.
fn refuse_options(query: &Query) -> Result<(), ExecError> {
    match query.options.time_offset {
        Some(_) => Err(ExecError::Unsupported("option `time_offset`".to_owned())),
        None => Ok(()),
    }
}
