//! The part of a program between its start and its end that all programs share: servers with operational paths, and an
//! orderly end on a signal.

use super::{SetupError, Termination, leave_on_signal};
use crate::access::{Access, Gate, Needs};
use crate::config::EffectiveFlags;
use crate::http::{
    App, HttpConfig, Lifecycle, OPERATIONAL_NEEDS, Operational, PathPrefix, Phase, Servers, operational_router,
};
use crate::reload::Live;
use crate::telemetry::Metrics;
use crate::tenancy::Tenants;
use crate::tls::ServerTls;
use axum::Router;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A program that serves until it is told to end.
pub struct Service {
    termination: Termination,
    operational: Operational,
    prefix: PathPrefix,
    shutdown_delay: Duration,
    tls: Option<ServerTls>,
    access: Access,
    tenants: Option<Live<Tenants>>,
    servers: Servers,
    upkeep: JoinHandle<()>,
}

impl Service {
    /// Takes over the process's signals; serves nothing yet. With `tls`, the first socket speaks nothing else. To be called
    /// within a runtime.
    ///
    /// # Errors
    /// When the system refuses a signal handler, or the file of users is missing or bad.
    pub fn new(
        config: &HttpConfig,
        tls: Option<ServerTls>,
        lifecycle: Lifecycle,
        flags: EffectiveFlags,
        metrics: Metrics,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            termination: Termination::listen()?,
            prefix: config.http_path_prefix.clone(),
            shutdown_delay: config.http_shutdown_delay.as_duration(),
            tls,
            access: config.access.access()?,
            tenants: None,
            servers: Servers::new(lifecycle.clone(), config.connection_limits()),
            upkeep: tokio::spawn(metrics.clone().upkeep()),
            operational: Operational {
                lifecycle,
                metrics,
                flags: Arc::new(flags),
            },
        })
    }

    /// The phases of the process.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.operational.lifecycle
    }

    /// Lets requests name tenants as in `tenants`, if given.
    pub fn set_tenants(&mut self, tenants: Option<Live<Tenants>>) {
        self.tenants = tenants;
    }

    /// Serves `routes`, whose paths need `needs`, and the operational paths on the program's first socket, if that is
    /// switched on.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn serve(&mut self, listener: Option<TcpListener>, routes: Router, needs: Needs) -> io::Result<()> {
        let routes = operational_router(self.operational.clone()).merge(routes);
        let app = App::new(routes, self.prefix.clone()).behind(self.gate(needs));
        self.servers.start("http", listener, self.tls.clone(), app)
    }

    /// Serves `routes`, which answer for all paths in their own way and need `needs`, on another socket, if that is switched
    /// on.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn serve_bare(
        &mut self,
        name: &'static str,
        listener: Option<TcpListener>,
        tls: Option<ServerTls>,
        routes: Router,
        needs: Needs,
    ) -> io::Result<()> {
        let app = App::bare(routes).behind(self.gate(needs));
        self.servers.start(name, listener, tls, app)
    }

    fn gate(&self, needs: Needs) -> Option<Gate> {
        self.access.gate(needs.and(OPERATIONAL_NEEDS), self.tenants.clone())
    }

    /// Waits for SIGTERM or SIGINT, and then until load balancers have noticed.
    pub async fn signalled(&mut self) {
        leave_on_signal(&mut self.termination, &self.operational.lifecycle, self.shutdown_delay).await;
    }

    /// Takes no more connections, and waits until requests under way are answered.
    pub async fn end(self) {
        self.operational.lifecycle.enter(Phase::Draining);
        self.servers.ended().await;
        self.upkeep.abort();
    }
}
