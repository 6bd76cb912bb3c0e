"""The OpenTelemetry SDK for Python, by each of its ways to send: what it sends is read back as soon as the export is
acknowledged, without a wait, with every attribute and its type; and again when it is in blocks."""

import threading
import time

import pytest
from backend import Backend
from jaeger_form import trace_id_text
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sending import Service, compare, compare_before_and_after_writing

VALUES = {
    "str": "plain",
    "str.empty": "",
    "str.unicode": "Grüße, 世界 🚀 עברית \u2028 e\u0301",
    "str.quotes": "\"double\" 'single' \\back\\slash\\ <html> & {json: [1]}",
    "str.control": "tab\tnewline\r\nbell\x07null\x00end\x7f",
    "str.number": "123",
    "str.bool": "true",
    "str.spaces": "  kept  ",
    "str.long": "long " * 20_000,
    "int": 42,
    "int.zero": 0,
    "int.negative": -7,
    "int.safe": 2**53 - 1,
    "int.unsafe": 2**53,
    "int.unsafe.negative": -(2**53) - 1,
    "int.max": 2**63 - 1,
    "int.min": -(2**63),
    "bool.true": True,
    "bool.false": False,
    "float": 72.5,
    "float.whole": 3.0,
    "float.zero": 0.0,
    "float.third": 1 / 3,
    "float.tenth": 0.1,
    "float.huge": 1.7976931348623157e308,
    "float.tiny": 5e-324,
    "float.negative": -2.5e-9,
    "float.nan": float("nan"),
    "float.inf": float("inf"),
    "float.minus.inf": float("-inf"),
    "bytes": b"\x00\x01\xfe\xff",
    "bytes.empty": b"",
    "none": None,
    "strs": ["a", "", 'ü"\\'],
    "ints": [1, 0, -1, 2**63 - 1],
    "bools": [True, False],
    "floats": [1.5, 2.0, -0.25, 1e300],
    "empty": [],
    "mixed": ["a", 1, True, 2.5, None, b"\x00", float("nan")],
    "nested": [[1, [2, []]], {"deep": {"er": ["x"]}}],
    "map": {"string": "s", "int": 1, "bool": False, "float": 0.5, "list": [1, "two"], "map": {"k.k": None}},
    "map.empty": {},
    'ключ 🔑 with "quotes" and spaces': "key",
    "UPPER.case": "key",
    "upper.case": "another key",
    "k" * 1000: "long key",
    "error": "not the status",
    "span.kind.mine": "no kind",
}


def test_attributes_of_all_types_at_all_places(backend, new_service, service_name):
    service = new_service(Resource({"service.name": service_name, **VALUES}, schema_url="https://example.test/1"))
    tracer = service.tracer("scope", "1.2.3", "https://example.test/2", {"scope.attribute": "x"})
    with tracer.start_as_current_span("all", attributes=VALUES) as span:
        span.add_event("all", VALUES)
        span.add_link(remote_context(), VALUES)
    compare_before_and_after_writing(backend, service.send())


def test_each_attribute_by_itself(backend, service):
    """Columns of blocks are made differently where a key has one type only, or several."""
    for key, value in VALUES.items():
        for name, attributes in (("one type", {key: value}), ("any type", {"any": value})):
            service.tracer().start_span(name, attributes=attributes).end()
    compare_before_and_after_writing(backend, service.send())


def test_a_large_request(backend, service, service_name):
    """Beyond the 4 MiB that gRPC's libraries take by default."""
    big = "0123456789abcdef" * (1 << 18)
    span = service.tracer().start_span("big", attributes={"big": big, "small": 1})
    span.add_event("big", {"big": big[1:]})
    span.end()
    compare_before_and_after_writing(backend, service.send())
    assert backend.search(service_name, {"small": "1"}) == [trace_id_text(span.get_span_context().trace_id)]


def test_spans_with_nothing_but_a_name(backend, service, complaints):
    service.tracer("").start_span("").end()
    assert complaints.pop().startswith("get_tracer called with missing module name")
    service.tracer().start_span('Ünïcödé / 操作 "quoted" {id}').end()
    compare_before_and_after_writing(backend, service.send())


