"""Fixtures: the backend, ways to send, and services with names of their own."""

import itertools
import logging
import os
import signal

import pytest
from backend import PATIENCE_SECONDS, Backend
from opentelemetry.sdk.resources import Resource
from sending import TRANSPORTS, Service

# To be told to end is to clear up first.
signal.signal(signal.SIGTERM, signal.default_int_handler)

# The SDK's exporters, here and in services that are started, shall go by the tests alone.
for name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[name]
os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = str(PATIENCE_SECONDS)
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"


class Collected(logging.Handler):
    """Keeps warnings and errors."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


@pytest.fixture(autouse=True)
def complaints():
    """What the SDK complains about. A test takes from it what it wants to provoke; nothing may be left."""
    handler = Collected()
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(handler)
    yield handler.messages
    logger.removeHandler(handler)
    assert handler.messages == []


@pytest.fixture(scope="module")
def backend(tmp_path_factory, request):
    failed_before = request.session.testsfailed
    backend = Backend(tmp_path_factory.mktemp("backend"))
    yield backend
    if request.session.testsfailed > failed_before:
        print(backend.log.read_text())
    backend.stop()


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return request.param


_numbers = itertools.count(1)


@pytest.fixture
def service_name():
    """A name that no other test has."""
    return f"service-{next(_numbers)}"


@pytest.fixture
def new_service(backend, transport):
    """Makes services, and ends them."""
    made = []

    def make(resource, **options):
        if isinstance(resource, str):
            resource = Resource.create({"service.name": resource})
        made.append(Service(backend, transport, resource, **options))
        return made[-1]

    yield make
    for service in made:
        service.provider.shutdown()


@pytest.fixture
def service(new_service, service_name):
    return new_service(service_name)
