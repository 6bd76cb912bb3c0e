"""A FastAPI service on PostgreSQL, instrumented from outside as the OpenTelemetry documentation tells it, and a client
that calls it: their traces are what they sent, and Jaeger's API shows what happened."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import httpx
import postgres
import pytest
from backend import PATIENCE_SECONDS, wait_until
from jaeger_form import answered, expected, trace_id_text
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from sending import Service

# Protocols of the exporter with the endpoint that it is given.
PROTOCOLS = {"grpc": lambda backend: f"http://{backend.grpc}", "http/protobuf": lambda backend: backend.url}


@pytest.fixture(scope="module")
def database():
    if not (programs := postgres.programs()):
        pytest.skip("no PostgreSQL server (Debian package: postgresql)")
    server = postgres.Postgres(programs)
    yield server
    server.stop()


class Shop:
    """The service as a process of its own. It writes its spans to the standard output too, to compare with."""

    def __init__(self, name, protocol, endpoint, database, directory):
        self.name = name
        self.output, self.log = directory / "output", directory / "log"
        environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            "OTEL_SERVICE_NAME": name,
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test,shop.floor=3",
            "OTEL_TRACES_EXPORTER": "otlp,console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
        }
        instrument = Path(sys.executable).with_name("opentelemetry-instrument")
        command = [instrument, sys.executable, "-m", "uvicorn", "shop:app", "--port=0", "--no-access-log"]
        with self.output.open("w") as output, self.log.open("w") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": log}
            self.process = subprocess.Popen(command, cwd=Path(__file__).parent, env=environment, **streams)
        try:
            self.url = wait_until(self._serves, "the shop does not come up")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _serves(self):
        assert self.process.poll() is None, self.log.read_text()
        line = re.search(r"Uvicorn running on (http://\S+)", self.log.read_text())
        return line and line[1]

    def stop(self):
        """Returns when the service has ended, and with that has sent all its spans."""
        # Not SIGTERM: to that uvicorn ends without running what is to run at exit.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        log = self.log.read_text()
        assert not re.search("export", log, re.IGNORECASE), log

    def spans(self):
        text, decoder, spans = self.output.read_text().strip(), json.JSONDecoder(), []
        while text:
            span, end = decoder.raw_decode(text)
            spans.append(span_of(span))
            text = text[end:].lstrip()
        return spans


def span_of(shown):
    """A span from its JSON, in which its scope is missing."""

    def context(of):
        return SpanContext(int(of["trace_id"], 16), int(of["span_id"], 16), is_remote=False)

    def nanos(text):
        time = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        return round(time.timestamp() * 1_000_000) * 1_000

    trace_id, parent, status = shown["context"]["trace_id"], shown["parent_id"], shown["status"]
    return ReadableSpan(
        name=shown["name"],
        context=context(shown["context"]),
        parent=context({"trace_id": trace_id, "span_id": parent}) if parent else None,
        resource=Resource(shown["resource"]["attributes"]),
        attributes=shown["attributes"],
        events=[Event(e["name"], e["attributes"], nanos(e["timestamp"])) for e in shown["events"]],
        links=[Link(context(link["context"]), link["attributes"]) for link in shown["links"]],
        kind=SpanKind[shown["kind"].removeprefix("SpanKind.")],
        status=Status(StatusCode[status["status_code"]], status.get("description")),
        start_time=nanos(shown["start_time"]),
        end_time=nanos(shown["end_time"]),
    )


class Story:
    """What was done, and what came of it."""

    def __init__(self):
        self.statuses = {}
        self.trace_ids = {}
        # Of the shop and of its client, by what they sent.
        self.spans = []


@pytest.fixture(scope="module", params=PROTOCOLS)
def story(backend, database, request, tmp_path_factory):
    protocol = request.param
    story = Story()
    suffix = protocol.replace("/", "-")
    story.shop, story.client = f"shop-{suffix}", f"storefront-{suffix}"
    shop = Shop(story.shop, protocol, PROTOCOLS[protocol](backend), database, tmp_path_factory.mktemp("shop"))
    try:
        client = Service(backend, protocol.split("/")[0], Resource.create({"service.name": story.client}))
        visit(shop.url, client, story)
    finally:
        shop.stop()
    # The service has ended: nothing is under way, and nothing has to be waited for.
    story.spans = shop.spans() + client.send()
    client.provider.shutdown()
    return story


def visit(url, client, story):
    """Makes requests, each in a trace of its own."""
    lamp = {"name": "Lampe »Grün« 💡", "price": "19.90", "stock": 5}
    requests = {
        "create": ("POST", "/products", lamp),
        "create another": ("POST", "/products", lamp | {"name": "chair"}),
        "list": ("GET", "/products?order=id&q=%C3%BC", None),
        "read": ("GET", "/products/1", None),
        "update": ("PUT", "/products/1", lamp | {"stock": 4}),
        "order": ("POST", "/orders", {"product": 1, "count": 3}),
        "missing": ("GET", "/products/99", None),
        "invalid": ("POST", "/products", {"name": "no price"}),
        "duplicate": ("POST", "/products", lamp),
        "sold out": ("POST", "/orders", {"product": 1, "count": 100}),
        "slow": ("GET", "/slow", None),
        "delete": ("DELETE", "/products/2", None),
        "no route": ("GET", "/nowhere", None),
    }
    # After a fault the server drops the connection: each request has one of its own.
    headers = {"connection": "close"}
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as http:
        HTTPXClientInstrumentor.instrument_client(http, tracer_provider=client.provider)
        for name, (method, path, body) in requests.items():
            with client.tracer("storefront").start_as_current_span(name) as span:
                story.statuses[name] = http.request(method, path, json=body).status_code
            story.trace_ids[name] = trace_id_text(span.get_span_context().trace_id)


def spans_of(backend, story, name):
    """The spans of a request's trace by operation, as the API answers them; but for what the connection pool does."""
    spans = [span | {"tags": tags_of(span)} for span in answered(backend.trace(story.trace_ids[name]))]
    return {
        span["operationName"]: span
        for span in spans
        if not span["tags"].get("db.statement", "").startswith("SELECT pg_advisory_unlock_all()")
    }


