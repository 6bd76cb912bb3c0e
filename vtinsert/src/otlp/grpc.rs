//! OTLP/gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! The frames of gRPC (github.com/grpc/grpc, "gRPC over HTTP2") are read here and not by tonic: a unary call is five
//! bytes and a message, the message stays the bytes it came in, decompression happens off the async threads within
//! the memory budget, and bad data is INVALID_ARGUMENT where tonic answers INTERNAL.

use super::response;
use super::validate::Rejections;
use crate::body::{self, BodyLimits};
use crate::decompress::{ACCEPTED, Encoding};
use crate::error::InsertError;
use crate::metrics::{PathMetrics, ProtocolMetrics};
use crate::receiver::{Delivery, Format, Receiver};
use crate::rpc_status::RpcStatus;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use common::config::ByteSize;
use common::tenancy::tenant_of;
use futures::future::BoxFuture;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use prost::Message;
use std::convert::Infallible;
use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};

const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Flag and length before each message
const PREFIX: usize = 5;

/// The service, for a tonic `Server` or `Routes`. Cheap to clone.
#[derive(Clone)]
pub struct TraceService(Arc<Inner>);

struct Inner {
    receiver: Arc<Receiver>,
    path: PathMetrics,
    counts: ProtocolMetrics,
}

impl TraceService {
    pub(crate) fn new(receiver: Arc<Receiver>) -> Self {
        let counts = ProtocolMetrics::new(PATH, "opentelemetry_traces_otlpgrpc", "protobuf");
        Self(Arc::new(Inner {
            receiver,
            path: PathMetrics::new(PATH),
            counts,
        }))
    }
}

impl NamedService for TraceService {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl<B> tower::Service<Request<B>> for TraceService
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Display + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}

impl Inner {
    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Display,
    {
        if !is_grpc(request.headers()) || request.method() != Method::POST {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        if request.uri().path() != PATH {
            return Status::unimplemented("unknown method: only Export is known").into_http();
        }
        let started = Instant::now();
        self.counts.request();
        let outcome = self.export(request).await;
        self.path.answered(started.elapsed(), outcome.is_err());
        match outcome {
            Ok(rejections) => success(&response::protobuf(&rejections)),
            Err(error) => {
                super::http::log(PATH, &error);
                failure(&error)
            }
        }
    }

    async fn export<B>(&self, request: Request<B>) -> Result<Rejections, InsertError>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Display,
    {
        let (head, body) = request.into_parts();
        let tenant = tenant_of(&head.headers)?;
        let encoding = Encoding::from_header(head.headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes))?;
        let limits = self.receiver.body_limits();
        let frame_limits = BodyLimits {
            size: ByteSize::new(limits.size.bytes().saturating_add(PREFIX as u64)),
            ..limits
        };
        let mut memory = self.receiver.reservation();
        let frame = body::read(pin!(body), frame_limits, &mut memory)
            .await
            .map_err(|error| match error {
                InsertError::TooLarge { what, .. } => InsertError::TooLarge {
                    what,
                    limit: limits.size,
                },
                error => error,
            })?;
        let (is_compressed, body) = message(frame)?;
        let encoding = if is_compressed { encoding } else { Encoding::Identity };
        let delivery = Delivery {
            tenant,
            format: Format::Protobuf,
            encoding,
            body,
            memory,
        };
        self.receiver.deliver(delivery, &self.counts).await
    }
}

/// `application/grpc`, with or without `+proto` and parameters.
fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    matches!(essence, b"application/grpc" | b"application/grpc+proto")
}

/// The single message of a unary call, and whether it is compressed.
fn message(mut frame: Bytes) -> Result<(bool, Bytes), InsertError> {
    let bad = |what: String| InsertError::BadRequest(format!("bad gRPC frame: {what}"));
    let (flag, len) = match frame.first_chunk::<PREFIX>() {
        Some([flag, len @ ..]) => (*flag, u32::from_be_bytes(*len)),
        None => return Err(bad(format!("{} bytes instead of a message", frame.len()))),
    };
    let body = frame.split_off(PREFIX);
    if body.len() as u64 != u64::from(len) {
        return Err(bad(format!(
            "{} bytes instead of one message of {len} bytes",
            body.len()
        )));
    }
    match flag {
        0 => Ok((false, body)),
        1 => Ok((true, body)),
        _ => Err(bad(format!("unknown compression flag {flag}"))),
    }
}

fn success(message: &[u8]) -> Response<Body> {
    let mut frame = Vec::with_capacity(PREFIX + message.len());
    frame.push(0);
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or_default().to_be_bytes());
    frame.extend_from_slice(message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(Code::Ok as i32))]);
    let frames = [Frame::data(Bytes::from(frame)), Frame::trailers(trailers)];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn failure(error: &InsertError) -> Response<Body> {
    let verdict = error.verdict();
    let details = match verdict.retry_after {
        Some(_) => Bytes::from(RpcStatus::of(error).encode_to_vec()),
        None => Bytes::new(),
    };
    let mut response: Response<Body> = Status::with_details(verdict.grpc, error.to_string(), details).into_http();
    if verdict.grpc == Code::Unimplemented {
        response
            .headers_mut()
            .insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_taken_as_it_is() {
        let (is_compressed, body) = message(Bytes::from_static(b"\x01\0\0\0\x03abc")).unwrap();
        assert_eq!((is_compressed, &*body), (true, &b"abc"[..]));
        assert_eq!(message(Bytes::from_static(&[0; 5])).unwrap(), (false, Bytes::new()));
    }

    #[test]
    fn anything_else_is_a_bad_request() {
        for frame in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x03ab",
            b"\0\0\0\0\x01abc",
            b"\x02\0\0\0\0",
            b"\0\xff\xff\xff\xff",
        ] {
            assert!(
                matches!(message(Bytes::copy_from_slice(frame)), Err(InsertError::BadRequest(_))),
                "{frame:?}"
            );
        }
    }
}
