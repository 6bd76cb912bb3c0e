//! OpenTelemetry's protocol: OTLP/HTTP and OTLP/gRPC, JSON, and the validation of spans.

pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod response;
pub mod validate;
