//! The OTLP/gRPC port of the real program.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tests::process::Server;
use tests::sample;
use tonic::transport::Channel;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

async fn connect(server: &Server) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(format!("http://{}", server.grpc_addr()))
        .await
        .unwrap()
}

fn request() -> ExportTraceServiceRequest {
    serde_json::from_value(sample::trace(TRACE, "shop", 4)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_sent_by_grpc_are_found_at_once() {
    let server = Server::new();
    let answer = connect(&server).await.export(request()).await.unwrap().into_inner();
    assert!(answer.partial_success.is_none_or(|partial| partial.rejected_spans == 0));
    let found = server.get_json(&format!("/select/jaeger/api/traces/{TRACE}"));
    assert_eq!(found["data"][0]["spans"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_connection_does_not_hold_up_the_end() {
    let mut server = Server::new();
    let mut client = connect(&server).await;
    client.export(request()).await.unwrap();
    let status = server.stop();
    assert!(status.success(), "{status}:\n{}", server.log());
    assert!(!server.log().contains("cutting off"), "{}", server.log());
    let refused = client.export(request()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused}");
}
