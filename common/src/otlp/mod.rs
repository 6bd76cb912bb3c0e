//! OTLP protobuf bytes (opentelemetry-proto 1.x, `trace/v1/trace.proto`), read without building messages: a field
//! walker ([`wire`]), short ways for what is usual ([`glance`]) and views that borrow from the request ([`view`]);
//! [`write`](mod@write) is the way back.
//! [`decode`] makes owned spans where speed does not matter, [`json`] the bytes of OTLP/JSON.

pub mod decode;
pub mod glance;
pub mod json;
pub mod view;
pub mod wire;
pub mod write;
