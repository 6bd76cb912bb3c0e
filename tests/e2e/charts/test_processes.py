"""Processes that are started as the rendered manifests say form a cluster that takes and gives spans. Each pod has an
address of its own on the loopback interface; only names of hosts are replaced."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from rendered import BINARIES, RELEASE, find, template

PATIENCE = 60
SERVICE = f"{RELEASE}-vt-cluster-vtstorage"
STORAGE_HOST = f"{SERVICE}.tracing.svc.cluster.local"


class Pod:
    """A running container of a pod."""

    def __init__(self, container, ip, directory, ordinal, peers):
        self.port = next(p["containerPort"] for p in container["ports"] if p["name"] == "http")
        self.base = f"http://{ip}:{self.port}"
        self.probe = container["readinessProbe"]["httpGet"]["path"]
        values = {"POD_NAME": f"{SERVICE}-{ordinal}"}
        arguments = [self.resolve(a, values, ip, directory, peers) for a in container["args"]]
        self.container = container
        self.log = directory / f"{ip}.log"
        self.command = [BINARIES / pathlib.Path(container["command"][0]).name, *arguments]
        self.start()

    def start(self):
        # The tests' own variables would be taken for flags.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VT_")}
        self.process = subprocess.Popen(
            self.command, stderr=self.log.open("a"), stdin=subprocess.DEVNULL, env=environment
        )

    @staticmethod
    def resolve(argument, values, ip, directory, peers):
        for name, value in values.items():
            argument = argument.replace(f"$({name})", value)
        # A pod's own name, then the service's, which stands for all of them.
        argument = argument.replace(f"{values['POD_NAME']}.{STORAGE_HOST}", ip)
        if STORAGE_HOST in argument:
            flag, addr = argument.split("=", 1)
            port = addr.rsplit(":", 1)[1]
            argument = f"{flag}={','.join(f'{peer}:{port}' for peer in peers)}"
        flag, _, value = argument.partition("=")
        if value.startswith(":"):
            return f"{flag}={ip}{value}"
        if value.startswith("/storage"):
            return f"{flag}={directory}/{ip}"
        return argument

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while get(self.base + self.probe)[0] != 200:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def wait_until_stopped(self):
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 0, str(error).encode()


def otlp(first, spans):
    now = time.time_ns()
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    made = [
        {
            "traceId": f"{n:032x}",
            "spanId": f"{n:016x}",
            "name": "order",
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + 1000),
        }
        for n in range(first, first + spans)
    ]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": made}]}]}).encode()


def container(objects, kind, component):
    return find(objects, kind, component)["spec"]["template"]["spec"]["containers"][0]


class Cluster:
    """The pods of a release."""

    def __init__(self, directory):
        self.directory = directory
        self.storage, self.front = [], []

    def ips(self, replicas):
        return [f"127.0.77.{n + 1}" for n in range(replicas)]

    def scale(self, objects):
        """Starts the storage pods that are missing, as the StatefulSet would; takes those away that are too many."""
        replicas = find(objects, "StatefulSet", "vtstorage")["spec"]["replicas"]
        peers = self.ips(replicas)
        for ordinal in range(len(self.storage), replicas):
            pod = container(objects, "StatefulSet", "vtstorage")
            self.storage.append(Pod(pod, peers[ordinal], self.directory, ordinal, peers))
        while len(self.storage) > replicas:
            pod = self.storage.pop()
            pod.process.terminate()
            pod.wait_until_stopped()
        for pod in self.storage:
            pod.wait_until_ready()

    def start(self, objects):
        peers = self.ips(find(objects, "StatefulSet", "vtstorage")["spec"]["replicas"])
        for n, name in enumerate(("vtinsert", "vtselect")):
            pod = container(objects, "Deployment", name)
            self.front.append(Pod(pod, f"127.0.77.{101 + n}", self.directory, 0, peers))
        self.insert, self.select = self.front
        self.scale(objects)
        for pod in self.front:
            pod.wait_until_ready()

    def members(self):
        status, body = get(f"{self.storage[0].base}/cluster/members")
        return json.loads(body)["members"] if status == 200 else []

    def gate(self):
        """The path that an upgrade waits at, with its answer."""
        path = self.storage[0].container["lifecycle"]["preStop"]["httpGet"]["path"]
        return get(self.storage[0].base + path)

    def send(self, first, spans):
        url = f"{self.insert.base}/insert/opentelemetry/v1/traces"
        request = urllib.request.Request(url, data=otlp(first, spans), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200

    def found(self):
        status, body = get(f"{self.select.base}/select/jaeger/api/traces?service=shop&limit=1000")
        assert status == 200, body[:1000]
        return len(json.loads(body)["data"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster as the chart makes it by default."""
    made = Cluster(tmp_path_factory.mktemp("pods"))
    try:
        made.start(template("vt-cluster"))
        yield made
        pods = [*made.storage, *made.front]
        for pod in pods:
            pod.process.terminate()
        for pod in pods:
            pod.wait_until_stopped()
    finally:
        for pod in [*made.storage, *made.front]:
            pod.process.kill()
            pod.process.wait()


