use super::answer_frames::{Assembly, Received};
use super::credentials::{CLUSTER_KEY, PROTOCOL_KEY, SECRET_KEY, Speaking};
use super::*;
use crate::cluster::*;
use crate::contract::{QueryContext, QueryError, WriteError};
use crate::ids::{Epoch, RequestId, TenantId};
use crate::query::{Answer, Plan};
use axum::http::HeaderMap;
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;
use tonic::service::Interceptor as _;
use tonic::{Code, Request, Status};

fn write_errors() -> Vec<WriteError> {
    let (reason, retry_after) = ("because: ünusual".to_owned(), Duration::from_nanos(1_500_000_001));
    vec![
        WriteError::Overloaded {
            reason: reason.clone(),
            retry_after,
        },
        WriteError::ReadOnly {
            reason: reason.clone(),
            retry_after,
        },
        WriteError::Unavailable(reason.clone()),
        WriteError::StaleEpoch(7),
        WriteError::Invalid(reason.clone()),
        WriteError::Storage(reason),
    ]
}

fn query_errors() -> Vec<QueryError> {
    let reason = "because\nof this".to_owned();
    vec![
        QueryError::Invalid(reason.clone()),
        QueryError::DeadlineExceeded(Duration::from_millis(2_500)),
        QueryError::Cancelled,
        QueryError::OverBudget {
            limit_bytes: 12_345,
            what: "grouping spans".into(),
        },
        QueryError::Overloaded(reason.clone()),
        QueryError::Unavailable(reason.clone()),
        QueryError::Storage(reason),
    ]
}

/// As it crosses: headers only.
fn crossed(status: Status) -> Status {
    let response = status.into_http::<String>();
    Status::from_header_map(response.headers()).expect("a status")
}

#[test]
fn errors_survive_as_statuses() {
    for error in write_errors() {
        let received = status::to_write(&crossed(status::of_write(&error)));
        assert_eq!(format!("{received:?}"), format!("{error:?}"));
    }
    for error in query_errors() {
        let received = status::to_query(&crossed(status::of_query(&error)));
        assert_eq!(format!("{received:?}"), format!("{error:?}"));
    }
}

#[test]
fn statuses_of_others_are_told_by_their_code() {
    let unavailable = Status::unavailable("tcp connect error");
    assert!(matches!(status::to_write(&unavailable), WriteError::Unavailable(text) if text == "tcp connect error"));
    assert!(matches!(status::to_query(&unavailable), QueryError::Unavailable(_)));
    let stranger = Status::unauthenticated("no secret");
    assert!(matches!(status::to_write(&stranger), WriteError::Unavailable(_)));
    let full = Status::new(Code::ResourceExhausted, "");
    assert!(matches!(status::to_write(&full), WriteError::Overloaded { .. }));
    // Details of an error of the other side.
    let query = status::of_query(&QueryError::Overloaded("x".to_owned()));
    assert!(matches!(status::to_write(&query), WriteError::Overloaded { .. }));
}

#[test]
fn long_texts_of_errors_are_cut() {
    let long = QueryError::Storage("ü".repeat(100_000));
    let received = status::to_query(&crossed(status::of_query(&long)));
    assert!(matches!(received, QueryError::Storage(text) if text.len() == 2 << 10));
}

fn a_write(payload: usize) -> ReplicaWrite {
    let part = RequestPart {
        id: RequestId(u128::MAX - 3),
        slots: [Slot(0), Slot(1023)].into_iter().collect(),
        bytes: 9,
    };
    ReplicaWrite {
        tenant: TenantId::new(1, 2),
        epoch: Epoch(5),
        parts: vec![part.clone(), part],
        length: 77,
        payload: (0..payload).map(|n| (n % 251) as u8).collect::<Vec<_>>().into(),
        compressed: true,
    }
}

#[test]
fn writes_survive_their_frames() {
    for (payload, count) in [(0, 1), (10, 1), (MAX_PIECE, 1), (MAX_PIECE + 1, 2), (10 << 20, 5)] {
        let write = a_write(payload);
        let frames = write_frames::frames(write.clone(), Some((NodeId(3), 4))).unwrap();
        assert_eq!(frames.len(), count);
        let mut frames = frames.into_iter();
        let mut assembly = write_frames::Assembly::begin(frames.next().unwrap()).unwrap();
        frames.for_each(|frame| assembly.add(&frame).unwrap());
        assert_eq!(assembly.finish().unwrap(), (write, Some((NodeId(3), 4))));
    }
}

