//! Messages between nodes: there and back, and broken ones.

use super::*;
use crate::ids::{SpanId, TenantId, TraceId};
use crate::query::logsql::regexp::Regexp;
use crate::query::logsql::stats::{
    Count, End, Extreme, Histogram, JsonRow, JsonRows, Pick, Quantile, Row, State, Stddev, Sum, Text, Texts, Uniq,
    UniqHash, Values,
};
use crate::query::logsql::text::{PatternEnds, TextFilter, ValueType};
use crate::query::logsql::value::{Bucket, BucketSize};
use crate::query::*;
use crate::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Trace};
use crate::time::{TimeRange, UnixNanos};
use crate::value::{AttrValue, Attribute};
use proptest::prelude::*;
use std::sync::Arc;

mod plans;
mod traces;

fn attribute_value() -> impl Strategy<Value = AttrValue> {
    let leaf = prop_oneof![
        Just(AttrValue::Empty),
        "[a-cé]{0,3}".prop_map(AttrValue::from),
        any::<bool>().prop_map(AttrValue::from),
        any::<i64>().prop_map(AttrValue::from),
        any::<f64>().prop_map(AttrValue::from),
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| AttrValue::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(AttrValue::Array),
            proptest::collection::vec(("[ab]", inner), 0..4).prop_map(|entries| {
                AttrValue::Map(
                    entries
                        .into_iter()
                        .map(|(key, value)| Attribute::new(key, value))
                        .collect(),
                )
            }),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let pairs = proptest::collection::vec(("[a-d]{1,2}", attribute_value()), 0..4);
    pairs.prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(key, value)| Attribute::new(key, value))
            .collect()
    })
}

fn resource() -> impl Strategy<Value = Arc<Resource>> {
    (attributes(), any::<u32>(), "[st]?").prop_map(|(attributes, dropped_attributes_count, schema_url)| {
        Arc::new(Resource {
            attributes,
            dropped_attributes_count,
            schema_url: schema_url.into(),
        })
    })
}

fn scope() -> impl Strategy<Value = Arc<Scope>> {
    (attributes(), any::<u32>(), "[ab]{0,2}", "[ab]{0,2}").prop_map(|(attributes, dropped, name, version)| {
        Arc::new(Scope {
            name: name.into(),
            version: version.into(),
            attributes,
            dropped_attributes_count: dropped,
            schema_url: "schema".into(),
        })
    })
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), "[a-c]", attributes()).prop_map(|(time, name, attributes)| Event {
        time: UnixNanos(time),
        name: name.into(),
        attributes,
        dropped_attributes_count: 3,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), attributes(), any::<u32>()).prop_map(|(trace, span, attributes, flags)| {
        Link {
            trace_id: TraceId(trace),
            span_id: SpanId(span),
            trace_state: "a=b".into(),
            attributes,
            dropped_attributes_count: 1,
            flags,
        }
    })
}

prop_compose! {
    fn span()(
        trace in 0u8..3, id in any::<[u8; 8]>(), parent in any::<Option<[u8; 8]>>(), name in "[a-c]{0,2}",
        kind in any::<i32>(), start in any::<u64>(), end in any::<u64>(), attributes in attributes(),
        events in proptest::collection::vec(event(), 0..3), links in proptest::collection::vec(link(), 0..3),
        numbers in any::<[u32; 4]>(), status in any::<i32>(), message in "[xy]?", resource in resource(),
        scope in scope(),
    ) -> Span {
        Span {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId(id),
            parent_span_id: parent.map(SpanId),
            trace_state: "s=1".into(),
            flags: numbers[0],
            name: name.into(),
            kind: SpanKind(kind),
            start: UnixNanos(start),
            end: UnixNanos(end),
            attributes,
            dropped_attributes_count: numbers[1],
            events,
            dropped_events_count: numbers[2],
            links,
            dropped_links_count: numbers[3],
            status_code: StatusCode(status),
            status_message: message.into(),
            resource,
            scope,
        }
    }
}

/// Debug texts tell every field and every NaN.
fn same<T: std::fmt::Debug>(a: &T, b: &T) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

