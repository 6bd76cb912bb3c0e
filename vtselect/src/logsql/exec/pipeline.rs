//! A chain of pipes that blocks of rows are pushed through.
//!
//! A pipe passes rows on as soon as it can, holds what it must within the memory budget of the query, and says when it
//! needs no more rows, so that what is in front of it can stop. It does not know where rows come from or go to.

use common::contract::QueryContext;
use std::sync::Arc;

use super::super::ast::{self, Query};
use super::{ExecError, Rows, pipes};

/// Most pipes in one query: each takes stack while rows go through.
const MAX_PIPES: usize = 256;

/// Whether more rows are of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More rows may change the result.
    More,
    /// More rows would be dropped.
    Enough,
}

/// Takes blocks of rows.
pub type Out<'a> = dyn FnMut(Rows) -> Result<Flow, ExecError> + 'a;

/// A step that rows go through.
pub trait Pipe: Send {
    /// Takes a block; `out` takes what follows from it already. The answer says whether more blocks are of use.
    fn push(&mut self, rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError>;

    /// The input has ended: `out` takes the rest. Called once.
    fn finish(&mut self, _out: &mut Out<'_>) -> Result<(), ExecError> {
        Ok(())
    }
}

/// Executes the queries inside of pipes.
pub trait Subqueries: Send + Sync {
    /// Gives the rows of the query to `out` until there are no more or `out` has enough.
    fn run(&self, query: &Query, out: &mut Out<'_>) -> Result<(), ExecError>;
}

/// Refuses every subquery.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSubqueries;

impl Subqueries for NoSubqueries {
    fn run(&self, _: &Query, _: &mut Out<'_>) -> Result<(), ExecError> {
        Err(ExecError::Unsupported("a subquery at this place".to_owned()))
    }
}

/// What the execution of a query depends on besides the query.
#[derive(Clone)]
pub struct ExecContext {
    /// Deadline, cancellation and memory.
    pub query: QueryContext,
    /// The moment the query is evaluated at, unix nanoseconds.
    pub now: i64,
    /// What `rate()` and `rate_sum()` divide by.
    pub rate_seconds: f64,
    /// Executes the queries inside of pipes.
    pub subqueries: Arc<dyn Subqueries>,
}

impl ExecContext {
    /// A context without subqueries, in which a rate is per one second.
    pub fn new(query: QueryContext, now: i64) -> Self {
        Self {
            query,
            now,
            rate_seconds: 1.0,
            subqueries: Arc::new(NoSubqueries),
        }
    }
}

/// The pipes of a query.
pub struct Pipeline {
    pipes: Vec<Box<dyn Pipe>>,
    query: QueryContext,
    flow: Flow,
}

impl Pipeline {
    /// Makes the pipes ready; an error for those that are not supported.
    pub fn new(pipes: &[ast::Pipe], context: &ExecContext) -> Result<Self, ExecError> {
        if pipes.len() > MAX_PIPES {
            let reason = format!("the query has {} pipes, at most {MAX_PIPES} are allowed", pipes.len());
            return Err(ExecError::Invalid(reason));
        }
        let pipes = pipes.iter().map(|pipe| pipes::build(pipe, context));
        Ok(Self {
            pipes: pipes.collect::<Result<_, _>>()?,
            query: context.query.clone(),
            flow: Flow::More,
        })
    }

    /// Takes a block of rows; `out` takes what comes out at the end. Once the answer is [`Flow::Enough`], further
    /// blocks are dropped.
    pub fn push(&mut self, rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.query.check()?;
        if self.flow == Flow::More && !rows.is_empty() {
            self.flow = push_through(&mut self.pipes, rows, out)?;
        }
        Ok(self.flow)
    }

    /// The input has ended: `out` takes the rest.
    pub fn finish(mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let mut pipes = self.pipes.as_mut_slice();
        while let Some((first, rest)) = pipes.split_first_mut() {
            self.query.check()?;
            let query = &self.query;
            first.finish(&mut |rows| {
                query.check()?;
                push_through(rest, rows, out)
            })?;
            pipes = rest;
        }
        Ok(())
    }
}

fn push_through(pipes: &mut [Box<dyn Pipe>], rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
    if rows.is_empty() {
        return Ok(Flow::More);
    }
    match pipes.split_first_mut() {
        None => out(rows),
        Some((first, rest)) => first.push(rows, &mut |rows| push_through(rest, rows, out)),
    }
}