#[test]
fn writes_that_are_cut_or_too_long_are_refused() {
    let refused = |outcome: Result<(), WriteError>| matches!(outcome, Err(WriteError::Invalid(_)));
    let frames = write_frames::frames(a_write(MAX_PIECE + 1), None).unwrap();
    let headless = write_frames::Assembly::begin(frames[1].clone());
    assert!(refused(headless.map(|_| ())));
    let cut = write_frames::Assembly::begin(frames[0].clone()).unwrap();
    assert!(refused(cut.finish().map(|_| ())));
    let mut long = write_frames::Assembly::begin(frames[0].clone()).unwrap();
    long.add(&frames[1]).unwrap();
    assert!(refused(long.add(&frames[1])));
    let mut twice = write_frames::Assembly::begin(frames[0].clone()).unwrap();
    assert!(refused(twice.add(&frames[0])));
}

/// Texts that do not compress well.
fn services(count: u64) -> Answer {
    let text = |n: u64| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Answer::Services((0..count).map(|n| text(n).into()).collect())
}

async fn through_frames(answer: &Answer, context: &QueryContext) -> Result<Answer, QueryError> {
    let frames = answer_frames::frames(NodePart::Part(answer.clone()))?;
    assert!(frames.iter().all(|frame| frame.data.len() <= MAX_PIECE));
    let mut assembly = Assembly::new(context.clone());
    let last = frames.len() - 1;
    for (place, frame) in frames.into_iter().enumerate() {
        match assembly.add(frame)? {
            Received::Part(part) => {
                assert_eq!(place, last);
                return part.decode().await;
            }
            Received::Nothing => assert!(place < last),
            Received::End { .. } => panic!("no end was sent"),
        }
    }
    panic!("no part came")
}

#[tokio::test]
async fn answers_survive_their_frames_and_hold_no_memory_then() {
    for count in [0, 100, 10_000, 300_000] {
        let answer = services(count);
        let context = QueryContext::new(Duration::from_secs(60), 64 << 20);
        assert!(through_frames(&answer, &context).await.unwrap() == answer);
        assert!(context.reserve(64 << 20, "all of it").is_ok());
    }
}

#[tokio::test]
async fn an_answer_over_the_budget_is_an_error() {
    let context = QueryContext::new(Duration::from_secs(60), 100 << 10);
    let outcome = through_frames(&services(20_000), &context).await;
    assert!(matches!(outcome, Err(QueryError::OverBudget { .. })), "{outcome:?}");
    assert!(context.reserve(100 << 10, "all of it").is_ok());
}

#[tokio::test]
async fn broken_answers_are_errors() {
    let frames = answer_frames::frames(NodePart::Part(services(400_000))).unwrap();
    assert!(frames.len() > 1);
    let assembly = || Assembly::new(QueryContext::unlimited());
    let unavailable = |outcome: Result<Received, QueryError>| matches!(outcome, Err(QueryError::Unavailable(_)));
    let mut cut = assembly();
    cut.add(frames[0].clone()).unwrap();
    let end = answer_frames::frames(NodePart::End { in_sync: true }).unwrap();
    assert!(unavailable(cut.add(end[0].clone())));
    let mut early = assembly();
    let mut last = frames[0].clone();
    last.more = false;
    assert!(unavailable(early.add(last)));
    let mut huge = frames[0].clone();
    huge.length = u64::MAX;
    assert!(unavailable(assembly().add(huge)));
    let mut garbled = answer_frames::frames(NodePart::Part(services(3))).unwrap().remove(0);
    garbled.data = Bytes::from(vec![0xff; garbled.data.len()]);
    let Ok(Received::Part(part)) = assembly().add(garbled) else {
        panic!("a whole part")
    };
    assert!(matches!(part.decode().await, Err(QueryError::Unavailable(_))));
}

prop_compose! {
    fn member()(
        id in any::<u64>(), zone in "[a-z]{0,3}", incarnation in any::<u128>(), draining in any::<bool>(),
        mark in any::<Option<(u64, bool)>>(), generation in any::<u64>(), full in any::<bool>(),
    ) -> Member {
        Member {
            id: NodeId(id),
            addr: format!("host-{id}:1"),
            zone,
            incarnation: Incarnation(incarnation),
            state: if draining { MemberState::Draining } else { MemberState::Active },
            mark: mark.map(|(generation, closing)| Mark { generation, closing }),
            generation,
            full,
        }
    }
}

