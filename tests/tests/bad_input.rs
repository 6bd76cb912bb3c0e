//! What the real program must refuse, survive, and not let spoil the good spans beside it: every case has a clear
//! status, memory stays bounded, nothing panics, and what was good is stored.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use tests::load::{self, Random, attribute, request_of};
use tests::process::{Options, PATIENCE, Server};
use ureq::SendBody;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const MIB: usize = 1 << 20;
/// Far below what the bad requests of these tests would need if they were taken as they come.
const MOST_MEMORY_KIB: u64 = 600 << 10;
const DAY: u64 = 86_400_000_000_000;

struct Reply {
    status: u16,
    retry_after: Option<String>,
    /// `google.rpc.Status` and partial successes have their texts in them, be they protobuf or JSON
    text: String,
}

fn send(server: &Server, headers: &[(&str, &str)], body: SendBody) -> Reply {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
    let request = agent.post(server.url("/v1/traces"));
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    let mut answer = request.send(body).expect("an answer");
    let retry_after = answer.headers().get("retry-after");
    Reply {
        status: answer.status().as_u16(),
        retry_after: retry_after.map(|value| value.to_str().expect("text").to_owned()),
        text: String::from_utf8_lossy(&answer.body_mut().read_to_vec().expect("a body")).into_owned(),
    }
}

fn post(server: &Server, content_type: &str, body: &[u8]) -> Reply {
    send(
        server,
        &[("Content-Type", content_type)],
        SendBody::from_reader(&mut &*body),
    )
}

/// Posts spans, some of which are bad, and asserts that the answer says so.
fn post_spans(server: &Server, spans: &[Span], rejections: &[&str]) {
    let reply = post(
        server,
        PROTOBUF,
        &request_of("bad-input", spans.to_vec()).encode_to_vec(),
    );
    assert_eq!(reply.status, 200, "{}", reply.text);
    for rejection in rejections {
        assert!(
            reply.text.contains(rejection),
            "{rejection:?} is not said: {:?}",
            reply.text
        );
    }
    assert_eq!(reply.text.is_empty(), rejections.is_empty(), "{}", reply.text);
}

fn refused(reply: &Reply, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    assert!(reply.text.contains(text), "{text:?} is not said: {:?}", reply.text);
}

/// A good span, alone in its trace.
fn span(id: u64) -> Span {
    Span {
        trace_id: u128::from(id).to_be_bytes().into(),
        span_id: id.to_be_bytes().into(),
        name: "good".into(),
        start_time_unix_nano: load::now(),
        end_time_unix_nano: load::now() + 1_000_000,
        ..Span::default()
    }
}

/// The spans of the trace of `span(id)`.
fn stored(server: &Server, id: u64) -> Vec<serde_json::Value> {
    let (status, body) = server.get(&format!("/select/jaeger/api/traces/{id:032x}"));
    match status {
        404 => Vec::new(),
        200 => {
            let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            answer["data"][0]["spans"].as_array().expect("spans").clone()
        }
        _ => panic!("status {status}: {body}"),
    }
}

/// The spans of these ids are stored, those and no others of the service are found, in heads, in blocks, and after a
/// crash; the server takes good spans, has stayed small and has nothing to complain of.
fn assert_unharmed(mut server: Server, ids: &[u64]) {
    post_spans(&server, &[span(u64::MAX)], &[]);
    let all = [ids, &[u64::MAX]].concat();
    assert_stored(&server, &all);
    let (status, body) = server.post("/internal/force_flush", "", b"");
    assert_eq!(status, 200, "{body}");
    assert_stored(&server, &all);
    assert_eq!(server.get("/health").0, 200);
    let peak = peak_memory_kib(&server);
    println!("peak memory: {peak} KiB");
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB of memory");
    assert_log_is_clean(&server);
    server.kill();
    server.start_again();
    assert_stored(&server, &all);
    assert_log_is_clean(&server);
}

fn assert_stored(server: &Server, ids: &[u64]) {
    for id in ids {
        assert_eq!(stored(server, *id).len(), 1, "span {id:x}");
    }
    let end = (load::now() + 3 * DAY) / 1_000;
    let path = format!("/select/jaeger/api/traces?service=bad-input&start=0&end={end}&limit=10000");
    let found = server.get_json(&path)["data"].as_array().expect("traces").len();
    assert_eq!(found, ids.len(), "traces by search");
}

fn assert_log_is_clean(server: &Server) {
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("ERROR") || line.contains("panicked"));
    assert_eq!(line, None, "in the log");
}

