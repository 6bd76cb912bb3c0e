"""A real vtsingle process, and its Jaeger API as a client sees it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

# How long anything may take before a test fails: generous, for loaded machines.
PATIENCE_SECONDS = 60


def wait_until(condition, what):
    """Polls until `condition` returns something true, and returns that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
    return found


class Backend:
    """Runs on free ports of the loopback interface, in the directory `directory`."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.log = directory / "log"
        self.start()

    def start(self):
        """Starts, on the data that is there, and waits until it serves."""
        flags = [
            "--httpListenAddr=127.0.0.1:0",
            "--otlpGRPCListenAddr=127.0.0.1:0",
            f"--storageDataPath={self.directory / 'data'}",
            "--loggerFormat=json",
        ]
        environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("VT_")}
        with self.log.open("w") as log:
            program = Path(os.environ["VT_BIN_DIR"]) / "vtsingle"
            self.process = subprocess.Popen([program, *flags], env=environment, stdin=subprocess.DEVNULL, stderr=log)
        wait_until(self._serves, "vtsingle does not come up")
        listening = {e["listener"]: e["addr"] for e in self._events() if e["message"] == "listening"}
        self.url = f"http://{listening['http']}"
        self.grpc = listening["otlp-grpc"]
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False)

    def _serves(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"vtsingle ended with {self.process.returncode}:\n{self.log.read_text()}")
        return any(event["message"] == "ready to serve" for event in self._events())

    def _events(self):
        # The last line may be half written.
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def kill(self):
        """Ends it as a crash does."""
        self.http.close()
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it as an operator does, and sees that nothing went wrong meanwhile."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        log = self.log.read_text()
        assert status == 0, log
        assert '"level":"ERROR"' not in log, log

    def write_blocks(self):
        """Returns when all spans have moved from memory into blocks."""
        self.http.post("/internal/force_flush").raise_for_status()

    def jaeger(self, path, params=None, headers=None):
        """The `data` of an answer."""
        answer = self.http.get(f"/select/jaeger/api/{path}", params=params, headers=headers)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/json"
        envelope = answer.json()
        assert envelope["errors"] is None, answer.text
        return envelope["data"]

    def services(self):
        return self.jaeger("services")

    def operations(self, service):
        """Names and kinds."""
        return {(o["name"], o["spanKind"]) for o in self.jaeger("operations", {"service": service})}

    def calls(self):
        """How often a service called another, by the names of both."""
        edges = self.jaeger("dependencies", {"endTs": time.time_ns() // 1_000_000 + 1})
        return {(edge["parent"], edge["child"]): edge["callCount"] for edge in edges}

    def trace(self, trace_id, raw=False):
        [trace] = self.jaeger(f"traces/{trace_id}", {"raw": "true"} if raw else None)
        return trace

    def search(self, service=None, tags=None, **params):
        """The ids of the traces that are found, the newest first."""
        if service is not None:
            params["service"] = service
        if tags is not None:
            params["tags"] = json.dumps(tags)
        return [trace["traceID"] for trace in self.jaeger("traces", params)]
