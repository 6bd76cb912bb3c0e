"""Running nodes, as an operator's Prometheus sees them: a single node, and a cluster of which one storage node is away."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

PATIENCE = 60
BINARIES = pathlib.Path(os.environ["VT_BIN_DIR"])
SERVICE = "shop"


class Node:
    """A process with an HTTP address."""

    def __init__(self, program, directory, port, *flags):
        self.addr = f"127.0.0.1:{port}"
        self.log = directory / f"{program}-{port}.log"
        # The tests' own variables would be taken for flags.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VT_")}
        self.process = subprocess.Popen(
            [BINARIES / program, f"--httpListenAddr={self.addr}", *flags],
            stderr=self.log.open("w"),
            stdin=subprocess.DEVNULL,
            env=environment,
        )

    def wait_until_ready(self):
        until(lambda: self.process.poll() is not None or get(self.addr, "/health")[0] == 200, self.log.read_text)
        assert self.process.poll() is None, self.log.read_text()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def metrics(self):
        return get(self.addr, "/metrics")[1].decode()


def until(holds, why):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def get(addr, path, data=None, kind=None):
    request = urllib.request.Request(f"http://{addr}{path}", data=data, headers={"Content-Type": kind} if kind else {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 0, str(error).encode()


def spans(first, count):
    """OTLP/JSON; each eighth span has an error."""
    now = time.time_ns()
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]}
    made = [
        {
            "traceId": f"{n:032x}",
            "spanId": f"{n:016x}",
            "name": "order",
            "kind": 2,
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + 1_000_000 * (n % 50 + 1)),
            "status": {"code": 2 if n % 8 == 0 else 0},
            "attributes": [{"key": "http.route", "value": {"stringValue": "/orders"}}],
        }
        for n in range(first, first + count)
    ]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": made}]}]}).encode()


def exercise(insert, select):
    """A write, a refused one, and queries of each kind."""
    status, body = get(insert.addr, "/insert/opentelemetry/v1/traces", spans(1, 200), "application/json")
    assert status == 200, body
    assert get(insert.addr, "/insert/opentelemetry/v1/traces", b"{", "application/json")[0] == 400
    for path in (
        "/select/jaeger/api/services",
        f"/select/jaeger/api/traces?service={SERVICE}&limit=5",
        f"/select/jaeger/api/traces/{1:032x}",
        "/select/logsql/query?query=*",
    ):
        status, body = get(select.addr, path)
        assert status == 200, (path, body)
    assert get(select.addr, "/select/logsql/query?query=(")[0] == 400


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """A single node that has taken and given spans."""
    directory = tmp_path_factory.mktemp("single")
    (port,) = free_ports(1)
    node = Node("vtsingle", directory, port, "--otlpGRPCListenAddr=127.0.0.1:0", f"--storageDataPath={directory}/data")
    try:
        node.wait_until_ready()
        exercise(node, node)
        yield node
    finally:
        node.kill()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The nodes of a cluster by role; a third storage node was killed, and spans came since."""
    directory = tmp_path_factory.mktemp("cluster")
    ports = free_ports(5)
    peers = ",".join(f"127.0.0.1:{port}" for port in ports[:3])
    storage = [
        Node(
            "vtstorage",
            directory,
            port,
            f"--storageDataPath={directory}/{port}",
            f"--cluster.peers={peers}",
            f"--cluster.advertiseAddr=127.0.0.1:{port}",
            "--replicationFactor=2",
        )
        for port in ports[:3]
    ]
    insert = Node("vtinsert", directory, ports[3], f"--storageNode={peers}", "--otlpGRPCListenAddr=127.0.0.1:0")
    select = Node("vtselect", directory, ports[4], f"--storageNode={peers}")
    nodes = [*storage, insert, select]
    try:
        for node in nodes:
            node.wait_until_ready()
        status, body = get(storage[0].addr, f"/cluster/in_sync?wait={PATIENCE}s")
        assert status == 200, body
        exercise(insert, select)
        storage.pop().kill()
        body = spans(1000, 500)
        until(lambda: get(insert.addr, "/insert/opentelemetry/v1/traces", body, "application/json")[0] == 200, insert.metrics)
        until(lambda: any("vt_hints{" in node.metrics() for node in storage), lambda: storage[0].metrics())
        yield {"vtstorage": storage, "vtinsert": [insert], "vtselect": [select]}
    finally:
        for node in nodes:
            node.kill()
