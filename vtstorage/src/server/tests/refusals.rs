//! Who is refused, and what for.

use super::*;

#[tokio::test]
async fn queries_beyond_the_limit_are_refused() {
    let fake = Fake::endless();
    let config = ServerConfig {
        storage_max_concurrent_queries: 1,
        ..ServerConfig::default()
    };
    let served = Served::start_with(&fake, Credentials::default(), &config).await;
    let node = served.node(Credentials::default());
    let first = node.query(a_query(), QueryContext::unlimited()).await.unwrap();
    let second = node.query(a_query(), QueryContext::unlimited()).await.map(|_| ());
    assert!(matches!(second, Err(QueryError::Overloaded(_))), "{second:?}");
    drop(first);
    fake.dropped.notified().await;
    // The turn is free once the first answer's stream is gone.
    while let Err(error) = node.query(a_query(), QueryContext::unlimited()).await.map(|_| ()) {
        assert!(matches!(error, QueryError::Overloaded(_)), "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn strangers_are_refused_before_anything_is_done() {
    let fake = Fake::new();
    let served = Served::start(&fake, secret("right")).await;
    served.node(secret("right")).write(a_write(1)).await.unwrap();
    for stranger in [Credentials::default(), secret("wrong")] {
        let node = served.node(stranger);
        let refused = node.write(a_write(2)).await.unwrap_err();
        assert!(
            matches!(&refused, WriteError::Unavailable(text) if text.contains("secret")),
            "{refused}"
        );
        assert_eq!(node.hello().await.unwrap_err().code(), Code::Unauthenticated);
        let refused = node
            .query(a_query(), QueryContext::unlimited())
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(
            matches!(&refused, QueryError::Unavailable(text) if text.contains("secret")),
            "{refused}"
        );
    }
    assert_eq!(fake.writes.lock().len(), 1);
}

#[tokio::test]
async fn another_protocol_is_refused_on_both_sides() {
    // A caller of the future.
    let fake = Fake::new();
    let served = Served::start(&fake, Credentials::default()).await;
    let channel = common::rpc::connect_lazily(&served.addr.to_string(), None).unwrap();
    let mut client = common::rpc::proto::storage_client::StorageClient::with_interceptor(channel, future_caller);
    let refused = client
        .mark(common::rpc::proto::MarkRequest { node: 1 })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("speaks protocol 7"), "{refused}");
    assert!(
        client
            .hello(common::rpc::proto::HelloRequest { protocol: 7 })
            .await
            .is_ok()
    );

    // A node that says nothing of its protocol.
    let service = StorageService::new(fake.clone(), fake.clone(), Lifecycle::new(), &ServerConfig::default());
    let bare = Routes::new(common::rpc::proto::storage_server::StorageServer::new(service)).into_axum_router();
    let served = Served::serve(bare, Lifecycle::new()).await;
    let refused = served.node(Credentials::default()).mark(NodeId(1)).await.unwrap_err();
    assert!(
        matches!(&refused, WriteError::Unavailable(text) if text.contains("protocol")),
        "{refused}"
    );
}

fn future_caller(mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
    request.metadata_mut().insert("vt-protocol", 7.into());
    Ok(request)
}

#[tokio::test]
async fn a_node_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let node = RemoteNode::new(&addr.to_string(), Credentials::default()).unwrap();
    assert!(matches!(node.write(a_write(1)).await, Err(WriteError::Unavailable(_))));
    let query = node.query(a_query(), QueryContext::unlimited()).await.map(|_| ());
    assert!(matches!(query, Err(QueryError::Unavailable(_))), "{query:?}");
}

#[tokio::test]
async fn anybody_may_ask_for_health() {
    let fake = Fake::new();
    let served = Served::start(&fake, secret("right")).await;
    let channel = common::rpc::connect_lazily(&served.addr.to_string(), None).unwrap();
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest {
        service: "vt.v1.Storage".to_owned(),
    };
    let health = client.check(request).await.unwrap().into_inner();
    assert_eq!(health.status(), tonic_health::ServingStatus::Serving.into());
}
