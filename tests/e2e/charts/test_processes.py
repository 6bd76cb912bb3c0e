"""Processes that are started as the rendered manifests say form a cluster that takes and gives spans. Each pod has an
address of its own on the loopback interface; only names of hosts are replaced."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

from rendered import RELEASE, find, template

PATIENCE = 60
BINARIES = pathlib.Path(os.environ["VT_BIN_DIR"])
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
        self.log = directory / f"{ip}.log"
        program = BINARIES / pathlib.Path(container["command"][0]).name
        # The tests' own variables would be taken for flags.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VT_")}
        self.process = subprocess.Popen(
            [program, *arguments], stderr=self.log.open("w"), stdin=subprocess.DEVNULL, env=environment
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


def otlp(spans):
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
        for n in range(1, spans + 1)
    ]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": made}]}]}).encode()


def container(objects, kind, component):
    return find(objects, kind, component)["spec"]["template"]["spec"]["containers"][0]


def test_they_form_a_cluster(tmp_path):
    objects = template("vt-cluster")
    replicas = find(objects, "StatefulSet", "vtstorage")["spec"]["replicas"]
    peers = [f"127.0.77.{n + 1}" for n in range(replicas)]
    pods = []
    try:
        storage = container(objects, "StatefulSet", "vtstorage")
        pods += [Pod(storage, ip, tmp_path, n, peers) for n, ip in enumerate(peers)]
        insert = Pod(container(objects, "Deployment", "vtinsert"), "127.0.77.101", tmp_path, 0, peers)
        select = Pod(container(objects, "Deployment", "vtselect"), "127.0.77.102", tmp_path, 0, peers)
        pods += [insert, select]
        for pod in pods:
            pod.wait_until_ready()
        url = f"{insert.base}/insert/opentelemetry/v1/traces"
        request = urllib.request.Request(url, data=otlp(100), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200
        status, body = get(f"{select.base}/select/jaeger/api/traces?service=shop&limit=1000")
        assert status == 200 and len(json.loads(body)["data"]) == 100, body[:1000]
        for pod in pods:
            pod.process.terminate()
        for pod in pods:
            pod.wait_until_stopped()
    finally:
        for pod in pods:
            pod.process.kill()
            pod.process.wait()
