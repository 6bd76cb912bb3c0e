//! Stateless query side: front APIs, one folder each, translate to query plans and back; [`query`] runs the plans on
//! a [`common::contract::SpanSource`]. It knows no storage engine and no other role. The program `vtselect`, whose source
//! is a cluster, is put together in [`node`].

mod config;
pub mod http;
pub mod jaeger;
pub mod logsql;
pub mod node;
pub mod query;
mod router;

pub use config::SelectConfig;
pub use router::{NEEDS, http_router, router_with_quotas};
