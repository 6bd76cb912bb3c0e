"""Services that send spans with the OpenTelemetry SDK, and remember what they sent."""

from collections import defaultdict

from backend import Backend
from grpc import Compression as GrpcCompression
from jaeger_form import answered, expected, trace_id_text
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

# The ways in which the SDK can send.
TRANSPORTS = {
    "grpc": lambda backend, headers: GrpcExporter(backend.grpc, insecure=True, headers=headers),
    "grpc-gzip": lambda backend, headers: GrpcExporter(
        backend.grpc, insecure=True, headers=headers, compression=GrpcCompression.Gzip
    ),
    "http": lambda backend, headers: HttpExporter(f"{backend.url}/v1/traces", headers=headers),
    "http-gzip": lambda backend, headers: HttpExporter(
        f"{backend.url}/insert/opentelemetry/v1/traces", headers=headers, compression=Compression.Gzip
    ),
    "http-deflate": lambda backend, headers: HttpExporter(
        f"{backend.url}/v1/traces", headers=headers, compression=Compression.Deflate
    ),
}


class Acknowledged(SpanExporter):
    """Passes spans on, and keeps those that the receiver has acknowledged."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.spans = []
        self.refused = 0

    def export(self, spans):
        result = self.exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.spans.extend(spans)
        else:
            self.refused += len(spans)
        return result

    def shutdown(self):
        self.exporter.shutdown()

    def force_flush(self, timeout_millis=30000):
        return self.exporter.force_flush(timeout_millis)


class Service:
    """A process as the backend sees it: one resource, one exporter."""

    def __init__(self, backend: Backend, transport: str, resource: Resource, headers=None, id_generator=None):
        self.acknowledged = Acknowledged(TRANSPORTS[transport](backend, headers))
        self.provider = TracerProvider(resource=resource, id_generator=id_generator, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(self.acknowledged))

    def tracer(self, name="e2e", *args, **kwargs):
        return self.provider.get_tracer(name, *args, **kwargs)

    def send(self):
        """Returns when all ended spans are acknowledged, with all that ever were."""
        assert self.provider.force_flush()
        assert self.acknowledged.refused == 0
        return list(self.acknowledged.spans)


def compare(backend: Backend, spans):
    """Reads the traces of `spans` back, which must be all of those traces, and compares everything in them."""
    traces = defaultdict(list)
    for span in spans:
        traces[span.get_span_context().trace_id].append(span)
    for number, sent in traces.items():
        sent.sort(key=lambda span: span.get_span_context().span_id)
        for raw in (True, False):
            assert answered(backend.trace(trace_id_text(number), raw)) == [expected(span, raw) for span in sent]


def compare_before_and_after_writing(backend: Backend, spans):
    """As `compare`: at once, while the spans are in memory, and when they are in blocks."""
    compare(backend, spans)
    backend.write_blocks()
    compare(backend, spans)
