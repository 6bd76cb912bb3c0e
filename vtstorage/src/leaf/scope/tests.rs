//! Answers about parts of the data that together are all of it, against the answer about all of it.

use crate::engine::block::{Block, BlockId, ChunkId, ChunkSource, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::store::View;
use crate::leaf::execute::run_within;
use crate::leaf::stream::Part;
use crate::leaf::testing::{filter, single_column, spans};
use crate::leaf::tests::{
    EveryBlock, POOL, SPREAD, Spread, answer, distinct, plan, ranges, some_spans, spreads, view, view_under,
};
use crate::leaf::{Damage, aggregate, rows, tests};
use bytes::Bytes;
use common::cluster::{Scope, ScopeRange, Slot, SlotSet};
use common::contract::{QueryContext, QueryError};
use common::ids::{Epoch, TraceId};
use common::query::{AggregateQuery, Function, FunctionKind, GroupKey};
use common::query::{Answer, Column, Filter, Order, Plan, Projection, RowOrder, Shape, SpanField};
use common::span::Span;
use common::time::TimeRange;
use common::wire::decode_answer;
use futures::StreamExt;
use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

const SLOTS: u16 = 16;
const EPOCHS: u32 = 3;

/// For each epoch and slot the node that is asked for it, of some nodes; and the epochs of the parts of the data.
#[derive(Clone, Debug)]
struct Split {
    nodes: usize,
    asked: Vec<Vec<usize>>,
    epochs: Vec<Epoch>,
}

fn splits() -> impl Strategy<Value = Split> {
    (1..4usize).prop_flat_map(|nodes| {
        let asked = vec(vec(0..nodes, usize::from(SLOTS)), EPOCHS as usize);
        let epochs = vec((0..EPOCHS).prop_map(Epoch), 10);
        (asked, epochs).prop_map(move |(asked, epochs)| Split { nodes, asked, epochs })
    })
}

impl Split {
    fn view(&self, spans: &[Span], spread: Spread) -> View {
        view_under(spans, spread, |part| self.epochs[part])
    }

    fn scope(&self, node: usize) -> Scope {
        let range = |(epoch, asked): (u32, &Vec<usize>)| ScopeRange {
            epochs: (Epoch(epoch), Epoch(if epoch + 1 == EPOCHS { u32::MAX } else { epoch })),
            slots: (0..SLOTS)
                .map(Slot)
                .filter(|slot| asked[usize::from(slot.0)] == node)
                .collect(),
        };
        Scope {
            slots: SLOTS,
            ranges: (0..).zip(&self.asked).map(range).collect(),
        }
    }

    /// What all nodes together answer.
    fn answer(&self, plan: &Plan, view: &View) -> Answer {
        let mut whole = Answer::empty_for(plan);
        for node in 0..self.nodes {
            let (parts, damage) = ask(plan, self.scope(node), view).unwrap();
            parts.into_iter().for_each(|part| whole.merge(part));
            assert!(!damage.is_found());
        }
        whole.finish(plan);
        whole
    }
}

fn ask(plan: &Plan, scope: Scope, view: &View) -> Result<(Vec<Answer>, Damage), QueryError> {
    let damage = Damage::default();
    let within = (scope, damage.clone());
    let context = QueryContext::unlimited();
    let parts = run_within(plan.clone(), within, context, view.clone(), Arc::new(EveryBlock), &POOL)?;
    let parts = block_on(parts.collect::<Vec<_>>()).into_iter().map(|part| {
        part.map(|part| match part {
            Part::Answer(answer) => answer,
            Part::Encoded(part) => decode_answer(&part).unwrap(),
        })
    });
    let parts = parts.collect::<Result<_, _>>()?;
    Ok((parts, damage))
}

fn unrestricted(plan: &Plan, view: &View) -> Answer {
    answer(plan, view, QueryContext::unlimited()).unwrap()
}

/// What a repeated span counts for depends on who has it.
fn with_own_ids(spans: Vec<Span>) -> Vec<Span> {
    let mut ids = std::collections::HashSet::new();
    distinct(spans)
        .into_iter()
        .filter(|span| ids.insert((span.trace_id, span.span_id)))
        .collect()
}

fn filters() -> impl Strategy<Value = Filter> {
    prop_oneof![2 => Just(Filter::All), 1 => filter()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn traces_and_calls_are_those_of_the_whole(
        spans in spans(60).prop_map(with_own_ids),
        filters in vec((filters(), ranges()), 1..4),
        spread in spreads(),
        split in splits(),
        limit in 0..7usize,
        order in prop_oneof![Just(Order::Newest), Just(Order::Slowest)],
        ids in vec(0..8u8, 0..6),
    ) {
        let view = split.view(&spans, spread);
        let mut plans = vec![Plan::traces_by_id(crate::leaf::testing::TENANT, ids.into_iter().map(|n| TraceId([n; 16])).collect())];
        for (filter, range) in filters {
            plans.push(plan(Shape::Search { limit, order }, filter.clone(), range));
            plans.push(plan(Shape::Ranking { limit, order }, filter.clone(), range));
            plans.push(plan(Shape::Calls, filter, range));
        }
        for plan in plans {
            let (found, expected) = (split.answer(&plan, &view), unrestricted(&plan, &view));
            prop_assert_eq!(tests::comparable(found), tests::comparable(expected), "{:?}", plan);
        }
    }

    #[test]
    fn rows_are_those_of_the_whole(
        spans in spans(60).prop_map(distinct),
        columns in vec(single_column(), 0..6),
        filters in vec((filters(), ranges()), 1..4),
        order in rows::tests::order(),
        limit in 0..12usize,
        spread in spreads(),
        split in splits(),
    ) {
        let view = split.view(&spans, spread);
        for (filter, range) in filters {
            let shape = rows::tests::query(Projection::Columns(columns.clone()), order.clone(), None);
            let all = plan(shape, filter.clone(), range);
            let (found, expected) = (split.answer(&all, &view), unrestricted(&all, &view));
            let texts = |answer| rows::tests::comparable(rows::tests::parts(answer), &columns);
            prop_assert_eq!(texts(found), texts(expected));
            // Of the first rows each node gives its own: no number of them is missing.
            let first = plan(rows::tests::query(Projection::Spans, order.clone(), Some(limit)), filter, range);
            let (found, expected) = (split.answer(&first, &view), unrestricted(&first, &view));
            let mut found = rows::tests::ranks(rows::tests::parts(found), &order);
            for rank in rows::tests::ranks(rows::tests::parts(expected), &order) {
                let place = found.iter().position(|found| *found == rank);
                prop_assert!(place.is_some(), "{} is missing", rank);
                place.map(|place| found.swap_remove(place));
            }
        }
    }

    #[test]
    fn groups_are_those_of_the_whole(
        spans in spans(60).prop_map(distinct),
        queries in vec((aggregate::tests::query(), filters(), ranges()), 1..4),
        spread in spreads(),
        split in splits(),
    ) {
        let view = split.view(&spans, spread);
        let count = Function { kind: FunctionKind::Count, columns: Vec::new(), condition: None };
        let by_minute = GroupKey {
            column: Column::Field(SpanField::Start),
            bucket: Some(common::query::logsql::value::Bucket {
                size: common::query::logsql::value::BucketSize::Number(60e9), offset: 0.0,
            }),
        };
        let counts = [Vec::new(), vec![by_minute]]
            .map(|by| (AggregateQuery { by, functions: vec![count.clone()] }, Filter::All, TimeRange::ALL));
        for (query, filter, range) in queries.into_iter().chain(counts) {
            let plan = plan(Shape::Aggregate(query), filter, range);
            let (found, expected) = (split.answer(&plan, &view), unrestricted(&plan, &view));
            let groups = |answer| aggregate::tests::comparable(aggregate::tests::groups(answer));
            prop_assert_eq!(groups(found), groups(expected), "{:?}", plan);
            let plan = Plan { shape: Shape::Columns, ..plan };
            let columns = |answer| match answer {
                Answer::Columns { spans, .. } => spans,
                other => panic!("columns were asked for, not {other:?}"),
            };
            let (found, expected) = (split.answer(&plan, &view), unrestricted(&plan, &view));
            prop_assert_eq!(columns(found), columns(expected), "{:?}", plan);
        }
    }
}

fn everything() -> Scope {
    let range = ScopeRange {
        epochs: (Epoch(0), Epoch(u32::MAX)),
        slots: SlotSet::all(SLOTS),
    };
    Scope {
        slots: SLOTS,
        ranges: vec![range],
    }
}

fn all_rows() -> Plan {
    plan(
        rows::tests::query(Projection::Spans, RowOrder::Any, None),
        Filter::All,
        TimeRange::ALL,
    )
}

fn number_of_rows(answers: Vec<Answer>) -> usize {
    let parts = answers.into_iter().flat_map(rows::tests::parts);
    parts.map(|part| part.len()).sum()
}

#[test]
fn nothing_in_scope_is_nothing_found_and_nothing_read() {
    let view = view(&some_spans(), SPREAD);
    let (answers, _) = ask(&all_rows(), everything(), &view).unwrap();
    assert_eq!(number_of_rows(answers), 49);
    let mut other_epoch = everything();
    other_epoch.ranges[0].epochs = (Epoch(1), Epoch(9));
    let no_slot = Scope {
        slots: SLOTS,
        ranges: Vec::new(),
    };
    for scope in [other_epoch, no_slot] {
        let (answers, _) = ask(&all_rows(), scope, &view).unwrap();
        let [Answer::Rows { parts, stats }] = answers.as_slice() else {
            panic!("{answers:?}")
        };
        assert!(parts.is_empty() && stats.rows_scanned == 0, "{stats:?}");
    }
}

/// Chunks on a broken disk.
struct Gone;

impl ChunkSource for Gone {
    fn chunk(&self, _: u32, block: BlockId, chunk: ChunkId, _: bool) -> Result<Bytes, StorageError> {
        Err(StorageError::MissingChunk {
            block: block.0,
            chunk: chunk.to_string(),
        })
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let mut spans = some_spans();
    // Names that do not fit in the header.
    for (number, span) in (0u64..).zip(&mut spans) {
        let word = |i: u64| {
            (number * 64 + i + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
        };
        span.name = (0..64).map(|i| format!("{:x}", word(i))).collect::<String>().into();
    }
    let view = view(&spans, SPREAD);
    let whole = view.blocks().next().unwrap().clone();
    let broken = Arc::new(StoredBlock::from(Block {
        chunks: Arc::new(Gone),
        ..whole.open().unwrap()
    }));
    let heads = view.batches().cloned().collect();
    let catalogue = view.partitions().next().unwrap().catalogue.clone();
    let blocks = vec![broken, view.blocks().nth(1).unwrap().clone()];
    let damaged = View::of_parts(heads, blocks, catalogue);
    let by_name = GroupKey {
        column: Column::Field(SpanField::Name),
        bucket: None,
    };
    let plans = [
        all_rows(),
        plan(
            Shape::Search {
                limit: 1_000,
                order: Order::Newest,
            },
            Filter::All,
            TimeRange::ALL,
        ),
        plan(
            Shape::Aggregate(AggregateQuery {
                by: vec![by_name],
                functions: Vec::new(),
            }),
            Filter::All,
            TimeRange::ALL,
        ),
    ];
    for plan in plans {
        assert!(answer(&plan, &damaged, QueryContext::unlimited()).is_err(), "{plan:?}");
        let (answers, damage) = ask(&plan, everything(), &damaged).unwrap();
        assert!(damage.is_found(), "{plan:?}");
        let found = answers.into_iter().map(|answer| match answer {
            Answer::Rows { parts, .. } => parts.iter().map(|part| part.len()).sum::<usize>(),
            Answer::Traces { found, .. } => found.len(),
            Answer::Groups { groups, .. } => groups.len(),
            other => panic!("{other:?}"),
        });
        let rows = whole
            .open()
            .unwrap()
            .header
            .tenant_rows(crate::leaf::testing::TENANT)
            .len();
        assert_eq!(found.sum::<usize>(), 49 - rows, "{plan:?}");
    }
}
