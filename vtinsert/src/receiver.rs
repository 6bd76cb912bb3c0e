//! The way of every request, whatever protocol it came by: wait for a place, decompress, turn JSON into protobuf,
//! validate, hand the batch to the sink. It knows neither HTTP nor gRPC.

use crate::admission::{Admission, Reservation};
use crate::body::BodyLimits;
use crate::config::{InsertConfig, TimeWindow};
use crate::decompress::Encoding;
use crate::error::InsertError;
use crate::metrics::{self, DropMetrics, ProtocolMetrics};
use crate::otlp;
use crate::otlp::validate::{Rejections, SpanLimits, Validated, Validator};
use bytes::Bytes;
use common::contract::{BatchWrite, SpanSink, WriteError};
use common::http::{Lifecycle, Phase};
use common::ids::{RequestId, TenantId};
use common::otlp::json;
use common::tenancy::Quotas;
use common::time::UnixNanos;
use std::sync::Arc;
use tonic_health::ServingStatus;

/// Bodies up to these sizes are worked on where they arrive (well under a millisecond); larger and compressed ones,
/// whose plain size is not known, go to a thread that may block.
const INLINE_PROTOBUF: usize = 1 << 20;
const INLINE_JSON: usize = 64 << 10;

/// Takes requests of all protocols and hands their spans to one sink.
pub struct Receiver {
    sink: Arc<dyn SpanSink>,
    window: Box<dyn Fn() -> TimeWindow + Send + Sync>,
    limits: SpanLimits,
    body_limits: BodyLimits,
    admission: Admission,
    quotas: Option<Arc<Quotas>>,
    drops: DropMetrics,
}

/// A request whose body has arrived.
pub(crate) struct Delivery {
    pub tenant: TenantId,
    pub format: Format,
    pub encoding: Encoding,
    pub body: Bytes,
    /// Holds the memory of `body` and of what is made of it
    pub memory: Reservation,
}

/// How a body says its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json,
}

/// A request ready to be written.
struct Prepared {
    validated: Validated,
    request_id: RequestId,
    /// Size of the body after decompression
    bytes: u64,
    /// To be held until it is written
    memory: Reservation,
}

impl Receiver {
    /// Spans must start within `window` of the wall clock. Metrics go to the recorder installed at this time.
    pub fn new(config: InsertConfig, window: TimeWindow, sink: Arc<dyn SpanSink>) -> Arc<Self> {
        Self::with_window(config, move || window, sink, None)
    }

    /// The same with a window that may change: it is asked for with each request. And with limits of tenants, if given.
    pub fn with_window(
        config: InsertConfig,
        window: impl Fn() -> TimeWindow + Send + Sync + 'static,
        sink: Arc<dyn SpanSink>,
        quotas: Option<Arc<Quotas>>,
    ) -> Arc<Self> {
        metrics::describe();
        let requests = usize::try_from(config.insert_max_concurrent).unwrap_or(usize::MAX);
        Arc::new(Self {
            sink,
            window: Box::new(window),
            limits: SpanLimits {
                max_attributes: usize::try_from(config.insert_max_attributes).unwrap_or(usize::MAX),
                max_value_depth: usize::from(config.insert_max_value_depth),
                max_key_length: config.insert_max_key_length.as_usize(),
            },
            body_limits: BodyLimits {
                size: config.insert_max_request_size,
                time: config.insert_read_timeout,
            },
            admission: Admission::new(
                requests,
                config.memory(),
                config.insert_max_queue_duration.as_duration(),
            ),
            quotas,
            drops: DropMetrics::new(),
        })
    }

    /// OTLP/HTTP at `/insert/opentelemetry/v1/traces` and `/v1/traces`.
    pub fn http_router(self: &Arc<Self>) -> axum::Router {
        otlp::http::router(self.clone())
    }

    /// OTLP/gRPC, for a tonic `Server` or `Routes`.
    pub fn grpc_service(self: &Arc<Self>) -> otlp::grpc::TraceService {
        otlp::grpc::TraceService::new(self.clone())
    }

    /// OTLP/gRPC with the service `grpc.health.v1.Health`, which says that it serves until `lifecycle` comes to its end.
    pub async fn grpc_routes(self: &Arc<Self>, lifecycle: &Lifecycle) -> tonic::service::Routes {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_serving::<otlp::grpc::TraceService>().await;
        let lifecycle = lifecycle.clone();
        tokio::spawn(async move {
            lifecycle.reached(Phase::Leaving).await;
            reporter.set_not_serving::<otlp::grpc::TraceService>().await;
            reporter.set_service_status("", ServingStatus::NotServing).await;
        });
        tonic::service::Routes::new(health).add_service(self.grpc_service())
    }

    pub(crate) fn body_limits(&self) -> BodyLimits {
        self.body_limits
    }

    pub(crate) fn reservation(&self) -> Reservation {
        self.admission.reservation()
    }

    /// Stores the good spans of a request; the bad ones are told of in the answer.
    pub(crate) async fn deliver(
        &self,
        delivery: Delivery,
        counts: &ProtocolMetrics,
    ) -> Result<Rejections, InsertError> {
        let tenant = delivery.tenant;
        if let Some(quotas) = &self.quotas {
            quotas.may_write(tenant)?;
        }
        let _slot = self.admission.slot().await?;
        let validator = Validator::new(self.limits, (self.window)().around(UnixNanos::now()));
        let limit = self.body_limits.size.as_usize();
        let prepared = if delivery.is_small() {
            delivery.prepare(&validator, limit)?
        } else {
            tokio::task::spawn_blocking(move || delivery.prepare(&validator, limit))
                .await
                .map_err(|error| WriteError::Unavailable(error.to_string()))??
        };
        let Validated {
            otlp,
            spans,
            rejections,
        } = prepared.validated;
        if let Some(quotas) = &self.quotas {
            quotas.wrote(tenant, spans, prepared.bytes);
        }
        if spans > 0 {
            self.sink
                .write(BatchWrite {
                    tenant,
                    request_id: prepared.request_id,
                    otlp,
                })
                .await?;
        }
        drop(prepared.memory);
        counts.ingested(spans, prepared.bytes);
        self.drops.add(&rejections);
        Ok(rejections)
    }
}

impl Delivery {
    fn is_small(&self) -> bool {
        let most = match self.format {
            Format::Protobuf => INLINE_PROTOBUF,
            Format::Json => INLINE_JSON,
        };
        self.encoding == Encoding::Identity && self.body.len() <= most
    }

    /// Everything that takes processor time. `limit` is the largest plain size.
    fn prepare(mut self, validator: &Validator, limit: usize) -> Result<Prepared, InsertError> {
        let plain = self.encoding.decompress(self.body, limit, &mut self.memory)?;
        let bytes = plain.len() as u64;
        let message = match self.format {
            Format::Protobuf => plain,
            Format::Json => {
                self.memory.try_add(plain.len())?;
                Bytes::from(json::to_protobuf(&plain).map_err(|error| bad_request("JSON", &error))?)
            }
        };
        let validated = validator
            .validate(message)
            .map_err(|error| bad_request("protobuf", &error))?;
        let request_id = RequestId::of(self.tenant, &validated.otlp);
        Ok(Prepared {
            validated,
            request_id,
            bytes,
            memory: self.memory,
        })
    }
}

fn bad_request(format: &str, error: &dyn std::error::Error) -> InsertError {
    InsertError::BadRequest(format!("not an OTLP trace request in {format}: {error}"))
}
