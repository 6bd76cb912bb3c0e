use super::*;
use common::otlp::write::MessageWriter;
use common::time::UnixNanos;

const LIMITS: SpanLimits = SpanLimits {
    max_attributes: 3,
    max_value_depth: 2,
    max_key_length: 8,
};
const NOW: u64 = 1_000_000;

fn validate(body: &[u8]) -> Result<Validated, Malformed> {
    let starts = TimeRange::new(UnixNanos(NOW - 10), UnixNanos(NOW + 10));
    Validator::new(LIMITS, starts).validate(Bytes::copy_from_slice(body))
}

/// A message with one nested message at field `number`.
fn wrap(number: u32, content: &[u8]) -> Vec<u8> {
    let mut writer = MessageWriter::default();
    writer.bytes(number, content);
    writer.finish()
}

/// A request of these spans, under a resource and a scope given as bytes.
fn request(resource: &[u8], scope: &[u8], spans: &[Vec<u8>]) -> Vec<u8> {
    let mut scope_spans = wrap(framing::ORIGIN, scope);
    for span in spans {
        scope_spans.extend(wrap(framing::ITEMS, span));
    }
    let mut group = wrap(framing::ORIGIN, resource);
    group.extend(wrap(framing::ITEMS, &scope_spans));
    wrap(framing::RESOURCE_SPANS, &group)
}

fn span_with(trace_id: &[u8], span_id: &[u8], start: u64, more: &[u8]) -> Vec<u8> {
    let mut writer = MessageWriter::default();
    writer.bytes(1, trace_id);
    writer.bytes(2, span_id);
    writer.fixed64(7, start);
    writer.raw(more);
    writer.finish()
}

fn good(more: &[u8]) -> Vec<u8> {
    span_with(&[1; 16], &[2; 8], NOW, more)
}

fn attribute(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut writer = MessageWriter::default();
    writer.bytes(1, key);
    writer.bytes(2, value);
    writer.finish()
}

/// Arrays in arrays, `levels` of them.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(wrap(1, b"leaf"), |inner, _| wrap(5, &wrap(1, &inner)))
}

fn reasons(body: &[u8]) -> Vec<(Place, Reason, u64)> {
    validate(body).unwrap().rejections.iter().collect()
}

