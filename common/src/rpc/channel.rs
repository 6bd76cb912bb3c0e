//! Connections to storage nodes.

use std::time::Duration;
use tonic::transport::{Channel, Endpoint, Error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a node is asked for a sign of life, so that one that is cut off is noticed although no call fails.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Long enough for a busy machine, short enough that nobody waits for a dead one.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// What may lie unread for one call: two frames of an answer.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A connection to `host:port` that is made when it is first needed, and again when it is lost.
///
/// # Errors
/// When the text is no address.
pub fn connect_lazily(addr: &str) -> Result<Channel, Error> {
    let endpoint = Endpoint::from_shared(format!("http://{addr}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    Ok(endpoint.connect_lazy())
}