def test_resources_without_a_service(backend, new_service):
    for attributes in ({}, {"host.name": "h"}, {"service.name": ""}):
        service = new_service(Resource(attributes))
        service.tracer().start_span("s").end()
        compare_before_and_after_writing(backend, service.send())


def test_kinds_and_statuses(backend, service, service_name):
    statuses = [
        Status(StatusCode.UNSET),
        Status(StatusCode.OK),
        Status(StatusCode.ERROR),
        Status(StatusCode.ERROR, "it broke: ünïcödé"),
    ]
    with service.tracer().start_as_current_span("root"):
        for kind in SpanKind:
            for status in statuses:
                with service.tracer().start_as_current_span(f"op {kind.name}", kind=kind) as span:
                    span.set_status(status)
    compare_before_and_after_writing(backend, service.send())
    assert service_name in backend.services()
    operations = {(f"op {kind.name}", kind.name.lower()) for kind in SpanKind} | {("root", "internal")}
    assert backend.operations(service_name) == operations
    shown = backend.jaeger("operations", {"service": service_name, "spanKind": "server"})
    assert shown == [{"name": "op SERVER", "spanKind": "server"}]
    assert set(backend.jaeger(f"services/{service_name}/operations")) == {name for name, _ in operations}


def test_events_and_exceptions(backend, service):
    class Refused(Exception):
        pass

    now = time.time_ns()
    with pytest.raises(Refused), service.tracer().start_as_current_span("raises", start_time=now):
        raise Refused("no ünïcödé\nhere")
    with service.tracer().start_as_current_span("events", start_time=now) as span:
        span.add_event("late", {"n": 1}, timestamp=now + 5_000_999)
        span.add_event("early", {"z": 1, "a": "first by key"}, timestamp=now + 1_001)
        span.add_event("early", timestamp=now + 1_001)
        span.add_event("", {"nameless": True}, timestamp=now + 2_000_000)
        span.add_event("hidden by an attribute", {"event": "shown"}, timestamp=now + 2_500_000)
        try:
            {}["missing"]
        except KeyError as error:
            span.record_exception(error, {"exception.mine": 1.5}, timestamp=now + 3_000_000)
    compare_before_and_after_writing(backend, service.send())


def test_links(backend, service, service_name):
    other, child_of = remote_context(), {"opentracing.ref_type": "child_of"}
    with service.tracer().start_as_current_span("parent") as parent:
        here = parent.get_span_context()
        links = [
            Link(other),
            Link(other, {"why": "again", "n": 1, "ratio": 0.5, "list": [1, 2]}),
            Link(remote_context(trace_id=0xABC), child_of),
        ]
        with service.tracer().start_as_current_span("linked", links=links):
            pass
        with service.tracer().start_as_current_span("follows its parent", links=[Link(here, {"k": "v"})]):
            pass
        with service.tracer().start_as_current_span("child by link too", links=[Link(here, child_of)]):
            pass
        service.tracer().start_span("many links", links=[Link(remote_context(), {"n": n}) for n in range(100)]).end()
    compare_before_and_after_writing(backend, service.send())
    # Attributes of links are not shown, but found.
    found = [trace_id_text(here.trace_id)]
    for tags in ({"why": "again"}, {"n": "99"}, {"ratio": "0.5"}, {"opentracing.ref_type": "child_of"}):
        assert backend.search(service_name, tags) == found, tags
    assert backend.search(service_name, {"why": "never"}) == []


def test_a_link_without_a_trace_is_kept_and_left_out_of_repaired_answers(backend, service):
    nowhere = SpanContext(0, 0, is_remote=True)
    span = service.tracer().start_span("s", links=[Link(nowhere, {"kept": "for its attributes"})])
    span.end()
    [sent] = service.send()
    assert len(sent.links) == 1
    trace_id = trace_id_text(span.get_span_context().trace_id)
    for _ in range(2):
        [raw] = backend.trace(trace_id, raw=True)["spans"]
        assert [reference["refType"] for reference in raw["references"]] == ["FOLLOWS_FROM"]
        [repaired] = backend.trace(trace_id)["spans"]
        assert repaired["references"] == [] and repaired["warnings"] == ["Invalid span link removed"]
        backend.write_blocks()


