//! The first step of a search: which traces are the best ones, without their spans. Traces are spread over the nodes by
//! the hash of their ids, so that each node has about its share of the best. It is asked for a little more than that;
//! only where this may have left out some is it asked for all.

use super::reading::{Asker, Reading};
use common::cluster::Scope;
use common::contract::QueryError;
use common::ids::TraceId;
use common::query::{Answer, FoundTrace, Order, Plan, ScanStats, Shape};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// The `limit` best traces that match the plan, each with what orders it, and what finding them took.
pub(super) async fn best(
    asker: &Asker,
    plan: Plan,
    (limit, order): (usize, Order),
    scope: Scope,
) -> Result<(HashMap<TraceId, u64>, ScanStats), QueryError> {
    let ranking = |limit| {
        let shape = Shape::Ranking { limit, order };
        Arc::new(Plan { shape, ..plan.clone() })
    };
    let all = ranking(limit);
    let first = share(limit, asker.readers()?);
    let mut merged = Merged::new(first);
    merged.gather(asker, ranking(first), scope.clone()).await?;
    let mut best = merged.best(&all);
    if first < limit && merged.may_lack(&best, limit) {
        merged.asked = limit;
        merged.gather(asker, all.clone(), scope).await?;
        best = merged.best(&all);
    }
    let ranks = best.iter().map(|found| (found.trace.trace_id, found.rank));
    Ok((ranks.collect(), merged.stats))
}

/// How many of the best `limit` traces one of some nodes has at most, but for rare cases: its part and three standard
/// deviations.
fn share(limit: usize, nodes: usize) -> usize {
    let (traces, part) = (limit as f64, 1.0 / nodes.max(1) as f64);
    let deviation = (traces * part * (1.0 - part)).sqrt();
    let share = traces * part + 3.0 * deviation;
    limit.min((share.ceil() as usize).saturating_add(1))
}

/// What nodes found.
struct Merged {
    /// How many traces each was asked for
    asked: usize,
    found: Vec<FoundTrace>,
    stats: ScanStats,
    /// The last that each node gave of those that may have more
    last: Vec<Place>,
}

/// Where a trace comes in the order: the least first.
type Place = (Reverse<u64>, TraceId);

fn place(found: &FoundTrace) -> Place {
    (Reverse(found.rank), found.trace.trace_id)
}

impl Merged {
    fn new(asked: usize) -> Self {
        Self {
            asked,
            found: Vec::new(),
            stats: ScanStats::default(),
            last: Vec::new(),
        }
    }

    /// Asks all nodes.
    async fn gather(&mut self, asker: &Asker, plan: Arc<Plan>, scope: Scope) -> Result<(), QueryError> {
        let (inner, pieces) = asker.inner();
        let added = async {
            let mut pieces = pieces;
            while let Some(piece) = pieces.recv().await {
                self.add(piece.answer?);
            }
            Ok(())
        };
        let (read, added) = tokio::join!(Reading::run(inner, plan, scope), added);
        read.and(added)
    }

    /// Adds what one node gave, which is one part.
    fn add(&mut self, answer: Answer) {
        if let Answer::Traces { found, stats } = answer {
            self.stats.add(&stats);
            if found.len() >= self.asked {
                self.last.extend(found.iter().map(place).max());
            }
            self.found.extend(found);
        }
    }

    /// The best traces in order.
    fn best(&mut self, plan: &Plan) -> Vec<FoundTrace> {
        let (found, stats) = (std::mem::take(&mut self.found), self.stats);
        let mut answer = Answer::Traces { found, stats };
        answer.finish(plan);
        match answer {
            Answer::Traces { found, .. } => found,
            _ => Vec::new(),
        }
    }

    /// Whether a trace that a node has not given may belong to the best ones: all that it gave do.
    fn may_lack(&self, best: &[FoundTrace], limit: usize) -> bool {
        let worst = best.last().filter(|_| best.len() >= limit).map(place);
        self.last.iter().any(|last| worst.is_none_or(|worst| *last <= worst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_and_some_more() {
        assert_eq!((share(20, 3), share(200, 3), share(200, 12)), (14, 88, 30));
        assert_eq!((share(20, 1), share(0, 3), share(1, 3), share(7, 0)), (20, 0, 1, 7));
        assert!(share(usize::MAX, 3) > usize::MAX / 4);
    }
}
