//! Filters over columns against the meaning of filters, on random spans.

use super::*;
use crate::engine::batch::{BatchRows, SpanReader};
use crate::leaf::testing::{NOON, TENANT, batch, blocks, filter, spans};
use common::otlp::decode;
use common::query::eval;
use common::span::Span;
use proptest::prelude::*;
use std::sync::Arc;

/// The rows that `filter` and `bounds` hold for, by definition.
fn expected(filter: &Filter, bounds: &[Bound], spans: &[Span]) -> Vec<u32> {
    let compiled = filter.compile().unwrap();
    let within = |span: &Span| {
        bounds.iter().all(|bound| {
            let number = if bound.field == SpanField::Start {
                span.start.0
            } else {
                span.duration_nanos()
            };
            bound.min <= number && number <= bound.max
        })
    };
    let rows = spans.iter().enumerate();
    rows.filter(|(_, span)| within(span) && eval::matches(&compiled, span))
        .map(|(row, _)| row as u32)
        .collect()
}

fn rows_of(found: Option<RowSet>) -> Vec<u32> {
    found.map(|rows| rows.iter().collect()).unwrap_or_default()
}

fn bounds() -> impl Strategy<Value = Vec<Bound>> {
    let start = (0..1_000u64, 0..1_000u64).prop_map(|(from, to)| Bound {
        field: SpanField::Start,
        min: NOON + from * 1_000_000,
        max: NOON + to * 1_000_000,
    });
    let duration = (0..500u64).prop_map(|min| Bound {
        field: SpanField::Duration,
        min,
        max: u64::MAX,
    });
    prop_oneof![
        Just(Vec::new()),
        start.prop_map(|b| vec![b]),
        duration.prop_map(|b| vec![b])
    ]
}

proptest! {
    #[test]
    fn a_head_batch_gives_the_rows_that_the_filter_means(
        spans in spans(90),
        filters in proptest::collection::vec(filter(), 1..8),
        bounds in bounds(),
        max_columns in prop_oneof![Just(1_024usize), 0..3usize],
    ) {
        let batch = batch(&spans, max_columns);
        for filter in &filters {
            let compiled = RowFilter::compile(filter).unwrap();
            let found = compiled.select(&mut BatchRows::new(&batch), TENANT, &bounds).unwrap();
            prop_assert_eq!(rows_of(found), expected(filter, &bounds, &spans), "{:?}", filter);
            let other = compiled.select(&mut BatchRows::new(&batch), TenantId(8), &bounds).unwrap();
            prop_assert_eq!(other, None);
        }
    }

    #[test]
    fn a_block_gives_the_rows_that_the_filter_means(
        spans in spans(90),
        filters in proptest::collection::vec(filter(), 1..8),
        bounds in bounds(),
        max_columns in prop_oneof![Just(1_024usize), 0..3usize],
    ) {
        for block in blocks(&[Arc::new(batch(&spans, 1_024))], max_columns, 1).0 {
            let block = block.open().unwrap();
            let stored = block.to_batches().unwrap().remove(0);
            let mut reader = SpanReader::new(&stored);
            let stored: Vec<Span> = (0..stored.rows.len()).map(|row| reader.span(row).unwrap()).collect();
            for filter in &filters {
                let compiled = RowFilter::compile(filter).unwrap();
                let found = compiled.select(&mut block.rows(false), TENANT, &bounds).unwrap();
                prop_assert_eq!(rows_of(found), expected(filter, &bounds, &stored), "{:?}", filter);
                let other = compiled.select(&mut block.rows(true), TenantId(8), &bounds).unwrap();
                prop_assert_eq!(other, None);
            }
        }
    }

    #[test]
    fn the_spans_of_the_tests_are_what_the_batch_holds(spans in spans(10), max_columns in 0..1_024usize) {
        let decoded = decode::spans(&crate::leaf::testing::otlp(&spans)).unwrap();
        let batch = batch(&spans, max_columns);
        let mut reader = SpanReader::new(&batch);
        for (row, (span, decoded)) in spans.iter().zip(&decoded).enumerate() {
            // Debug text: a NaN does not equal itself.
            prop_assert_eq!(format!("{span:?}"), format!("{decoded:?}"));
            if max_columns >= 16 && !has_repeated_keys(span) {
                prop_assert_eq!(format!("{span:?}"), format!("{:?}", reader.span(row).unwrap()));
            }
        }
    }
}

/// Repeats of a key move behind the other attributes.
fn has_repeated_keys(span: &Span) -> bool {
    let lists = [&span.attributes].into_iter();
    let lists = lists
        .chain(span.events.iter().map(|e| &e.attributes))
        .chain(span.links.iter().map(|l| &l.attributes));
    lists.into_iter().any(|list| {
        list.iter()
            .enumerate()
            .any(|(i, a)| list.iter().take(i).any(|b| a.key == b.key))
    })
}