fn crossed(answer: &Answer) -> Answer {
    decode_answer(&encode_answer(answer).unwrap()).unwrap()
}

fn stats() -> ScanStats {
    ScanStats {
        blocks_considered: 1,
        blocks_scanned: 2,
        rows_scanned: u64::MAX,
        bytes_read: 300,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_survive(spans in proptest::collection::vec(span(), 0..12)) {
        let rows = Answer::Rows { parts: vec![RowPart::Spans(spans.clone())], stats: stats() };
        prop_assert!(same(&crossed(&rows), &rows));
        let found = spans.chunks(3).map(|spans| FoundTrace {
            rank: spans.len() as u64,
            trace: Trace { trace_id: spans[0].trace_id, spans: spans.to_vec() },
        });
        let traces = Answer::Traces { found: found.collect(), stats: stats() };
        prop_assert!(same(&crossed(&traces), &traces));
    }

    #[test]
    fn broken_bytes_give_errors(
        spans in proptest::collection::vec(span(), 1..4),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let answer = Answer::Rows { parts: vec![RowPart::Spans(spans)], stats: stats() };
        let mut bytes = encode_answer(&answer).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = decode_answer(&bytes);
        let _ = decode_plan(&bytes);
    }

    #[test]
    fn any_bytes_give_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_answer(&bytes);
        let _ = decode_plan(&bytes);
    }

    #[test]
    fn states_that_crossed_merge_as_those_that_did_not(
        mine in proptest::collection::vec(("[0-9]{0,4}|[a-z]{1,3}|[0-9]{1,2}ms", any::<i32>()), 0..40),
        theirs in proptest::collection::vec(("[0-9]{0,4}|[a-z]{1,3}|[0-9]{1,2}ms", any::<i32>()), 0..40),
        many in any::<bool>(),
    ) {
        for (mut here, there) in states(&mine, many).into_iter().zip(states(&theirs, many)) {
            let groups = Groups::from([(vec![Text::from("key")], vec![there.clone()])]);
            let answer = crossed(&Answer::Groups { groups: groups.clone(), stats: stats() });
            let Answer::Groups { groups: mut received, .. } = answer else { panic!("groups were sent") };
            prop_assert_eq!(&received, &groups);
            let received = received.remove(&[Text::from("key")][..]).unwrap().remove(0);
            let mut local = here.clone();
            local.merge(there).unwrap();
            here.merge(received).unwrap();
            prop_assert_eq!(&here, &local);
        }
    }
}

/// A state of each kind that has seen the values; of quantiles so many that they are sketched, if `many`.
fn states(values: &[(String, i32)], many: bool) -> Vec<State> {
    let (mut count, mut sum, mut stddev) = (Count::default(), Sum::default(), Stddev::default());
    let (mut least, mut greatest) = (Extreme::new(End::Least), Extreme::new(End::Greatest));
    let (mut quantile, mut uniq, mut hashes) = (Quantile::default(), Uniq::new(0), UniqHash::new(0));
    let (mut histogram, mut row) = (Histogram::default(), Row::new(Pick::By(End::Least)));
    let (mut texts, mut all, mut json) = (Texts::new(0), Values::new(30), JsonRows::new(vec![true], 10));
    if many {
        quantile.update_i64s(&(0..10_001).collect::<Vec<_>>());
    }
    for (text, number) in values {
        let text: Text = text.as_str().into();
        let float = f64::from(*number) / 3.0;
        count.add(1);
        sum.update_i64(i64::from(*number));
        sum.update_f64(float);
        stddev.update_f64(float);
        least.update_text(&text);
        least.update_f64(float);
        greatest.update_i64(i64::from(*number));
        quantile.update_text(&text);
        quantile.update_f64(float);
        uniq.update_text(&text);
        hashes.update_text(&text);
        histogram.update_f64(float);
        row.update(&text, || vec![("a".into(), text.clone())]);
        texts.update_text(&text);
        all.update_text(text.clone());
        json.update(JsonRow {
            keys: vec![crate::query::logsql::order::OrderKey::new(&text)],
            json: text,
        });
    }
    vec![
        count.into(),
        sum.into(),
        stddev.into(),
        least.into(),
        greatest.into(),
        quantile.into(),
        uniq.into(),
        hashes.into(),
        histogram.into(),
        row.into(),
        texts.into(),
        all.into(),
        json.into(),
    ]
}