def until(holds, why):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


def test_they_form_a_cluster(cluster):
    cluster.send(1, 100)
    assert cluster.found() == 100
    status, body = cluster.gate()
    assert status == 200, body


def test_the_gate_closes_while_a_node_is_away(cluster):
    away = cluster.storage[2]
    away.process.kill()
    away.process.wait()
    base = cluster.storage[0].base

    def missing():
        status, body = get(f"{base}/cluster/in_sync")
        return len(json.loads(body)["missing"] or []) if status == 503 else 0

    # A leader that is new knows of nobody first.
    until(lambda: missing() == 1, cluster.members)
    away.start()
    away.wait_until_ready()
    status, body = cluster.gate()
    assert status == 200, body
    assert cluster.found() == 100


def test_another_node_joins_by_a_number(cluster):
    before = container(template("vt-cluster"), "StatefulSet", "vtstorage")
    objects = template("vt-cluster", None, "--set", "vtstorage.replicaCount=4")
    assert container(objects, "StatefulSet", "vtstorage") == before, "the others are not started again"
    cluster.scale(objects)
    until(lambda: len(cluster.members()) == 4, cluster.members)
    status, body = cluster.gate()
    assert status == 200, body
    cluster.send(101, 100)
    assert cluster.found() == 200


def run_hook(objects, component, ips):
    """Runs the Job of a hook to its end."""
    job = find(objects, "Job", component)["spec"]["template"]["spec"]["containers"][0]
    arguments = job["args"]
    for ordinal, ip in enumerate(ips):
        arguments = [a.replace(f"{SERVICE}-{ordinal}.{STORAGE_HOST}", ip) for a in arguments]
    arguments = [a.replace(STORAGE_HOST, ips[0]) for a in arguments]
    done = subprocess.run(
        [*job["command"], *arguments],
        env={"PATH": f"{BINARIES}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_node_is_emptied_before_it_is_taken_away(cluster):
    known = subprocess.run([BINARIES / "vtctl", "--help"], capture_output=True, text=True, check=True).stdout
    if "drain" not in known:
        pytest.skip("this vtctl drains no nodes")
    cluster.scale(template("vt-cluster", None, "--set", "vtstorage.replicaCount=4"))
    until(lambda: len(cluster.members()) == 4, cluster.members)
    before = cluster.found()
    objects = template("vt-cluster", None, "--is-upgrade", "--set", "vtstorage.previousReplicaCount=4")
    run_hook(objects, "vtstorage-drain", cluster.ips(4))
    assert len(cluster.members()) == 3
    cluster.scale(objects)
    status, body = cluster.gate()
    assert status == 200, body
    assert cluster.found() == before
    cluster.send(1001, 50)
    assert cluster.found() == before + 50
    run_hook(objects, "vtstorage-settings", cluster.ips(3))