def tags_of(span):
    return {tag["key"]: tag["value"] for tag in span["tags"]}


def test_the_service_worked(story):
    assert story.statuses == {
        "create": 201,
        "create another": 201,
        "list": 200,
        "read": 200,
        "update": 200,
        "order": 201,
        "missing": 404,
        "invalid": 422,
        "duplicate": 500,
        "sold out": 500,
        "slow": 200,
        "delete": 204,
        "no route": 404,
    }


def comparable(span):
    """Without what the service's own JSON leaves out or rounds."""
    span = {key: value for key, value in span.items() if key not in ("startTime", "duration")}
    span["tags"] = [tag for tag in span["tags"] if not tag["key"].startswith("otel.scope.")]
    span["logs"] = [log["fields"] for log in span["logs"]]
    return span


def test_all_that_was_sent_is_there(backend, story):
    by_trace = {}
    for span in story.spans:
        by_trace.setdefault(trace_id_text(span.get_span_context().trace_id), []).append(span)
    assert len(by_trace) > len(story.trace_ids), "the service has traces of its own, from its start"
    for trace_id, sent in by_trace.items():
        sent = sorted((expected(span, raw=True) for span in sent), key=lambda span: span["spanID"])
        shown = answered(backend.trace(trace_id, raw=True))
        assert [comparable(span) for span in shown] == [comparable(span) for span in sent]
        for a, b in zip(shown, sent, strict=True):
            # Rounded in the service's JSON, cut in answers.
            assert abs(a["startTime"] - b["startTime"]) <= 1 and abs(a["duration"] - b["duration"]) <= 2


def test_a_request_is_seen_from_the_client_to_the_database(backend, story):
    spans = spans_of(backend, story, "read")
    way = [spans[name] for name in ("read", "GET", "GET /products/{product_id}", "SELECT")]
    assert [span["process"]["serviceName"] for span in way] == [story.client] * 2 + [story.shop] * 2
    assert [span["tags"]["span.kind"] for span in way] == ["internal", "client", "server", "client"]
    root, call, server, query = way
    for child, parent in ((call, root), (server, call), (query, server)):
        [reference] = child["references"]
        assert reference == {"refType": "CHILD_OF", "traceID": parent["traceID"], "spanID": parent["spanID"]}
        assert parent["startTime"] <= child["startTime"]
    assert server["tags"]["http.method"] == "GET" and server["tags"]["http.route"] == "/products/{product_id}"
    assert server["tags"]["http.status_code"] == 200
    assert query["tags"]["db.system"] == "postgresql" and query["tags"]["db.user"] == postgres.USER
    assert query["tags"]["db.statement"] == "SELECT * FROM products WHERE id = $1"
    assert query["tags"]["net.peer.name"] == "127.0.0.1" and isinstance(query["tags"]["net.peer.port"], int)
    assert query["tags"]["otel.scope.name"] == "opentelemetry.instrumentation.asyncpg"
    assert server["tags"]["otel.scope.name"] == "opentelemetry.instrumentation.fastapi"
    process = {tag["key"]: tag["value"] for tag in server["process"]["tags"]}
    assert process["deployment.environment"] == "test" and process["shop.floor"] == "3"
    assert process["telemetry.sdk.language"] == "python"