def test_a_trace_through_three_services(backend, new_service, service_name):
    """Contexts travel in headers, with a trace state; each service exports for itself, the callee first."""
    names = [f"{service_name}-{role}" for role in ("web", "orders", "database")]
    services = [new_service(Resource.create({"service.name": name, "tier": i})) for i, name in enumerate(names)]
    web, orders, database = services
    propagator = TraceContextTextMapPropagator()
    incoming = {
        "traceparent": f"00-{RandomIdGenerator().generate_trace_id():032x}-00f067aa0ba902b7-01",
        "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    }
    with web.tracer().start_as_current_span("GET /", propagator.extract(incoming), SpanKind.SERVER) as root:
        for _ in range(2):
            with web.tracer().start_as_current_span("POST orders", kind=SpanKind.CLIENT):
                propagator.inject(headers := {})
            with orders.tracer().start_as_current_span("POST /orders", propagator.extract(headers), SpanKind.SERVER):
                propagator.inject(headers := {})
            with database.tracer().start_as_current_span("INSERT", propagator.extract(headers), SpanKind.SERVER):
                pass
    trace_id, spans = trace_id_text(root.get_span_context().trace_id), []
    for number, service in enumerate(reversed(services), 1):
        spans += service.send()
        # What is there so far is shown, parents or not.
        shown = backend.trace(trace_id, raw=True)
        assert len(shown["spans"]) == len(spans) and len(shown["processes"]) == number

    [shown] = [s for s in backend.trace(trace_id)["spans"] if s["operationName"] == "GET /"]
    assert shown["warnings"] == ["parent span ID=00f067aa0ba902b7 is not in the trace; skipping clock skew adjustment"]
    assert {"key": "w3c.tracestate", "type": "string", "value": incoming["tracestate"]} in shown["tags"]

    for _ in range(2):
        calls = {edge: count for edge, count in backend.calls().items() if edge[0].startswith(f"{service_name}-")}
        # The calls of a service to itself are those between its own spans.
        assert calls == {(names[0], names[0]): 2, (names[0], names[1]): 2, (names[1], names[2]): 2}
        assert backend.search(names[1], {"span.kind": "server"}) == [trace_id]
        assert backend.search(names[1], {"w3c.tracestate": incoming["tracestate"]}) == [trace_id]
        backend.write_blocks()


class ShortIds(IdGenerator):
    """Trace ids of 64 bits, and span ids that begin with zeros."""

    def __init__(self):
        self.random = RandomIdGenerator()

    def generate_trace_id(self):
        return self.random.generate_trace_id() >> 72 or 1

    def generate_span_id(self):
        return self.random.generate_span_id() >> 16 or 1


def test_ids_with_leading_zeros(backend, new_service, service_name):
    service = new_service(service_name, id_generator=ShortIds())
    with service.tracer().start_as_current_span("parent") as span:
        service.tracer().start_span("child").end()
    compare_before_and_after_writing(backend, service.send())
    number = span.get_span_context().trace_id
    for text in (f"{number:x}", f"{number:016x}", f"{number:032x}", f"{number:032X}"):
        assert backend.trace(text)["traceID"] == f"{number:016x}"


def test_scopes(backend, service, service_name):
    scopes = [
        ("lib.a", "1.0", None, None),
        ("lib.a", "2.0", "https://example.test/schema", {"scope.n": 1}),
        ("lib.b", None, None, {"scope.n": 2, "scope.ratio": 0.25, "scope.on": True, "scope.list": ["a"]}),
    ]
    ids = {}
    for number, scope in enumerate(scopes):
        span = service.tracer(*scope).start_span("s")
        span.end()
        ids[number] = trace_id_text(span.get_span_context().trace_id)
    compare_before_and_after_writing(backend, service.send())
    for tags, found in [
        ({"otel.scope.name": "lib.a"}, {0, 1}),
        ({"otel.scope.name": "lib.a", "otel.scope.version": "2.0"}, {1}),
        ({"scope.n": "1"}, {1}),
        ({"scope.ratio": "0.25", "scope.on": "true"}, {2}),
        ({"scope.n": "3"}, set()),
    ]:
        assert set(backend.search(service_name, tags)) == {ids[number] for number in found}, tags


def test_times(backend, service, service_name):
    now = time.time_ns() // 1_000_000_000 * 1_000_000_000 - 60_000_000_000
    durations = [0, 1, 999, 1_000, 1_999, 123_456_789, 3_600_000_000_000]
    for duration in durations:
        for fraction in (0, 1, 999, 123_456_789):
            span = service.tracer().start_span(f"{duration}", start_time=now + fraction)
            span.end(now + fraction + duration)
    # Long ago, within the retention period.
    week = 6 * 24 * 3600 * 1_000_000_000
    service.tracer().start_span("old", start_time=now - week).end(now - week + 1_000)
    compare_before_and_after_writing(backend, service.send())
    assert len(backend.search(service_name)) == len(durations) * 4
    assert len(backend.search(service_name, minDuration="1h")) == 4
    assert len(backend.search(service_name, minDuration="1us", maxDuration="123456us")) == 2 * 4
    assert len(backend.search(service_name, operation="999")) == 4
    old = (now - week) // 1000
    assert len(backend.search(service_name, start=old, end=old)) == 1


# What is searched for each value: what the user sees, as text.
SEARCHES = {
    "str": "plain",
    "str.empty": "",
    "str.unicode": VALUES["str.unicode"],
    "str.quotes": VALUES["str.quotes"],
    "str.control": VALUES["str.control"],
    "str.number": "123",
    "str.bool": "true",
    "str.spaces": "  kept  ",
    "int": "42",
    "int.zero": "0",
    "int.negative": "-7",
    "int.unsafe": "9007199254740992",
    "int.max": "9223372036854775807",
    "int.min": "-9223372036854775808",
    "bool.true": "true",
    "bool.false": "false",
    "float": "72.5",
    "float.whole": "3",
    "float.zero": "0",
    "float.third": "0.3333333333333333",
    "float.tenth": "0.1",
    "float.negative": "-2.5e-9",
    "float.huge": "1.7976931348623157e+308",
    "bools": "[true,false]",
    "strs": '["a","","ü\\"\\\\"]',
    'ключ 🔑 with "quotes" and spaces': "key",
    "UPPER.case": "key",
}
WRONG = {
    "str": "Plain",
    "str.empty": "x",
    "int": "43",
    "int.max": "9223372036854775806",
    "bool.true": "false",
    "float": "72.51",
    "upper.case": "key",
    "absent": "",
}


@pytest.mark.parametrize("place", ["span", "resource", "event", "link", "scope"])
def test_search_by_tags_of_all_types(backend, new_service, service_name, place):
    values = {key: VALUES[key] for key in SEARCHES} | {"upper.case": "another key"}

    def on(this):
        return values if place == this else {}

    service = new_service(Resource.create({"service.name": service_name, **on("resource")}))
    tracer = service.tracer("scope", attributes=on("scope"))
    span = tracer.start_span("with", attributes=on("span"), links=[Link(remote_context(), on("link"))])
    span.add_event("event", on("event"))
    span.end()
    # Another service must not be found, nor, where the place allows it, another span of the same.
    other = new_service(f"{service_name}-other")
    other.tracer().start_span("with").end()
    other.send()
    if place != "resource":
        service.tracer("another scope").start_span("without").end()
    service.send()
    found = [trace_id_text(span.get_span_context().trace_id)]
    for _ in range(2):
        faults = [
            (key, text, ids)
            for searches, wanted in ((SEARCHES, found), (WRONG, []))
            for key, text in searches.items()
            if (ids := backend.search(service_name, {key: text})) != wanted
        ]
        assert faults == []
        assert backend.search(service_name, SEARCHES) == found
        assert backend.search(service_name, SEARCHES | {"int": "43"}) == []
        backend.write_blocks()


def test_search_by_what_the_answer_shows(backend, service, service_name):
    with service.tracer().start_as_current_span("fails", kind=SpanKind.CONSUMER) as failed:
        failed.set_status(StatusCode.ERROR, "it broke")
        failed.add_event("exception", {"exception.type": "ValueError"})
    with service.tracer().start_as_current_span("works", kind=SpanKind.PRODUCER) as worked:
        worked.set_status(StatusCode.OK)
    service.send()
    failed, worked = (trace_id_text(span.get_span_context().trace_id) for span in (failed, worked))
    for _ in range(2):
        for tags, found in [
            ({"error": "true"}, [failed]),
            ({"error": "false"}, [worked]),
            ({"span.kind": "consumer"}, [failed]),
            ({"span.kind": "producer"}, [worked]),
            ({"otel.status_code": "ERROR"}, [failed]),
            ({"otel.status_code": "OK"}, [worked]),
            ({"otel.status_description": "it broke"}, [failed]),
            ({"event": "exception"}, [failed]),
            ({"exception.type": "ValueError", "error": "true"}, [failed]),
            ({"exception.type": "ValueError", "error": "false"}, []),
            ({}, [worked, failed]),
        ]:
            assert backend.search(service_name, tags) == found, tags
        backend.write_blocks()


def test_many_threads(backend, new_service, service_name):
    """Each thread finds its own trace as soon as its export is acknowledged, whatever the others do."""
    faults = []

    def work(number):
        try:
            service = new_service(f"{service_name}-{number}")
            for round_ in range(5):
                with service.tracer().start_as_current_span("root") as root:
                    for n in range(100):
                        service.tracer().start_span(f"child {n}", attributes={"round": round_, "n": n}).end()
                service.send()
                trace_id = trace_id_text(root.get_span_context().trace_id)
                assert len(backend.trace(trace_id)["spans"]) == 101
                assert backend.search(f"{service_name}-{number}", {"round": str(round_), "n": "99"}) == [trace_id]
            compare(backend, service.send())
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_tenants_see_their_own(backend, new_service, service_name):
    service = new_service(service_name, headers={"accountid": "7", "projectid": "3"})
    span = service.tracer().start_span("s", attributes={"k": "v"})
    span.end()
    service.send()
    assert service_name not in backend.services()
    assert backend.search(service_name) == []
    tenant = {"AccountID": "7", "ProjectID": "3"}
    assert service_name in backend.jaeger("services", headers=tenant)
    [shown] = backend.jaeger(f"traces/{trace_id_text(span.get_span_context().trace_id)}", headers=tenant)
    assert len(shown["spans"]) == 1


def test_spans_survive_a_crash_right_after_the_acknowledgement(tmp_path, transport):
    backend = Backend(tmp_path)
    try:
        service = Service(backend, transport, Resource({"service.name": "crashed", **VALUES}))
        with service.tracer().start_as_current_span("parent", attributes=VALUES) as span:
            span.add_event("all", VALUES)
            service.tracer().start_span("child", links=[Link(remote_context(), VALUES)]).end()
        spans = service.send()
        backend.kill()
        service.provider.shutdown()
        backend.start()
        compare_before_and_after_writing(backend, spans)
        assert backend.services() == ["crashed"]
        assert backend.search("crashed", {"int": "42"}) == [trace_id_text(span.get_span_context().trace_id)]
        backend.kill()
        backend.start()
        compare(backend, spans)
    finally:
        backend.stop()


def remote_context(trace_id=None):
    """Where a link may lead."""
    ids = RandomIdGenerator()
    context = SpanContext(
        trace_id or ids.generate_trace_id(), ids.generate_span_id(), is_remote=True, trace_flags=TraceFlags(1)
    )
    return trace.get_current_span(trace.set_span_in_context(NonRecordingSpan(context))).get_span_context()
