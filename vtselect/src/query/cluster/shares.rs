//! Quantiles over several nodes. Values are kept as they are as long as there are few, and each node has about its share
//! of them: it need not send more than that. Only where this was too little for a group is everything asked for again.

use super::held::Reserved;
use super::reading::{Asker, Reading};
use super::weight;
use common::cluster::Scope;
use common::contract::QueryError;
use common::query::logsql::stats::{EXACT_VALUES, State};
use common::query::{AggregateQuery, Answer, FunctionKind, Plan, Shape};
use std::sync::Arc;

/// What each of `nodes` nodes is asked for; `None` where there is nothing to share.
pub(super) fn of(plan: &Plan, nodes: usize) -> Option<Plan> {
    let Shape::Aggregate(query) = &plan.shape else {
        return None;
    };
    let is_quantile = |kind: &FunctionKind| *kind == FunctionKind::Quantile;
    if nodes < 2 || !query.functions.iter().any(|function| is_quantile(&function.kind)) {
        return None;
    }
    let exact = share(nodes);
    let mut functions = query.functions.clone();
    for function in functions.iter_mut().filter(|function| is_quantile(&function.kind)) {
        function.kind = FunctionKind::QuantileOfPart { exact };
    }
    let by = query.by.clone();
    Some(Plan {
        shape: Shape::Aggregate(AggregateQuery { by, functions }),
        ..plan.clone()
    })
}

/// The part of a node and a quarter more: traces are spread by the hash of their ids.
fn share(nodes: usize) -> u64 {
    (EXACT_VALUES as u64 * 5).div_ceil(nodes as u64 * 4)
}

/// Answers `plan` by asking nodes for `shares`, if that is enough, else as it is.
pub(super) async fn answer(asker: Asker, plan: Plan, shares: Plan, scope: Scope) -> Result<(), QueryError> {
    let merged = gather(&asker, shares, scope.clone()).await?;
    if is_short(&merged) {
        return Reading::run(asker, Arc::new(plan), scope).await;
    }
    let bytes = weight::of_answer(&merged);
    let reserved = Reserved::new(&asker.out.context, bytes, "merging the answers of storage nodes")?;
    asker.out.send(Ok(merged), Some(reserved)).await
}

/// The merged answer of all nodes.
async fn gather(asker: &Asker, plan: Plan, scope: Scope) -> Result<Answer, QueryError> {
    let (inner, pieces) = asker.inner();
    let mut merged = Answer::empty_for(&plan);
    let mut memory = Vec::new();
    let merging = async {
        let mut pieces = pieces;
        while let Some(piece) = pieces.recv().await {
            merged.merge(piece.answer?);
            memory.push(piece.reserved);
        }
        Ok(())
    };
    let (read, done) = tokio::join!(Reading::run(inner, Arc::new(plan), scope), merging);
    read.and(done).map(|()| merged)
}

/// Whether a group has so few values that all of them were to be kept, and some were not.
fn is_short(answer: &Answer) -> bool {
    let Answer::Groups { groups, .. } = answer else {
        return false;
    };
    let mut states = groups.values().flatten();
    states.any(|state| matches!(state, State::Quantile(quantile) if quantile.is_short()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_and_some_more() {
        assert_eq!((share(2), share(3), share(12)), (6_250, 4_167, 1_042));
    }
}
