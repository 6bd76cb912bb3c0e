//! Connections to storage nodes.

use crate::tls::ClientTls;
use axum::http::Uri;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Error};
use tower::service_fn;

/// The port of addresses without one.
const HTTPS: u16 = 443;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a node is asked for a sign of life, so that one that is cut off is noticed although no call fails.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Long enough for a busy machine, short enough that nobody waits for a dead one.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// What may lie unread for one call: two frames of an answer.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A connection to `host:port`, over `tls` if given, that is made when it is first needed, and again when it is lost.
///
/// # Errors
/// When the text is no address.
pub fn connect_lazily(addr: &str, tls: Option<&ClientTls>) -> Result<Channel, Error> {
    let endpoint = Endpoint::from_shared(format!("http://{addr}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    match tls {
        None => Ok(endpoint.connect_lazy()),
        Some(tls) => {
            let tls = tls.clone();
            let connect = move |uri: Uri| secret(tls.clone(), uri);
            Ok(endpoint.connect_with_connector_lazy(service_fn(connect)))
        }
    }
}

/// A connection over TLS. The client believes that it has a plain one: it is to know nothing of certificates.
async fn secret(tls: ClientTls, uri: Uri) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
    let host = uri.host().unwrap_or_default();
    // Of an IPv6 address the URI has the brackets too.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(HTTPS);
    tls.connect(host, port).await.map(TokioIo::new)
}