#[test]
fn each_kind_of_answer_survives() {
    let operation = Operation {
        name: "GET".into(),
        kind: SpanKind::SERVER,
    };
    let edge = CallEdge {
        parent: "a".into(),
        child: "b".into(),
    };
    let columns = ColumnRows {
        len: 2,
        columns: vec![
            RowValues::Dict {
                values: vec!["x".into()],
                codes: vec![None, Some(0)],
            },
            RowValues::Values(vec![Some(AttrValue::Array(vec![AttrValue::Double(f64::NAN)])), None]),
        ],
    };
    let answers = [
        Answer::Traces {
            found: Vec::new(),
            stats: stats(),
        },
        Answer::Services(["a".into(), "b".into()].into()),
        Answer::Operations([operation].into()),
        Answer::AttributeNames([(AttrLevel::Scope, "k".into()), (AttrLevel::Span, "k".into())].into()),
        Answer::Calls {
            edges: [(edge, 7)].into(),
            stats: stats(),
        },
        Answer::Rows {
            parts: vec![RowPart::Columns(columns), RowPart::Spans(Vec::new())],
            stats: stats(),
        },
        Answer::Groups {
            groups: Groups::from([(Vec::new(), Vec::new())]),
            stats: stats(),
        },
        Answer::Columns {
            spans: [(Column::span("k"), 2), (Column::Field(SpanField::Name), 3)].into(),
            stats: stats(),
        },
    ];
    for answer in answers {
        assert!(same(&crossed(&answer), &answer), "{answer:?}");
    }
}

#[test]
fn what_follows_an_answer_is_refused() {
    let mut bytes = encode_answer(&Answer::Services(["a".into()].into())).unwrap();
    bytes.push(0);
    assert_eq!(decode_answer(&bytes), Err(WireError::TooLong(1)));
}

/// A quantile's sketch with one bucket far away, as bytes.
#[test]
fn a_sketch_with_buckets_of_no_number_is_refused() {
    let mut quantile = Quantile::default();
    quantile.update_i64s(&[1; 10_001]);
    let bytes = postcard::to_stdvec(&State::from(quantile)).unwrap();
    let first = ((1.0f64).to_bits() >> 45) as usize;
    let encoded = postcard::to_stdvec(&first).unwrap();
    let place = bytes.windows(encoded.len()).position(|w| *w == *encoded).unwrap();
    let mut far = bytes.clone();
    far.splice(
        place..place + encoded.len(),
        postcard::to_stdvec(&(usize::MAX / 2)).unwrap(),
    );
    assert!(postcard::from_bytes::<State>(&bytes).is_ok());
    assert!(postcard::from_bytes::<State>(&far).is_err());
}

#[test]
fn what_spans_share_is_sent_once_and_shared_again() {
    let one = || {
        Arc::new(Resource {
            attributes: vec![Attribute::new("service.name", "a long name of a service")],
            ..Resource::default()
        })
    };
    let (first, second) = (one(), one());
    let spans: Vec<Span> = [&first, &first, &second]
        .into_iter()
        .map(|resource| Span {
            resource: resource.clone(),
            ..Span::default()
        })
        .collect();
    let bytes = encode_answer(&Answer::Rows {
        parts: vec![RowPart::Spans(spans)],
        stats: ScanStats::default(),
    });
    let bytes = bytes.unwrap();
    let text = b"a long name of a service";
    assert_eq!(bytes.windows(text.len()).filter(|w| w == text).count(), 1);
    let Ok(Answer::Rows { parts, .. }) = decode_answer(&bytes) else {
        panic!("rows were sent")
    };
    let [RowPart::Spans(spans)] = parts.as_slice() else {
        panic!("spans were sent")
    };
    assert!(spans.iter().all(|span| Arc::ptr_eq(&span.resource, &spans[0].resource)));
}
