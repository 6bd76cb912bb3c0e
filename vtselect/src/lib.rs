//! Stateless query side: front APIs, one folder each, translate to query plans and back; [`query`] runs the plans on
//! a [`common::contract::SpanSource`]. It knows no storage engine and no other role.

mod config;
pub mod http;
pub mod jaeger;
pub mod logsql;
pub mod query;
mod router;

pub use config::SelectConfig;
pub use router::http_router;
