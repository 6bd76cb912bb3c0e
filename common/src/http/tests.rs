use super::*;
use crate::config::{EffectiveFlags, Loaded, load};
use crate::telemetry::Metrics;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

fn app(lifecycle: &Lifecycle, prefix: &str, more: Router) -> App {
    let Ok(Loaded::Run(_, flags)) = load::<HttpConfig>(clap::Command::new("test"), [], []) else {
        panic!("the defaults are valid")
    };
    let metrics = Metrics::detached("test", "1.2.3").unwrap();
    let operational = Operational {
        lifecycle: lifecycle.clone(),
        metrics,
        flags: Arc::<EffectiveFlags>::new(flags),
    };
    App::new(operational_router(operational).merge(more), prefix.parse().unwrap())
}

async fn ask(app: &App, method: Method, uri: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    let response = app.clone().answer(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn operational_paths_answer() {
    let lifecycle = Lifecycle::new();
    let app = app(&lifecycle, "", Router::new());
    assert_eq!(
        ask(&app, Method::GET, "/health").await,
        (StatusCode::OK, "OK".to_owned())
    );
    assert_eq!(ask(&app, Method::GET, "//-//ready").await.0, StatusCode::OK);
    assert_eq!(ask(&app, Method::GET, "/ping").await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(&app, Method::GET, "/ping?verbose=true").await.0, StatusCode::OK);
    let (_, flags) = ask(&app, Method::GET, "/flags").await;
    assert!(flags.contains("-http.shutdownDelay=\"0s\" # default\n"), "{flags}");
    let (_, metrics) = ask(&app, Method::GET, "/metrics").await;
    assert!(
        metrics.contains("vt_app_version{app=\"test\",version=\"1.2.3\"} 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn health_ends_before_the_server_does() {
    let lifecycle = Lifecycle::new();
    let app = app(&lifecycle, "", Router::new());
    lifecycle.enter(Phase::Leaving);
    assert_eq!(
        ask(&app, Method::GET, "/health").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        ask(&app, Method::GET, "/-/ready").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(ask(&app, Method::GET, "/-/healthy").await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_route_is_named() {
    let app = app(
        &Lifecycle::new(),
        "",
        Router::new().route("/post", post(async || "done")),
    );
    assert_eq!(
        ask(&app, Method::GET, "/no/such?x=1").await,
        (StatusCode::NOT_FOUND, "unsupported path: /no/such\n".to_owned())
    );
    assert_eq!(
        ask(&app, Method::GET, "/post").await,
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "method GET is not allowed for /post\n".to_owned()
        )
    );
    assert_eq!(ask(&app, Method::POST, "/post").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_prefix_is_asked_for() {
    let app = app(&Lifecycle::new(), "/vt", Router::new());
    assert_eq!(ask(&app, Method::GET, "/vt/health").await.0, StatusCode::OK);
    assert_eq!(ask(&app, Method::GET, "/health").await.1, "unsupported path: /health\n");
}

/// Starts serving; the join handle ends when the server has drained.
async fn start(app: App, lifecycle: &Lifecycle, drain: Duration) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let limits = ConnectionLimits {
        idle_timeout: Duration::from_secs(60),
        drain_timeout: drain,
        connections: 1_000,
    };
    (
        addr,
        tokio::spawn(serve("test", listener, app, lifecycle.clone(), limits)),
    )
}

async fn request(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream
}

#[tokio::test]
async fn requests_under_way_are_finished() {
    let (began, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = get({
        let (began, finish) = (began.clone(), finish.clone());
        async move || {
            began.notify_one();
            finish.notified().await;
            "finished"
        }
    });
    let lifecycle = Lifecycle::new();
    let app = app(&lifecycle, "", Router::new().route("/slow", slow));
    let (addr, server) = start(app, &lifecycle, Duration::from_secs(60)).await;
    let idle = TcpStream::connect(addr).await.unwrap();
    let mut stream = request(addr, "/slow").await;
    began.notified().await;
    lifecycle.enter(Phase::Draining);
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    finish.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("finished"),
        "{answer}"
    );
    drop(idle);
    server.await.unwrap();
}

#[tokio::test]
async fn requests_that_do_not_finish_are_cut_off() {
    let began = Arc::new(Notify::new());
    let stuck = get({
        let began = began.clone();
        async move || {
            began.notify_one();
            std::future::pending::<()>().await;
        }
    });
    let lifecycle = Lifecycle::new();
    let app = app(&lifecycle, "", Router::new().route("/stuck", stuck));
    let (addr, server) = start(app, &lifecycle, Duration::ZERO).await;
    let mut stream = request(addr, "/stuck").await;
    began.notified().await;
    lifecycle.enter(Phase::Draining);
    server.await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good an end as a close.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_spoken() {
    let lifecycle = Lifecycle::new();
    let (addr, _server) = start(app(&lifecycle, "", Router::new()), &lifecycle, Duration::ZERO).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the server's first frame is its SETTINGS");
}