fn peak_memory_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("status of the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).expect("VmHWM");
    kib.trim().parse().expect("a number")
}

#[test]
fn truncated_and_foreign_bodies() {
    let server = Server::new();
    let whole = request_of("bad-input", (100..130).map(span).collect()).encode_to_vec();
    for cut in (1..whole.len()).step_by(97) {
        refused(
            &post(&server, PROTOBUF, &whole[..cut]),
            400,
            "truncated protobuf message at byte",
        );
    }
    for foreign in [&b"hello world"[..], b"{\"resourceSpans\":[]}", &[0xff; 100]] {
        refused(
            &post(&server, PROTOBUF, foreign),
            400,
            "not an OTLP trace request in protobuf",
        );
    }
    for foreign in [&whole[..], b"", b"{\"resourceSpans\":[", b"null", b"[]", b"\xff"] {
        refused(&post(&server, JSON, foreign), 400, "not an OTLP trace request in JSON");
    }
    refused(
        &post(&server, "text/plain", &whole),
        415,
        "unsupported content type \\\"text/plain\\\"",
    );
    // The answer reaches a client that sends all before it listens.
    refused(
        &post(&server, "text/plain", &vec![0; 20 * MIB]),
        415,
        "unsupported content type",
    );
    let brotli = [("Content-Type", PROTOBUF), ("Content-Encoding", "br")];
    refused(
        &send(&server, &brotli, SendBody::from_reader(&mut &*whole)),
        415,
        "unsupported content encoding \"br\"",
    );
    for encoding in ["gzip", "zstd", "snappy", "deflate"] {
        let headers = [("Content-Type", PROTOBUF), ("Content-Encoding", encoding)];
        let reply = send(&server, &headers, SendBody::from_reader(&mut &*whole));
        refused(&reply, 400, &format!("cannot decompress the {encoding} body"));
    }
    assert_eq!(post(&server, PROTOBUF, b"").status, 200, "nothing is an empty request");
    assert_unharmed(server, &[]);
}

/// Bytes of a good request changed at random: understood or refused, and either way stored or not as a whole.
#[test]
fn damaged_bodies() {
    let server = Server::new();
    let seed = load::now();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut rich = span(7);
    rich.attributes = vec![
        attribute("text", Value::StringValue("x".repeat(200))),
        attribute("number", Value::IntValue(-1)),
        nested(5),
    ];
    let whole = request_of("damaged", vec![rich; 3]).encode_to_vec();
    for _ in 0..400 {
        let mut damaged = whole.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(damaged.len() as u64) as usize;
            damaged[at] = random.below(256) as u8;
        }
        let reply = post(&server, PROTOBUF, &damaged);
        assert!([200, 400].contains(&reply.status), "{}: {}", reply.status, reply.text);
    }
    // Whatever names and services came of it: reading works.
    let end = (load::now() + 3 * DAY) / 1_000;
    for path in ["services", &format!("traces?start=0&end={end}&limit=10000")] {
        server.get_json(&format!("/select/jaeger/api/{path}"));
    }
    assert_unharmed(server, &[]);
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let zeros = vec![0; 64 * MIB];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).expect("gzip");
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut framed = snap::write::FrameEncoder::new(Vec::new());
    for _ in 0..2 {
        zlib.write_all(&zeros).expect("zlib");
        framed.write_all(&zeros).expect("snappy");
    }
    // A block that claims to be 4 GiB.
    let claim = b"\xff\xff\xff\xff\x0f\x00\x00".to_vec();
    // A gibibyte each, of members and frames that are within the limit alone.
    let gzip = gzip.finish().expect("gzip").repeat(16);
    let zstd = zstd::bulk::compress(&zeros, 1).expect("zstd").repeat(16);
    let framed = framed.into_inner().expect("snappy");
    vec![
        ("gzip", gzip),
        ("zstd", zstd),
        ("deflate", zlib.finish().expect("zlib")),
        ("snappy", framed),
        ("snappy", claim),
    ]
}

#[test]
fn compressed_bombs() {
    let server = Server::new();
    let bombs = bombs();
    let throw = |encoding: &str, bomb: &[u8]| {
        let headers = [("Content-Type", PROTOBUF), ("Content-Encoding", encoding)];
        send(&server, &headers, SendBody::from_reader(&mut &*bomb))
    };
    let too_large = "the decompressed body is larger than 64MiB (--opentelemetry.traces.maxRequestSize)";
    for (encoding, bomb) in &bombs {
        refused(&throw(encoding, bomb), 413, too_large);
    }
    std::thread::scope(|scope| {
        for (encoding, bomb) in bombs.iter().cycle().take(20) {
            scope.spawn(|| {
                let reply = throw(encoding, bomb);
                if reply.status == 429 {
                    refused(
                        &reply,
                        429,
                        "too many bytes of requests in memory (--insert.maxInflightBytes)",
                    );
                    assert_eq!(reply.retry_after.as_deref(), Some("1"));
                } else {
                    refused(&reply, 413, too_large);
                }
            });
        }
    });
    assert_unharmed(server, &[]);
}

