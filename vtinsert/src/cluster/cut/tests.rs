use super::super::route::Route;
use super::{Piece, cut, cut_within};
use common::cluster::{
    ClusterId, ClusterState, Incarnation, Member, MemberState, NodeId, Placement, PlacementEntry, Settings, Slot,
    SlotSet,
};
use common::ids::{Epoch, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;

/// A span with the frames around it.
type Framed = (String, String, Vec<u8>);

fn spans(otlp: &[u8]) -> Vec<Framed> {
    let request = ExportTraceServiceRequest::decode(otlp).unwrap();
    let mut all = Vec::new();
    for group in request.resource_spans {
        let resource = format!("{:?} {}", group.resource, group.schema_url);
        for scope in group.scope_spans {
            let frame = format!("{:?} {}", scope.scope, scope.schema_url);
            let framed = |span: Span| (resource.clone(), frame.clone(), span.encode_to_vec());
            all.extend(scope.spans.into_iter().map(framed));
        }
    }
    all.sort();
    all
}

fn slot_of((_, _, span): &Framed, slots: u16) -> Slot {
    let id = Span::decode(&span[..]).unwrap().trace_id;
    Slot::of(TraceId(id.try_into().unwrap()), slots)
}

fn state(owners: &[Vec<u64>]) -> ClusterState {
    let entry = |replicas: &Vec<u64>| {
        vec![PlacementEntry {
            from: Epoch(1),
            after_day: 0,
            replicas: replicas.iter().copied().map(NodeId).collect(),
        }]
    };
    let member = |id: u64| Member {
        id: NodeId(id),
        addr: format!("node{id}:1"),
        zone: String::new(),
        incarnation: Incarnation(0),
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    };
    let members: BTreeMap<_, _> = owners.iter().flatten().map(|id| (NodeId(*id), member(*id))).collect();
    ClusterState {
        cluster: ClusterId(1),
        version: 1,
        epoch: Epoch(1),
        settings: Settings {
            replication_factor: owners.iter().map(Vec::len).max().unwrap() as u8,
            slots: owners.len() as u16,
            retention_seconds: 7 * 86_400,
        },
        members,
        placement: Placement {
            slots: owners.iter().map(entry).collect(),
        },
        oldest_day: 0,
        sealed: Default::default(),
        placed_at: 0,
        transfers: Default::default(),
    }
}

/// What each node got: its spans, once for each piece that they were in.
fn received(pieces: &[Piece]) -> BTreeMap<NodeId, Vec<Framed>> {
    let mut received: BTreeMap<NodeId, Vec<Framed>> = BTreeMap::new();
    for piece in pieces {
        for node in piece.group.iter() {
            received.entry(*node).or_default().extend(spans(&piece.bytes));
        }
    }
    received.values_mut().for_each(|spans| spans.sort());
    received
}

fn check(otlp: &[u8], owners: &[Vec<u64>]) {
    let state = state(owners);
    let route = Route::of_placement(&state).unwrap();
    let pieces = cut(otlp, &route).unwrap();
    let slots = state.settings.slots;
    for piece in &pieces {
        let found: SlotSet = spans(&piece.bytes).iter().map(|span| slot_of(span, slots)).collect();
        assert_eq!(found, piece.slots);
    }
    let all = spans(otlp);
    let received = received(&pieces);
    for node in state.members.keys() {
        let owned = |span: &&Framed| state.placement.owners(slot_of(span, slots)).contains(node);
        let wanted: Vec<Framed> = all.iter().filter(owned).cloned().collect();
        assert_eq!(received.get(node).cloned().unwrap_or_default(), wanted, "{node}");
    }
    let copies: usize = all
        .iter()
        .map(|span| state.placement.owners(slot_of(span, slots)).len())
        .sum();
    assert_eq!(received.values().map(Vec::len).sum::<usize>(), copies);
}

fn span() -> impl Strategy<Value = Span> {
    (0..40u64, 1..1000u64, ".{0,12}", 0..6usize).prop_map(|(trace, id, name, attributes)| Span {
        trace_id: (u128::from(trace) << 64 | 7).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        attributes: (0..attributes).map(|n| attribute(&format!("k{n}"), &name)).collect(),
        name,
        ..Span::default()
    })
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.into())),
        }),
        ..KeyValue::default()
    }
}

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (
        prop::option::of(".{0,8}"),
        prop::collection::vec(span(), 0..20),
        ".{0,5}",
    )
        .prop_map(|(name, spans, schema_url)| ScopeSpans {
            scope: name.map(|name| InstrumentationScope {
                name,
                ..InstrumentationScope::default()
            }),
            spans,
            schema_url,
        });
    let resource = (
        prop::option::of(".{0,200}"),
        prop::collection::vec(scope, 0..4),
        ".{0,5}",
    )
        .prop_map(|(service, scope_spans, schema_url)| ResourceSpans {
            resource: service.map(|service| Resource {
                attributes: vec![attribute("service.name", &service)],
                ..Resource::default()
            }),
            scope_spans,
            schema_url,
        });
    prop::collection::vec(resource, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// Owners of 16 slots: shared sets (few nodes), sets of their own (many), uneven ones.
fn owners() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let of_slot = |nodes: u64, most: usize| {
        let ids: Vec<u64> = (1..=nodes).collect();
        prop::collection::vec(prop::sample::subsequence(ids, 1..=most), 16)
    };
    prop_oneof![of_slot(1, 1), of_slot(3, 2), of_slot(3, 3), of_slot(12, 3)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_owner_gets_its_spans_and_no_others(request in request(), owners in owners()) {
        check(&request.encode_to_vec(), &owners);
    }

    #[test]
    fn small_pieces_are_whole_slots(request in request(), owners in owners(), largest in 1..2000usize) {
        let otlp = request.encode_to_vec();
        let route = Route::of_placement(&state(&owners)).unwrap();
        let (whole, small) = (cut(&otlp, &route).unwrap(), cut_within(&otlp, &route, largest).unwrap());
        prop_assert_eq!(received(&small), received(&whole));
        let slots = |pieces: &[Piece]| pieces.iter().map(|piece| piece.slots.len()).sum::<usize>();
        prop_assert_eq!(slots(&small), slots(&whole));
    }

    #[test]
    fn broken_bytes_are_an_error_and_no_panic(mut bytes in request().prop_map(|r| r.encode_to_vec()), at: prop::sample::Index, to: u8) {
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        let _ = cut(&bytes, &Route::of_placement(&state(&[vec![1], vec![2]])).unwrap());
    }
}

fn one_span(trace: u8) -> Vec<u8> {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![1; 8],
        ..Span::default()
    }
    .encode_to_vec()
}