prop_compose! {
    fn state()(
        cluster in any::<u128>(), version in 1u64.., epoch in any::<u32>(), slots in 0u32..=15, copies in any::<u8>(),
        members in proptest::collection::vec(member(), 0..4), oldest_day in any::<u32>(),
        placement in proptest::collection::vec(
            proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u64>(), 0..4)), 0..3), 0..5),
    ) -> ClusterState {
        let entry = |(from, replicas): (u32, Vec<u64>)| PlacementEntry {
            from: Epoch(from),
            after_day: from / 3,
            replicas: replicas.into_iter().map(NodeId).collect(),
        };
        ClusterState {
            cluster: ClusterId(cluster),
            version,
            epoch: Epoch(epoch),
            settings: Settings { replication_factor: copies, slots: 1 << slots, retention_seconds: 1 << 40 },
            members: members.into_iter().map(|member| (member.id, member)).collect(),
            placement: Placement {
                slots: placement.into_iter().map(|history| history.into_iter().map(entry).collect()).collect(),
            },
            oldest_day,
            sealed: Epoch(oldest_day / 2),
            placed_at: u64::from(oldest_day) + 1,
            transfers: Default::default(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn states_survive(state in state()) {
        let frame = state_frame(Some(&state), state.version - 1);
        let bytes = prost::Message::encode_to_vec(&frame);
        let frame: proto::StateFrame = prost::Message::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(frame.version, state.version);
        let known = state_frame(Some(&state), state.version);
        prop_assert_eq!(state_of_frame(frame).unwrap(), Some(state));
        prop_assert_eq!(state_of_frame(known).unwrap(), None);
    }
}

#[test]
fn queries_survive() {
    let query = NodeQuery {
        plan: Plan::traces_by_id(TenantId::new(1, 2), Vec::new()),
        version: 9,
        scope: Scope {
            slots: 1024,
            ranges: vec![ScopeRange {
                epochs: (Epoch(1), Epoch(u32::MAX)),
                slots: [Slot(7)].into_iter().collect(),
            }],
        },
    };
    let context = QueryContext::new(Duration::from_secs(5), 1_000);
    let request = messages::query_request(&query, &context).unwrap();
    let (received, limits) = messages::query_of(&request, 5_000).unwrap();
    assert_eq!(format!("{received:?}"), format!("{query:?}"));
    assert_eq!(limits.memory_limit(), 1_000);
    assert!(limits.timeout() <= Duration::from_secs(5) && limits.timeout() > Duration::from_secs(1));
    assert_eq!(messages::query_of(&request, 10).unwrap().1.memory_limit(), 10);
    let other = proto::QueryRequest {
        schema: 99,
        ..request.clone()
    };
    let refused = messages::query_of(&other, 10).map(|_| ());
    assert!(
        matches!(&refused, Err(QueryError::Invalid(text)) if text.contains("99")),
        "{refused:?}"
    );
    let broken = proto::QueryRequest {
        plan: Bytes::from_static(&[0xff; 9]),
        ..request
    };
    assert!(messages::query_of(&broken, 10).is_err());
}

/// The headers of a caller's calls.
fn headers(caller: &Credentials) -> HeaderMap {
    let request = Speaking(caller.clone()).call(Request::new(())).unwrap();
    request.into_parts().0.into_headers()
}

fn secret(text: &str) -> Credentials {
    Credentials::new(Secret::new(text.as_bytes()))
}

#[test]
fn strangers_are_refused() {
    let node = secret("open sesame");
    assert!(node.admit(&headers(&secret("open sesame")), false).is_ok());
    for stranger in [Credentials::default(), secret("open sesam"), secret("open sesamE")] {
        let refused = node.admit(&headers(&stranger), true).unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert!(!refused.message().contains("sesame"));
    }
    assert!(Credentials::default().admit(&headers(&node), false).is_ok());
    assert!(headers(&node).get(SECRET_KEY).unwrap().is_sensitive());
}

#[test]
fn other_protocols_and_clusters_are_refused() {
    let node = Credentials::default();
    let mut called = headers(&node);
    for (version, fits) in [
        ("0", true),
        ("1", true),
        ("2", true),
        ("3", false),
        ("x", false),
        ("", false),
    ] {
        called.insert(PROTOCOL_KEY, version.parse().unwrap());
        let admitted = node.admit(&called, false);
        assert_eq!(admitted.is_ok(), fits, "{version}");
        assert!(admitted.is_ok() || admitted.unwrap_err().code() == Code::FailedPrecondition);
        assert!(node.admit(&called, true).is_ok());
    }
    called.remove(PROTOCOL_KEY);
    assert!(node.admit(&called, false).is_err());

    let caller = Credentials::default();
    assert!(caller.bind(ClusterId(1)) && caller.bind(ClusterId(1)) && !caller.bind(ClusterId(2)));
    assert!(node.admit(&headers(&caller), false).is_ok());
    assert!(node.bind(ClusterId(2)));
    let refused = node.admit(&headers(&caller), false).unwrap_err();
    assert!(refused.message().contains(&ClusterId(1).to_string()), "{refused}");
    assert!(headers(&node).contains_key(CLUSTER_KEY));
}