#[test]
fn a_hundred_megabytes() {
    let server = Server::new();
    let expected = "the body is larger than 64MiB (--opentelemetry.traces.maxRequestSize)";
    let (length, headers) = ((100 * MIB).to_string(), ("Content-Type", PROTOBUF));
    let zeros = || std::io::repeat(0).take(100 * MIB as u64);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let declared = [headers, ("Content-Length", length.as_str())];
                refused(
                    &send(&server, &declared, SendBody::from_owned_reader(zeros())),
                    413,
                    expected,
                );
                refused(
                    &send(&server, &[headers], SendBody::from_owned_reader(zeros())),
                    413,
                    expected,
                );
            });
        }
    });
    assert_unharmed(server, &[]);
}

/// There is no limit of a span's size but that of the request.
#[test]
fn a_span_of_forty_megabytes() {
    let server = Server::new();
    let mut large = span(1);
    large.attributes = vec![attribute("large", Value::StringValue("x".repeat(40 * MIB)))];
    post_spans(&server, &[large], &[]);
    let spans = stored(&server, 1);
    let text = spans[0]["tags"][0]["value"].as_str().expect("a text");
    assert_eq!(text.len(), 40 * MIB);
    assert_eq!(server.get("/health").0, 200);
    assert_log_is_clean(&server);
}

#[test]
fn invalid_ids_and_absurd_times() {
    let server = Server::new();
    let damages: [fn(&mut Span); 11] = [
        |s| s.trace_id.clear(),
        |s| s.trace_id = vec![0; 16],
        |s| s.trace_id.push(1),
        |s| s.span_id.clear(),
        |s| s.span_id = vec![0; 8],
        |s| s.span_id.truncate(7),
        |s| s.parent_span_id = vec![1; 16],
        |s| s.start_time_unix_nano = 0,
        |s| s.start_time_unix_nano -= 8 * DAY,
        |s| s.start_time_unix_nano += 3 * DAY,
        |s| s.start_time_unix_nano = u64::MAX,
    ];
    let keep: [fn(&mut Span); 5] = [
        |s| s.end_time_unix_nano = u64::MAX,
        |s| s.end_time_unix_nano = 0,
        |s| s.end_time_unix_nano = s.start_time_unix_nano - 1,
        |s| s.start_time_unix_nano -= 6 * DAY,
        |s| s.parent_span_id = s.span_id.clone(),
    ];
    let make = |(id, damage): (u64, &fn(&mut Span))| {
        let mut span = span(id);
        damage(&mut span);
        span
    };
    let kept: Vec<Span> = (1..).zip(&keep).map(make).collect();
    let broken = (100..).zip(&damages).map(make);
    // Good and bad ones alternate.
    let mixed: Vec<Span> = broken
        .enumerate()
        .flat_map(|(n, bad)| [Some(bad), kept.get(n).cloned()])
        .flatten()
        .collect();
    let rejections = [
        "3 spans: trace id must be 16 bytes, not zero",
        "3 spans: span id must be 8 bytes, not zero",
        "1 span: parent span id must be 8 bytes or absent",
        "2 spans: start time is older than --retentionPeriod",
        "2 spans: start time is later than --futureRetention allows",
    ];
    post_spans(&server, &mixed, &rejections);
    for id in 100..111 {
        assert!(stored(&server, id).is_empty(), "span {id} is stored");
    }
    assert_unharmed(server, &[1, 2, 3, 4, 5]);
}

