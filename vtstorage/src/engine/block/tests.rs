//! Blocks against the batches they were made of.

use super::*;
use crate::engine::batch::{DecodeLimits, SpanReader};
use crate::engine::rows::{RowSet, RowSource};
use crate::engine::testing::{request, stored};
use common::ids::TraceId;
use common::query::{Column, EventField, LinkField, SpanField};
use common::span::Span;
use common::value::{AttrValue, Attribute};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;
use std::collections::BTreeMap;

fn batches(requests: &[ExportTraceServiceRequest], limits: DecodeLimits) -> Vec<Arc<SpanBatch>> {
    let decode = |(i, request): (usize, &ExportTraceServiceRequest)| {
        let tenant = TenantId(i as u64 % 2);
        Arc::new(SpanBatch::decode(tenant, Epoch(0), request.encode_to_vec(), limits).unwrap())
    };
    requests.iter().enumerate().map(decode).collect()
}

fn spans_of(batch: &SpanBatch) -> Vec<Span> {
    let mut reader = SpanReader::new(batch);
    (0..batch.rows.len()).map(|row| reader.span(row).unwrap()).collect()
}

/// What a client sent, by the decoder that does not know the engine.
fn expected(requests: &[ExportTraceServiceRequest]) -> Vec<(TenantId, Span)> {
    let decode = |(i, request): (usize, &ExportTraceServiceRequest)| {
        let spans = common::otlp::decode::spans(&request.encode_to_vec()).unwrap();
        spans.into_iter().map(move |span| (TenantId(i as u64 % 2), span))
    };
    requests.iter().enumerate().flat_map(decode).collect()
}

/// A form in which order of attributes, NaNs and spans does not matter.
fn comparable(mut span: Span) -> String {
    fn sort(attributes: &mut [Attribute]) {
        attributes.sort_by_key(|a| a.key.clone());
    }
    sort(&mut span.attributes);
    span.events.iter_mut().for_each(|e| sort(&mut e.attributes));
    span.links.iter_mut().for_each(|l| sort(&mut l.attributes));
    format!("{span:?}")
}

/// Each identity once: of repeated spans any may be kept.
fn by_identity(spans: impl IntoIterator<Item = (TenantId, Span)>) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tenant, span) in spans {
        let identity = format!("{tenant} {:?}", span.identity());
        out.entry(identity).or_default().push(comparable(span));
    }
    out
}

fn encoded(requests: &[ExportTraceServiceRequest], options: BlockOptions) -> Vec<Block> {
    let limits = DecodeLimits { max_columns: 5 };
    encode(&batches(requests, limits), &options)
        .unwrap()
        .into_iter()
        .map(stored)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_batch_gives_back_what_it_was_made_of(request in request()) {
        let batch = batches(std::slice::from_ref(&request), DecodeLimits { max_columns: 5 });
        let spans: Vec<String> = spans_of(&batch[0]).into_iter().map(comparable).collect();
        let expected: Vec<String> = expected(&[request]).into_iter().map(|(_, span)| comparable(span)).collect();
        prop_assert_eq!(spans, expected);
    }

    #[test]
    fn blocks_give_back_what_they_were_made_of(
        requests in prop::collection::vec(request(), 0..4), max_rows in 1u32..20, max_columns in 1usize..8,
    ) {
        let sent = by_identity(expected(&requests));
        let mut seen = 0;
        for block in encoded(&requests, BlockOptions { max_rows, max_columns }) {
            for batch in block.to_batches().unwrap() {
                for span in spans_of(&batch) {
                    prop_assert_eq!(span.start.day(), block.day);
                    let identity = format!("{} {:?}", batch.tenant, span.identity());
                    let candidates = sent.get(&identity).expect("a span that was sent");
                    let span = comparable(span);
                    prop_assert!(candidates.contains(&span), "{} not in {:#?}", span, candidates);
                    seen += 1;
                }
            }
        }
        prop_assert_eq!(seen, sent.len());
    }

    #[test]
    fn encoding_what_was_read_back_changes_nothing(requests in prop::collection::vec(request(), 1..4)) {
        let options = BlockOptions { max_rows: 1_000, max_columns: 6 };
        for block in encoded(&requests, options) {
            let read: Vec<Arc<SpanBatch>> = block.to_batches().unwrap().into_iter().map(Arc::new).collect();
            let again: Vec<Block> = encode(&read, &options).unwrap().into_iter().map(stored).collect();
            prop_assert_eq!(again.len(), 1);
            let spans = |block: &Block| {
                block.to_batches().unwrap().iter().flat_map(|b| spans_of(b).into_iter().map(comparable)).collect::<Vec<_>>()
            };
            prop_assert_eq!(spans(&again[0]), spans(&block));
        }
    }

    #[test]
    fn columns_say_what_spans_say(requests in prop::collection::vec(request(), 1..4), pick in any::<u64>()) {
        for block in encoded(&requests, BlockOptions { max_rows: 1_000, max_columns: 4 }) {
            let spans: Vec<Span> = block.to_batches().unwrap().iter().flat_map(spans_of).collect();
            let mut rows = block.rows(false);
            let mut want = RowSet::empty(rows.rows());
            (0..rows.rows()).filter(|row| pick >> (row % 64) & 1 == 1).for_each(|row| want.insert(row));
            for column in columns() {
                let loaded = rows.load(&column, &want).unwrap();
                let mut got: BTreeMap<u32, Vec<String>> = BTreeMap::new();
                if let Some(loaded) = loaded {
                    for (i, value) in values::into_list(loaded.values).into_iter().enumerate() {
                        got.entry(loaded.rows.row(i)).or_default().push(value.to_text());
                    }
                }
                for row in want.iter() {
                    let texts: Vec<String> = texts_of(&column, &spans[row as usize]);
                    prop_assert_eq!(got.get(&row).cloned().unwrap_or_default(), texts.clone(), "{:?} of row {}", column, row);
                    for text in texts {
                        prop_assert!(rows.may_contain(&column, &text).unwrap(), "{:?} may contain {}", column, text);
                    }
                }
            }
            for (row, span) in spans.iter().enumerate() {
                let tenant = block.header.tenants.iter().rfind(|t| t.first_row <= row as u32).map(|t| TenantId(t.tenant));
                prop_assert!(rows.trace_rows(tenant.unwrap(), span.trace_id).unwrap().contains(&(row as u32)));
            }
            prop_assert!(rows.trace_rows(TenantId(0), TraceId([77; 16])).unwrap().is_empty());
        }
    }
}

