//! All servers of one process.

use super::{App, ConnectionLimits, Lifecycle, Listener, serve};
use crate::tls::ServerTls;
use std::io;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Servers that drain together.
pub struct Servers {
    lifecycle: Lifecycle,
    limits: ConnectionLimits,
    tasks: JoinSet<()>,
}

impl Servers {
    /// They serve until `lifecycle` drains.
    pub fn new(lifecycle: Lifecycle, limits: ConnectionLimits) -> Self {
        Self {
            lifecycle,
            limits,
            tasks: JoinSet::new(),
        }
    }

    /// Serves `app` on `listener`, which [`bind`](super::bind) made; nothing happens if that is switched off. `name` is the
    /// listener's in metrics and logs; with `tls`, nothing but TLS is spoken.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn start(
        &mut self,
        name: &'static str,
        listener: Option<TcpListener>,
        tls: Option<ServerTls>,
        app: App,
    ) -> io::Result<()> {
        if let Some(listener) = listener {
            tracing::info!(listener = name, addr = %listener.local_addr()?, tls = tls.is_some(), "listening");
            let listener = Listener { tcp: listener, tls };
            self.tasks
                .spawn(serve(name, listener, app, self.lifecycle.clone(), self.limits));
        }
        Ok(())
    }

    /// Waits until all of them have drained.
    pub async fn ended(self) {
        self.tasks.join_all().await;
    }
}
