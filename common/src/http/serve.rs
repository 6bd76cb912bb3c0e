//! Serves a bound socket until the process drains.

use super::stream::Stream;
use super::{App, Lifecycle, Phase};
use crate::tls::{ServerTls, VerifiedClient};
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
    /// How many connections a listener holds at a time.
    pub connections: u32,
}

/// A bound socket, and how it is spoken with.
pub struct Listener {
    pub tcp: TcpListener,
    /// Without it, nothing is secret
    pub tls: Option<ServerTls>,
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

/// Serves `app` on `listener`, HTTP/1 and HTTP/2 alike, until `lifecycle` drains and all requests under way are
/// answered or `limits.drain_timeout` has passed. `name` is the listener's in metrics and logs.
pub async fn serve(
    name: &'static str,
    listener: impl Into<Listener>,
    app: App,
    lifecycle: Lifecycle,
    limits: ConnectionLimits,
) {
    let Listener { tcp, tls } = listener.into();
    let server = Server {
        name,
        tls,
        app,
        builder: Arc::new(connection_builder(limits)),
        lifecycle: lifecycle.clone(),
    };
    let room = Arc::new(Semaphore::new(
        usize::try_from(limits.connections).unwrap_or(usize::MAX),
    ));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let drain = lifecycle.reached(Phase::Draining);
    tokio::pin!(drain);
    loop {
        tokio::select! {
            () = &mut drain => break,
            accepted = tcp.accept() => match accepted {
                Ok((stream, _)) => match room.clone().try_acquire_owned() {
                    Ok(place) => {
                        connections.spawn(server.clone().connection(stream, graceful.watcher(), place));
                    }
                    // The client sees that at once, and goes elsewhere or comes again.
                    Err(_) => metrics::counter!("vt_tcp_connections_refused_total", "listener" => name).increment(1),
                },
                Err(error) => {
                    tracing::warn!(listener = name, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
        while connections.try_join_next().is_some() {}
    }
    drop(tcp);
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

/// What all connections of a listener share.
#[derive(Clone)]
struct Server {
    name: &'static str,
    tls: Option<ServerTls>,
    app: App,
    builder: Arc<Builder<TokioExecutor>>,
    lifecycle: Lifecycle,
}

impl Server {
    async fn connection(self, stream: TcpStream, watcher: Watcher, _place: OwnedSemaphorePermit) {
        let name = self.name;
        let open = metrics::gauge!("vt_tcp_connections", "listener" => name);
        open.increment(1);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(listener = name, %error, "cannot switch off Nagle's algorithm");
        }
        if let Some(stream) = self.open(stream).await {
            self.talk(stream, watcher).await;
        }
        open.decrement(1);
    }

    /// The connection as it is spoken over. One that has not agreed on keys yet does not hold up the end.
    async fn open(&self, stream: TcpStream) -> Option<Stream> {
        let Some(tls) = &self.tls else {
            return Some(Stream::Plain(stream));
        };
        let opened = tokio::select! {
            opened = tls.accept(stream) => opened,
            () = self.lifecycle.reached(Phase::Draining) => return None,
        };
        match opened {
            Ok(stream) => Some(Stream::Tls(Box::new(stream))),
            Err(error) => {
                metrics::counter!("vt_tls_handshake_errors_total", "listener" => self.name).increment(1);
                tracing::debug!(listener = self.name, %error, "no TLS with a client");
                None
            }
        }
    }

    async fn talk(self, stream: Stream, watcher: Watcher) {
        let (app, is_verified) = (self.app, stream.is_verified());
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            if is_verified {
                request.extensions_mut().insert(VerifiedClient);
            }
            app.clone().answer(request)
        });
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        if let Err(error) = watcher.watch(connection).await {
            // Clients go away in many ways; none is the server's fault.
            tracing::debug!(listener = self.name, error, "connection ended early");
        }
    }
}