fn columns() -> Vec<Column> {
    use SpanField::{
        Duration, End, Kind, Name, ParentSpanId, ScopeName, SpanId, Start, StatusCode, StatusMessage, TraceId,
        TraceState,
    };
    let fields = [
        TraceId,
        SpanId,
        ParentSpanId,
        TraceState,
        SpanField::Flags,
        Name,
        Kind,
        Start,
        End,
        Duration,
        StatusCode,
        StatusMessage,
        ScopeName,
        SpanField::DroppedLinksCount,
    ];
    let mut columns: Vec<Column> = fields.into_iter().map(Column::Field).collect();
    for key in ["http.route", "a", "", "größe", "service.name"] {
        columns.extend([
            Column::span(key),
            Column::resource(key),
            Column::scope(key),
            Column::event(key),
            Column::link(key),
        ]);
        columns.push(Column::Event {
            field: EventField::Attr(key.into()),
            index: Some(1),
        });
    }
    columns.push(Column::Event {
        field: EventField::Name,
        index: None,
    });
    columns.push(Column::Event {
        field: EventField::Time,
        index: Some(0),
    });
    columns.push(Column::Link {
        field: LinkField::TraceId,
        index: None,
    });
    columns.push(Column::Link {
        field: LinkField::SpanId,
        index: None,
    });
    columns
}

/// The text form of each value of a column in a span, as the row source promises them.
fn texts_of(column: &Column, span: &Span) -> Vec<String> {
    let attr = |attributes: &[Attribute], key: &str| {
        common::value::find(attributes, key)
            .map(AttrValue::to_text)
            .into_iter()
            .collect::<Vec<_>>()
    };
    let non_empty = |text: &str| if text.is_empty() { vec![] } else { vec![text.to_owned()] };
    let signed = |value: u64| value.cast_signed().to_string();
    match column {
        Column::Field(field) => match field {
            SpanField::TraceId => vec![span.trace_id.to_string()],
            SpanField::SpanId => vec![span.span_id.to_string()],
            SpanField::ParentSpanId => span.parent_span_id.iter().map(ToString::to_string).collect(),
            SpanField::TraceState => non_empty(&span.trace_state),
            SpanField::Flags => vec![span.flags.to_string()],
            SpanField::Name => vec![span.name.to_string()],
            SpanField::Kind => vec![span.kind.0.to_string()],
            SpanField::Start => vec![signed(span.start.0)],
            SpanField::End => vec![signed(span.end.0)],
            SpanField::Duration => {
                vec![
                    signed(span.end.0.wrapping_sub(span.start.0))
                        .parse::<i64>()
                        .unwrap()
                        .max(0)
                        .to_string(),
                ]
            }
            SpanField::StatusCode => vec![span.status_code.0.to_string()],
            SpanField::StatusMessage => non_empty(&span.status_message),
            SpanField::ScopeName => non_empty(&span.scope.name),
            SpanField::DroppedLinksCount => vec![span.dropped_links_count.to_string()],
            _ => unreachable!("not among the tested columns"),
        },
        Column::Attr {
            level: common::query::AttrLevel::Resource,
            key,
        } => attr(&span.resource.attributes, key),
        Column::Attr {
            level: common::query::AttrLevel::Scope,
            key,
        } => attr(&span.scope.attributes, key),
        Column::Attr {
            level: common::query::AttrLevel::Span,
            key,
        } => attr(&span.attributes, key),
        Column::Event { field, index } => {
            let events = span
                .events
                .iter()
                .enumerate()
                .filter(|(i, _)| index.is_none_or(|index| index as usize == *i));
            let of = |(_, e): (usize, &common::span::Event)| match field {
                EventField::Name => vec![e.name.to_string()],
                EventField::Time => vec![signed(e.time.0)],
                EventField::Attr(key) => attr(&e.attributes, key),
                EventField::DroppedAttributesCount => unreachable!("not among the tested columns"),
            };
            events.flat_map(of).collect()
        }
        Column::Link { field, .. } => {
            let of = |l: &common::span::Link| match field {
                LinkField::TraceId => Some(l.trace_id)
                    .filter(|id| !id.is_zero())
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                LinkField::SpanId => Some(l.span_id)
                    .filter(|id| !id.is_zero())
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                LinkField::Attr(key) => attr(&l.attributes, key),
                _ => unreachable!("not among the tested columns"),
            };
            span.links.iter().flat_map(of).collect()
        }
    }
}
