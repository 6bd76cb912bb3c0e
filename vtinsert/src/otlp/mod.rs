//! OpenTelemetry's protocol: OTLP/HTTP and OTLP/gRPC, JSON, and the validation of spans.

pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod response;
pub mod validate;

use common::access::{Need, Right};

/// What the receivers' paths need.
pub const NEEDS: &[(&str, Need)] = &[
    ("/insert", Need::Right(Right::Insert)),
    ("/insert/ready", Need::Health),
    ("/v1/traces", Need::Right(Right::Insert)),
    (
        "/opentelemetry.proto.collector.trace.v1.TraceService",
        Need::Right(Right::Insert),
    ),
];
