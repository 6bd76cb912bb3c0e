"""What the Jaeger API must answer for spans of the OpenTelemetry SDK, worked out from the SDK's own objects.

The mapping is that of the OpenTelemetry Collector's translator to Jaeger. Both sides are brought into one form: a list
of spans by their ids, each with its process in the place of the process's id.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

MAX_SAFE_INTEGER = 2**53 - 1
NO_SERVICE = "OTLPResourceNoServiceName"


class JsonText:
    """Equals every text that is the JSON of a value: white space and the notation of numbers are free."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, text):
        return isinstance(text, str) and alike(json.loads(text), self.value)

    def __repr__(self):
        return f"JsonText({self.value!r})"


def alike(a, b):
    """Equality that tells true from 1."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def trace_id_text(number):
    """Ids whose upper half is zero are shown with 16 digits."""
    return f"{number:016x}" if number < 2**64 else f"{number:032x}"


def span_id_text(number):
    return f"{number:016x}"


def tag(key, value):
    kind, shown = typed(value)
    return {"key": key, "type": kind, "value": shown}


def typed(value):
    match value:
        case None:
            return "string", ""
        case bool():
            return "bool", value
        case int():
            return "int64", value if abs(value) <= MAX_SAFE_INTEGER else str(value)
        case float():
            return "float64", value if math.isfinite(value) else not_finite(value)
        case str():
            return "string", value
        case bytes():
            return "binary", base64.b64encode(value).decode()
        case _:
            return "string", JsonText(plain(value))


def plain(value):
    """As it is read back from JSON."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite(value)
    return value


def not_finite(number):
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"


def tags(attributes, raw):
    """In the order in which they were set, or by key."""
    items = (attributes or {}).items()
    return [tag(key, value) for key, value in (items if raw else sorted(items, key=lambda item: item[0]))]


def expected(span: ReadableSpan, raw: bool):
    """The span as the API shows it, `raw` or with the API's repairs, of which these spans need the sorting alone."""
    context = span.get_span_context()
    events = span.events if raw else sorted(span.events, key=lambda event: event.timestamp)
    return {
        "traceID": trace_id_text(context.trace_id),
        "spanID": span_id_text(context.span_id),
        "operationName": span.name,
        "references": references(span),
        "startTime": span.start_time // 1000,
        "duration": (span.end_time - span.start_time) // 1000,
        "tags": span_tags(span, raw),
        "logs": [{"timestamp": event.timestamp // 1000, "fields": event_fields(event, raw)} for event in events],
        "process": process(span.resource, raw),
        "warnings": None,
    }


def span_tags(span, raw):
    scope, status, state = span.instrumentation_scope, span.status, span.get_span_context().trace_state
    shown = []
    if scope and scope.name:
        shown.append(tag("otel.scope.name", scope.name))
    if scope and scope.version:
        shown.append(tag("otel.scope.version", scope.version))
    shown += tags(span.attributes, raw)
    # The SDK knows no span without a kind.
    shown.append(tag("span.kind", kind_text(span.kind)))
    if status.status_code is not StatusCode.UNSET:
        shown.append(tag("otel.status_code", status.status_code.name))
    if status.status_code is StatusCode.ERROR:
        shown.append(tag("error", True))
    if status.description:
        shown.append(tag("otel.status_description", status.description))
    if state:
        shown.append(tag("w3c.tracestate", state.to_header()))
    return shown


def kind_text(kind: SpanKind):
    return kind.name.lower()


def event_fields(event, raw):
    named = event.name and "event" not in (event.attributes or {})
    return ([tag("event", event.name)] if named else []) + tags(event.attributes, raw)


def references(span):
    context, parent, shown = span.get_span_context(), span.parent, []

    def reference(kind, trace_id, span_id):
        return {"refType": kind, "traceID": trace_id_text(trace_id), "spanID": span_id_text(span_id)}

    def is_parent(link):
        return parent and (link.context.trace_id, link.context.span_id) == (context.trace_id, parent.span_id)

    def kind_of(link):
        return "CHILD_OF" if (link.attributes or {}).get("opentracing.ref_type") == "child_of" else "FOLLOWS_FROM"

    if parent:
        # A link to the parent tells what kind of reference that is.
        kinds = [kind_of(link) for link in span.links if is_parent(link)]
        shown.append(reference(kinds[-1] if kinds else "CHILD_OF", context.trace_id, parent.span_id))
    for link in span.links:
        if not is_parent(link):
            shown.append(reference(kind_of(link), link.context.trace_id, link.context.span_id))
    return shown


def process(resource, raw):
    attributes = dict(resource.attributes)
    service = attributes.pop("service.name", "") if attributes else NO_SERVICE
    return {"serviceName": service, "tags": tags(attributes, raw)}


def answered(trace):
    """The spans of a trace of an answer, by id."""
    assert set(trace) == {"traceID", "spans", "processes", "warnings"} and trace["warnings"] is None
    spans = []
    for span in sorted(trace["spans"], key=lambda span: span["spanID"]):
        assert span["traceID"] == trace["traceID"]
        span = dict(span)
        span["process"] = trace["processes"][span.pop("processID")]
        for shown in (span["tags"], span["process"]["tags"], *(log["fields"] for log in span["logs"])):
            for one in shown:
                check_json_type(one)
        spans.append(span)
    used = {span["processID"] for span in trace["spans"]}
    assert used == set(trace["processes"]) == {f"p{n}" for n in range(1, len(used) + 1)}
    return spans


def check_json_type(shown):
    """The value's type in JSON must be what its `type` says; Python's comparison takes true for 1 and 1 for 1.0."""
    value = shown["value"]
    match shown["type"]:
        case "string" | "binary":
            fits = isinstance(value, str)
        case "bool":
            fits = isinstance(value, bool)
        case "int64":
            # As text where JavaScript would lose digits.
            fits = isinstance(value, str) if abs(int(value)) > MAX_SAFE_INTEGER else type(value) is int
        case "float64":
            fits = type(value) in (int, float) or value in ("NaN", "+Inf", "-Inf")
        case _:
            fits = False
    assert fits, shown