fn reason_of(span: Vec<u8>) -> Option<Reason> {
    match reasons(&request(b"", b"", &[span])).as_slice() {
        [] => None,
        [(Place::Span, reason, 1)] => Some(*reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_message_is_passed_on_as_it_is() {
    let body = Bytes::from(request(b"", b"", &[good(b""), good(b"")]));
    let starts = TimeRange::new(UnixNanos(NOW), UnixNanos(NOW));
    let validated = Validator::new(LIMITS, starts).validate(body.clone()).unwrap();
    assert_eq!(validated.otlp.as_ptr(), body.as_ptr());
    assert_eq!((validated.spans, validated.rejections.total()), (2, 0));
}

#[test]
fn each_reason_rejects_its_span() {
    let id = [1; 16];
    let cases = [
        (span_with(&[], &[2; 8], NOW, b""), Some(Reason::TraceId)),
        (span_with(&[0; 16], &[2; 8], NOW, b""), Some(Reason::TraceId)),
        (span_with(&[1; 15], &[2; 8], NOW, b""), Some(Reason::TraceId)),
        (span_with(&id, &[0; 8], NOW, b""), Some(Reason::SpanId)),
        (span_with(&id, &[2; 9], NOW, b""), Some(Reason::SpanId)),
        (span_with(&id, &[2; 8], NOW - 10, b""), None),
        (span_with(&id, &[2; 8], NOW - 11, b""), Some(Reason::StartTooOld)),
        (span_with(&id, &[2; 8], 0, b""), Some(Reason::StartTooOld)),
        (span_with(&id, &[2; 8], NOW + 10, b""), None),
        (span_with(&id, &[2; 8], u64::MAX, b""), Some(Reason::StartTooNew)),
        (good(&wrap(4, &[3; 7])), Some(Reason::ParentId)),
        (good(&wrap(4, &[0; 8])), None),
        (good(&wrap(4, b"")), None),
        (good(&wrap(5, b"\xff")), Some(Reason::NotUtf8)),
        (good(&wrap(9, &attribute(b"\xc3", b""))), Some(Reason::NotUtf8)),
        (good(&wrap(9, &attribute(b"12345678", &nested(2)))), None),
        (good(&wrap(9, &attribute(b"123456789", b""))), Some(Reason::KeyTooLong)),
        (good(&wrap(9, &attribute(b"", &nested(3)))), Some(Reason::ValueTooDeep)),
        (good(&wrap(9, b"").repeat(3)), None),
        (good(&wrap(9, b"").repeat(4)), Some(Reason::TooManyAttributes)),
        (
            good(&wrap(11, &wrap(3, b"").repeat(4))),
            Some(Reason::TooManyAttributes),
        ),
        (
            good(&wrap(13, &wrap(4, &attribute(b"", &nested(3))))),
            Some(Reason::ValueTooDeep),
        ),
        (good(&wrap(13, &wrap(1, b"short"))), None),
        (good(b"\x0a\x05cut"), Some(Reason::NotProtobuf)),
        (good(&wrap(15, b"\x18")), Some(Reason::NotProtobuf)),
        (good(b"\x38\x01"), Some(Reason::NotProtobuf)),
        (good(&[0xff; 12]), Some(Reason::NotProtobuf)),
    ];
    for (i, (span, reason)) in cases.into_iter().enumerate() {
        assert_eq!(reason_of(span), reason, "case {i}");
    }
}

#[test]
fn only_bad_spans_are_cut_and_all_other_bytes_stay() {
    let first = good(&wrap(99, b"unknown"));
    let last = good(&wrap(5, b"name"));
    let bad = || span_with(b"x", &[2; 8], NOW, b"");
    let resource = wrap(1, &attribute(b"a", &nested(1)));
    let mut body = request(&resource, b"", &[first.clone(), bad(), last.clone(), bad()]);
    body.extend(wrap(77, b"unknown"));
    let mut expected = request(&resource, b"", &[first, last]);
    expected.extend(wrap(77, b"unknown"));
    let validated = validate(&body).unwrap();
    assert_eq!(validated.otlp, expected);
    assert_eq!((validated.spans, validated.rejections.total()), (2, 2));
}

#[test]
fn a_bad_resource_or_scope_takes_its_spans_with_it() {
    let spans = [good(b""), good(b"")];
    let bad = wrap(3, &wrap(1, b"\xff"));
    let mut body = request(&bad, b"", &spans);
    body.extend(request(b"", &bad, &spans[..1]));
    body.extend(request(b"", b"", &spans));
    let validated = validate(&body).unwrap();
    assert_eq!(
        validated.rejections.iter().collect::<Vec<_>>(),
        [
            (Place::Resource, Reason::NotUtf8, 2),
            (Place::Scope, Reason::NotUtf8, 1)
        ]
    );
    let mut expected = wrap(framing::RESOURCE_SPANS, &wrap(framing::ORIGIN, b""));
    expected.extend(request(b"", b"", &spans));
    assert_eq!((validated.spans, &validated.otlp[..]), (2, &expected[..]));
}

#[test]
fn a_bad_group_without_spans_is_cut_as_well() {
    let body = request(&[0xff], b"", &[]);
    let validated = validate(&body).unwrap();
    assert_eq!(
        (validated.spans, validated.rejections.total(), validated.otlp.len()),
        (0, 0, 0)
    );
}

#[test]
fn broken_frames_refuse_the_message_and_say_where() {
    let body = request(b"", b"", &[good(b""), good(b"")]);
    for end in 1..body.len() {
        validate(&body[..end]).unwrap_err();
    }
    assert_eq!(
        validate(b"{}").unwrap_err().to_string(),
        "truncated protobuf message at byte 2"
    );
    assert_eq!(validate(b"\x0a\x02\x12\x05").unwrap_err().at, 4);
    assert_eq!(validate(b"\x12\x00\x08\x01").unwrap_err().at, 2);
    assert_eq!(
        validate(b"\x1f\x8b\x08").unwrap_err().to_string(),
        "bad protobuf wire type 7 for field 3 at byte 1"
    );
}

#[test]
fn reasons_are_summed_up_in_words() {
    let bad = || span_with(b"x", &[2; 8], NOW, b"");
    let body = request(b"", b"", &[bad(), bad(), bad(), span_with(&[1; 16], &[2; 8], 0, b"")]);
    assert_eq!(
        validate(&body).unwrap().rejections.to_string(),
        "3 spans: trace id must be 16 bytes, not zero; 1 span: start time is older than --retentionPeriod"
    );
}