#[test]
fn ten_thousand_attributes() {
    let server = Server::new();
    let many = |id, count: u64| Span {
        attributes: (0..count)
            .map(|n| attribute(&format!("key {n}"), Value::IntValue(n as i64)))
            .collect(),
        ..span(id)
    };
    let mut long_key = span(3);
    long_key.attributes = vec![attribute(&"k".repeat(5_000), Value::BoolValue(true))];
    let rejections = [
        "1 span: more attributes than --insert.maxAttributesPerSpan",
        "1 span: attribute key longer than --insert.maxKeyLength",
    ];
    post_spans(
        &server,
        &[many(1, 10_000), many(2, 10_001), long_key, span(4)],
        &rejections,
    );
    let has_all = |server: &Server| {
        let spans = stored(server, 1);
        let tags = spans[0]["tags"].as_array().expect("tags");
        let is_key = |n: u64| move |tag: &&serde_json::Value| tag["key"] == format!("key {n}") && tag["value"] == n;
        assert!(tags.len() >= 10_000, "{} tags", tags.len());
        for n in [0, 1, 999, 1_024, 5_000, 9_999] {
            assert_eq!(tags.iter().filter(is_key(n)).count(), 1, "attribute {n}");
        }
    };
    has_all(&server);
    assert_eq!(server.post("/internal/force_flush", "", b"").0, 200);
    has_all(&server);
    assert_unharmed(server, &[1, 4]);
}

