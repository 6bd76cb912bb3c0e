//! Serves a bound socket until the process drains.

use super::{App, Lifecycle, Phase};
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The share of one stream of HTTP/2 in what may lie unread in memory.
const STREAM_WINDOW: u32 = 1 << 20;
/// What may lie unread in memory for one connection of HTTP/2.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// How often a silent HTTP/2 peer is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// The wait after a failed accept, which mostly means that there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What holds for each connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// How long an HTTP/1 connection may be silent between requests, and its headers may take.
    pub idle_timeout: Duration,
    /// How long requests may take to finish once the process drains; then they are cut off.
    pub drain_timeout: Duration,
}

/// Serves `app` on `listener`, HTTP/1 and HTTP/2 alike, until `lifecycle` drains and all requests under way are
/// answered or `limits.drain_timeout` has passed. `name` is the listener's in metrics and logs.
pub async fn serve(
    name: &'static str,
    listener: TcpListener,
    app: App,
    lifecycle: Lifecycle,
    limits: ConnectionLimits,
) {
    let builder = Arc::new(connection_builder(limits));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let drain = lifecycle.reached(Phase::Draining);
    tokio::pin!(drain);
    loop {
        tokio::select! {
            () = &mut drain => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(name, stream, app.clone(), builder.clone(), graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!(listener = name, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        while connections.try_join_next().is_some() {}
        tracing::warn!(
            listener = name,
            connections = connections.len(),
            "cutting off requests that did not finish"
        );
    }
    connections.shutdown().await;
}

fn connection_builder(limits: ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL);
    builder
}

async fn connection(
    name: &'static str,
    stream: TcpStream,
    app: App,
    builder: Arc<Builder<TokioExecutor>>,
    watcher: Watcher,
) {
    let open = metrics::gauge!("vt_tcp_connections", "listener" => name);
    open.increment(1);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(listener = name, %error, "cannot switch off Nagle's algorithm");
    }
    let service = service_fn(move |request: Request<Incoming>| app.clone().answer(request.map(Body::new)));
    let served = watcher
        .watch(builder.serve_connection(TokioIo::new(stream), service).into_owned())
        .await;
    if let Err(error) = served {
        // Clients go away in many ways; none is the server's fault.
        tracing::debug!(listener = name, error, "connection ended early");
    }
    open.decrement(1);
}
