//! A span is found by id and by search immediately after its acknowledgement, whatever the store is busy with.

use prost::Message;
use tests::load::{self, Load, attribute, request_of};
use tests::process::{Options, Server};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

const WRITES: u64 = 200;

#[test]
fn a_span_is_found_right_after_its_acknowledgement() {
    read_each_write(&Server::new());
}

/// Heads are sealed, flushed and merged, and others write, between each write and its reads.
#[test]
fn a_span_is_found_right_after_its_acknowledgement_amid_flushes_and_merges() {
    let server = Options::default().flag("--storage.maxHeadBytes=1MiB").start();
    let load = Load::new(load::now(), 1, &[0, 1]);
    let url = server.url("");
    let url = url.as_str();
    std::thread::scope(|scope| {
        let _stop = load.stop_on_drop();
        scope.spawn(|| load.run(0, url, 500));
        scope.spawn(|| load.stir(url, 30));
        read_each_write(&server);
    });
}

fn read_each_write(server: &Server) {
    for n in 1..=WRITES {
        let service = format!("service-{}", n % 7);
        let (start, id) = (load::now(), n << 32);
        let span = Span {
            trace_id: u128::from(id).to_be_bytes().into(),
            span_id: id.to_be_bytes().into(),
            name: format!("operation-{n}"),
            start_time_unix_nano: start,
            end_time_unix_nano: start + 1_000_000,
            attributes: vec![attribute("n", Value::IntValue(n as i64))],
            ..Span::default()
        };
        let body = request_of(&service, vec![span]).encode_to_vec();
        let (status, answer) = server.post("/v1/traces", "application/x-protobuf", &body);
        assert_eq!(status, 200, "{answer}");
        let searches = [
            format!("traces/{id:032x}"),
            format!("traces?service={service}&start={}&limit=1", start / 1_000),
            format!("traces?service={service}&operation=operation-{n}"),
            format!("traces?tag=n:{n}&start={}", start / 1_000),
        ];
        for search in searches {
            let found = server.get_json(&format!("/select/jaeger/api/{search}"));
            assert_eq!(
                found["data"][0]["spans"][0]["spanID"],
                format!("{id:016x}"),
                "{search}: {found}"
            );
        }
        let operations = server.get_json(&format!("/select/jaeger/api/services/{service}/operations"));
        let operations = operations["data"].as_array().expect("operations");
        assert!(
            operations.iter().any(|name| *name == format!("operation-{n}")),
            "{operations:?}"
        );
    }
}