#[test]
fn huge_nesting() {
    let server = Server::new();
    let with = |id, attribute| Span {
        attributes: vec![attribute],
        ..span(id)
    };
    post_spans(
        &server,
        &[with(1, nested(32)), with(2, nested(33)), span(3)],
        &["1 span: attribute value nested deeper than --insert.maxValueDepth"],
    );
    let deep = raw_request(&deep_span(4, 200_000), &span(5).encode_to_vec());
    let reply = post(&server, PROTOBUF, &deep);
    refused(
        &reply,
        200,
        "1 span: attribute value nested deeper than --insert.maxValueDepth",
    );
    // Groups, which no field of OTLP is, each in the last.
    refused(
        &post(&server, PROTOBUF, &b"\x7b".repeat(500_000)),
        400,
        "not an OTLP trace request in protobuf",
    );

    let depth = 500_000;
    let value = format!(
        "{}{}",
        r#"{"arrayValue":{"values":["#.repeat(depth),
        "]}}".repeat(depth)
    );
    let json = |id: u64, field: &str| {
        let start = load::now();
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"bad-input"}}}}]}},
               "scopeSpans":[{{"spans":[{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"x","startTimeUnixNano":"{start}",{field}}}]}}]}}]}}"#
        )
    };
    let reply = post(
        &server,
        JSON,
        json(6, &format!(r#""attributes":[{{"key":"deep","value":{value}}}]"#)).as_bytes(),
    );
    refused(
        &reply,
        200,
        "1 span: attribute value nested deeper than --insert.maxValueDepth",
    );
    let unknown = format!(r#""unknown":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(post(&server, JSON, json(7, &unknown).as_bytes()).status, 200);
    let open = format!(r#"{{"resourceSpans":{}"#, "[".repeat(depth));
    refused(
        &post(&server, JSON, open.as_bytes()),
        400,
        "not an OTLP trace request in JSON",
    );
    assert_unharmed(server, &[1, 3, 5, 7]);
}

/// An attribute of arrays and maps in one another, `depth` of them.
fn nested(depth: usize) -> KeyValue {
    let wrap = |value: Value, n| {
        let value = AnyValue { value: Some(value) };
        match n % 2 {
            0 => Value::ArrayValue(ArrayValue { values: vec![value] }),
            _ => Value::KvlistValue(KeyValueList {
                values: vec![KeyValue {
                    key: "k".into(),
                    value: Some(value),
                    ..KeyValue::default()
                }],
            }),
        }
    };
    attribute("nested", (0..depth).fold(Value::IntValue(1), wrap))
}

/// A span with an attribute of so many arrays in one another that no recursion can write it.
fn deep_span(id: u64, depth: usize) -> Vec<u8> {
    let mut fronts = Vec::with_capacity(2 * depth);
    let mut length = 0;
    for _ in 0..depth {
        // AnyValue.array_value and ArrayValue.values, from the inside out
        for tag in [1 << 3 | 2, 5 << 3 | 2] {
            let mut front = vec![tag];
            prost::encoding::encode_varint(length, &mut front);
            length += front.len() as u64;
            fronts.push(front);
        }
    }
    let value: Vec<u8> = fronts.into_iter().rev().flatten().collect();
    let mut key_value = Vec::new();
    prost::encoding::string::encode(1, &"deep".to_owned(), &mut key_value);
    prost::encoding::bytes::encode(2, &value, &mut key_value);
    let mut bytes = span(id).encode_to_vec();
    prost::encoding::bytes::encode(9, &key_value, &mut bytes);
    bytes
}

/// A request with two spans as they stand.
fn raw_request(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut whole = request_of("bad-input", Vec::new());
    let mut group = whole.resource_spans.remove(0);
    group.scope_spans.clear();
    let (mut scope, mut resource, mut request) = (Vec::new(), group.encode_to_vec(), Vec::new());
    for span in [first, second] {
        prost::encoding::bytes::encode(2, &span.to_vec(), &mut scope);
    }
    prost::encoding::bytes::encode(2, &scope, &mut resource);
    prost::encoding::bytes::encode(1, &resource, &mut request);
    request
}

#[test]
fn slow_bodies() {
    let server = Options::default().flag("--insert.readTimeout=3s").start();
    let head =
        format!("POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 1000\r\n\r\n");
    let begin = || {
        let mut stream = connect(server.http_addr());
        stream.write_all(head.as_bytes()).expect("send");
        stream.write_all(b"\x0a\x20").expect("send");
        stream
    };
    let slow: Vec<TcpStream> = (0..100).map(|_| begin()).collect();
    // Clients that go away in the middle.
    (0..50).for_each(|_| drop(begin()));
    // None of them is in the way of others.
    post_spans(&server, &[span(1)], &[]);
    for mut stream in slow {
        // It may have had its answer already.
        let _ = stream.shutdown(Shutdown::Write);
        let answer = read_to_end(&mut stream);
        let known = ["cannot read the body", "the body did not arrive within 3s"];
        let refused = answer.starts_with("HTTP/1.1 40") && known.iter().any(|text| answer.contains(text));
        assert!(refused || answer.is_empty(), "{answer}");
    }
    let answer = read_to_end(&mut begin());
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let expected = "the body did not arrive within 3s (--insert.readTimeout)";
    assert!(answer.contains(expected), "{answer}");
    assert_unharmed(server, &[1]);
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// All that comes until the other side ends or resets the connection.
fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_ne!(
            error.kind(),
            std::io::ErrorKind::WouldBlock,
            "the connection stays open"
        ),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn garbage_on_the_grpc_port() {
    let server = Server::new();
    let mut random = Random::new(1);
    let noise: Vec<u8> = (0..100_000).map(|_| random.below(256) as u8).collect();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let garbage = [
        noise.clone(),
        b"\0".repeat(100_000),
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        preface[..10].to_vec(),
        [preface, &noise[..]].concat(),
        // A frame of headers of 16 MiB
        [
            &preface[..],
            b"\0\0\0\x04\0\0\0\0\0",
            b"\xff\xff\xff\x01\x04\0\0\0\x01",
            &noise,
        ]
        .concat(),
        // 10,000 streams that are opened and reset
        [&preface[..], b"\0\0\0\x04\0\0\0\0\0", &resets(10_000)].concat(),
    ];
    for (number, bytes) in garbage.iter().enumerate() {
        let mut stream = connect(server.grpc_addr());
        // The other side may have had enough before the end.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let answer = read_to_end(&mut stream);
        // "200 OK" alone is how gRPC says any error.
        let taken = answer.contains("200 OK") && !answer.contains("grpc-status: 12");
        assert!(!taken, "garbage {number}: {answer}");
    }
    // Connections that say nothing stay open meanwhile.
    let _silent: Vec<TcpStream> = (0..100).map(|_| connect(server.grpc_addr())).collect();
    grpc_requests(&server);
    assert_unharmed(server, &[1]);
}

/// Frames that open a stream each with no headers, and reset it.
fn resets(streams: u32) -> Vec<u8> {
    let frame = |n: u32| {
        let id = (2 * n + 1).to_be_bytes();
        [&b"\0\0\0\x01\x04"[..], &id, b"\0\0\x04\x03\0", &id, b"\0\0\0\x08"].concat()
    };
    (0..streams).flat_map(frame).collect()
}

/// Good, mixed and oversized requests by a real client.
fn grpc_requests(server: &Server) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = format!("http://{}", server.grpc_addr());
        let mut client = TraceServiceClient::connect(url).await.expect("connect");
        let mut bad = span(2);
        bad.trace_id.clear();
        let answer = client
            .export(request_of("bad-input", vec![span(1), bad]))
            .await
            .expect("success");
        let partial = answer.into_inner().partial_success.expect("a partial success");
        assert_eq!(partial.rejected_spans, 1);
        assert!(
            partial.error_message.contains("trace id must be 16 bytes"),
            "{}",
            partial.error_message
        );
        let mut large = span(3);
        large.name = "x".repeat(70 * MIB);
        let status = client
            .export(request_of("bad-input", vec![large]))
            .await
            .expect_err("too large");
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
        assert!(status.message().contains("the body is larger than 64MiB"), "{status}");
    });
}
