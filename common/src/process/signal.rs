//! The signals that end the process.

use crate::http::{Lifecycle, Phase};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM (service managers, Kubernetes) and SIGINT (Ctrl-C). From the moment it is made neither kills the process.
pub struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    /// # Errors
    /// When the system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Waits for a signal, then asks load balancers to go elsewhere for `delay` before the servers drain; a second signal
/// cuts that wait short.
pub async fn leave_on_signal(termination: &mut Termination, lifecycle: &Lifecycle, delay: Duration) {
    let signal = termination.next().await;
    tracing::info!(signal, ?delay, "shutting down");
    lifecycle.enter(Phase::Leaving);
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        _ = termination.next() => {}
    }
    lifecycle.enter(Phase::Draining);
}
