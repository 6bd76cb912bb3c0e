//! Receivers of spans: OTLP over HTTP and gRPC. They turn whatever a client sends into OTLP protobuf bytes, judge every
//! span once ([`validate`](otlp::validate)) and hand the batch to a [`common::contract::SpanSink`]. They know neither
//! how spans are stored nor how they are queried.
//!
//! A composition root builds one [`Receiver`] and mounts [`Receiver::http_router`] and [`Receiver::grpc_service`]. That of
//! the program `vtinsert`, whose sink is a cluster, is [`node`].

mod admission;
mod body;
pub mod cluster;
mod config;
mod decompress;
mod error;
mod metrics;
pub mod node;
pub mod otlp;
mod receiver;
mod rpc_status;

pub use config::{InsertConfig, TimeWindow};
pub use error::{InsertError, Verdict};
pub use otlp::NEEDS;
pub use otlp::grpc::TraceService;
pub use receiver::Receiver;
pub use rpc_status::{Detail, RetryDelay, RetryInfo, RpcStatus};