/// A field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128);
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

#[test]
fn frames_are_kept_whole_wherever_their_fields_stand() {
    let span = one_span(1);
    let unknown = [&field(9, b"unknown")[..], &[14 << 3, 3]].concat();
    // Span, scope, unknown fields, another span; the same around the scope.
    let scope = [
        &field(2, &span)[..],
        &field(1, b""),
        &unknown,
        &field(2, &span),
        &field(3, b"s"),
    ]
    .concat();
    let resource = [&field(3, b"first")[..], &field(2, &scope), &unknown, &field(1, b"")].concat();
    let pieces = cut(&field(1, &resource), &Route::of_placement(&state(&[vec![1]])).unwrap()).unwrap();
    let long = |key: u8, content: Vec<u8>| {
        let length = [
            0x80 | (content.len() & 0x7f) as u8,
            0x80 | (content.len() >> 7) as u8,
            0x80,
            0x80,
            0,
        ];
        [&[key << 3 | 2][..], &length, &content].concat()
    };
    let wanted_scope = [
        &field(2, &span)[..],
        &field(2, &span),
        &field(1, b""),
        &unknown,
        &field(3, b"s"),
    ]
    .concat();
    let wanted = [
        &field(3, b"first")[..],
        &long(2, wanted_scope),
        &unknown,
        &field(1, b""),
    ]
    .concat();
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].bytes, long(1, wanted));
}

#[test]
fn the_last_of_several_trace_ids_counts() {
    let slots = 1024;
    let route = Route::of_placement(&state(&vec![vec![1]; slots])).unwrap();
    let twice = [&one_span(1)[..], &field(1, &[7; 16])].concat();
    let pieces = cut(&field(1, &field(2, &field(2, &twice))), &route).unwrap();
    let wanted: SlotSet = [Slot::of(TraceId([7; 16]), 1024)].into_iter().collect();
    assert_eq!(pieces[0].slots, wanted);
}

#[test]
fn few_distinct_sets_of_owners_share_their_bytes() {
    let owners: Vec<Vec<u64>> = (0..64).map(|slot| vec![slot % 3 + 1, (slot + 1) % 3 + 1]).collect();
    assert_eq!(Route::of_placement(&state(&owners)).unwrap().groups().len(), 3);
    let owners: Vec<Vec<u64>> = (0..64)
        .map(|slot| vec![slot % 8 + 1, (slot + slot / 8 % 7 + 1) % 8 + 1])
        .collect();
    let groups = Route::of_placement(&state(&owners)).unwrap();
    assert_eq!(groups.groups().len(), 8);
}

#[test]
fn a_slot_without_owners_is_named() {
    let mut state = state(&[vec![1], vec![1]]);
    state.placement.slots[1].clear();
    assert_eq!(Route::of_placement(&state).unwrap_err(), Slot(1));
}

#[test]
fn assigned_slots_go_where_they_are_sent_and_others_nowhere() {
    let otlp = {
        let spans: Vec<u8> = (1..100).flat_map(|trace| field(2, &one_span(trace))).collect();
        let scope = [
            &[0x12, 0x80 | (spans.len() & 0x7f) as u8, (spans.len() >> 7) as u8][..],
            &spans,
        ]
        .concat();
        [
            &[0x0a, 0x80 | (scope.len() & 0x7f) as u8, (scope.len() >> 7) as u8][..],
            &scope,
        ]
        .concat()
    };
    let (low, high): (SlotSet, SlotSet) = ((0..4).map(Slot).collect(), (12..16).map(Slot).collect());
    let node = |id: u64| [NodeId(id)].into();
    let route = Route::of_assignment(16, [(node(1), &low), (node(1), &high)]);
    let pieces = cut(&otlp, &route).unwrap();
    assert_eq!(
        pieces.iter().map(|piece| piece.slots.clone()).collect::<Vec<_>>(),
        [low.clone(), high]
    );
    let limited = cut(&otlp, &route.limited_to(&low)).unwrap();
    assert_eq!(limited, pieces[..1]);
}
