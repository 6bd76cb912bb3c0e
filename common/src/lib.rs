//! What all roles share: the domain (span, trace id, tenant, time range, attribute value), the query plan, the
//! contracts between roles ([`contract::SpanSink`], [`contract::SpanSource`]), the OTLP wire reader, configuration
//! and telemetry. It knows no storage engine, no consensus library and no listener.

pub mod access;
pub mod cluster;
pub mod config;
pub mod contract;
pub mod http;
pub mod ids;
pub mod memory;
pub mod otlp;
pub mod process;
pub mod query;
pub mod reload;
pub mod rpc;
pub mod span;
pub mod telemetry;
pub mod tenancy;
pub mod time;
pub mod tls;
pub mod value;
pub mod wire;
