//! What every binary's HTTP server has in common: operational paths, paths' normal form, request metrics, serving with
//! a graceful end.
//!
//! A binary binds the sockets ([`bind`]), merges the routers of its parts into one [`App`], and starts a server for each
//! socket ([`Servers`]).
//! HTTP/1 and HTTP/2 with prior knowledge (so gRPC too) are told apart per connection. It knows no path of any API and
//! nothing of spans.

mod app;
mod config;
mod count;
mod lifecycle;
mod listen;
mod operational;
mod path;
mod serve;
mod servers;
mod stream;
#[cfg(test)]
mod tests;

pub use app::App;
pub use config::HttpConfig;
pub use count::count_requests;
pub use lifecycle::{Lifecycle, Phase};
pub use listen::bind;
pub use operational::{OPERATIONAL_NEEDS, Operational, operational_router};
pub use path::{PathPrefix, PathPrefixError};
pub use serve::{ConnectionLimits, Listener, serve};
pub use servers::Servers;