def test_a_transaction_with_a_span_of_its_own(backend, story):
    spans = spans_of(backend, story, "order")
    reserve = spans["reserve"]
    assert {key: reserve["tags"][key] for key in ("order.count", "order.rush", "order.total")} == {
        "order.count": 3,
        "order.rush": False,
        "order.total": 59.7,
    }
    [locked] = reserve["logs"]
    assert locked["fields"] == [
        {"key": "event", "type": "string", "value": "locked"},
        {"key": "stock", "type": "int64", "value": 4},
    ]
    for name in ("BEGIN;", "SELECT", "UPDATE", "COMMIT;"):
        assert [reference["spanID"] for reference in spans[name]["references"]] == [reserve["spanID"]], name


def test_errors(backend, story):
    spans = spans_of(backend, story, "duplicate")
    failed = {name for name, span in spans.items() if span["tags"].get("error") is True}
    assert {"POST /products", "INSERT", "POST"} <= failed
    insert = spans["INSERT"]
    assert insert["tags"]["otel.status_code"] == "ERROR"
    [exception] = insert["logs"]
    fields = {field["key"]: field["value"] for field in exception["fields"]}
    assert fields["event"] == "exception" and fields["exception.type"] == "asyncpg.exceptions.UniqueViolationError"
    assert "products_name_key" in fields["exception.message"] and "Traceback" in fields["exception.stacktrace"]
    # What the client did wrong is no error of the server.
    assert "error" not in spans_of(backend, story, "missing")["GET /products/{product_id}"]["tags"]


def test_searches(backend, story):
    """At once while the spans are in memory, and when they are in blocks."""

    def ids(*names):
        return {story.trace_ids[name] for name in names}

    def search(*args, **params):
        return set(backend.search(story.shop, *args, **params))

    slow_queries = {
        trace_id_text(span.get_span_context().trace_id)
        for span in story.spans
        if "db.system" in span.attributes and span.end_time - span.start_time >= 300_000_000
    }
    for _ in range(2):
        assert search({"error": "true"}) == ids("duplicate", "sold out")
        assert search({"http.status_code": "404"}) == ids("missing", "no route")
        assert search({"http.status_code": "500", "span.kind": "server"}) == ids("duplicate", "sold out")
        assert search({"exception.type": "asyncpg.exceptions.CheckViolationError"}) == ids("sold out")
        assert search({"db.statement": "SELECT pg_sleep(0.3)"}) == ids("slow")
        assert search({"order.total": "59.7", "order.count": "3", "order.rush": "false"}) == ids("order")
        assert search(operation="DELETE /products/{product_id}") == ids("delete")
        assert story.trace_ids["slow"] in slow_queries
        assert search({"db.system": "postgresql"}, minDuration="300ms") == slow_queries
        assert search({"shop.floor": "3", "span.kind": "server"}) == ids(*story.trace_ids)
        assert backend.search(story.client, limit=1) == [story.trace_ids["no route"]]
        backend.write_blocks()


def test_services_operations_and_calls(backend, story):

    def name_of(span):
        return span.resource.attributes["service.name"]

    spans = {}
    for span in story.spans:
        context = span.get_span_context()
        spans[context.trace_id, context.span_id] = span
    calls = Counter()
    for (trace_id, _), span in spans.items():
        parent = span.parent and spans.get((trace_id, span.parent.span_id))
        if parent:
            calls[name_of(parent), name_of(span)] += 1
    # One call per request that the client made.
    assert calls[story.client, story.shop] == len(story.statuses)
    assert {story.shop, story.client} <= set(backend.services())
    for _ in range(2):
        shown = backend.calls().items()
        assert {edge: count for edge, count in shown if {story.shop, story.client} & set(edge)} == calls
        for service in (story.shop, story.client):
            sent = {(span.name, span.kind.name.lower()) for span in spans.values() if name_of(span) == service}
            assert backend.operations(service) == sent
        assert ("GET /products/{product_id}", "server") in backend.operations(story.shop)
        backend.write_blocks()
