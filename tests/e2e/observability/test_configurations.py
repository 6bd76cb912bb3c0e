"""The compose file, the Collector's configurations, the data sources and the rules over spans fit to each other and to the
programs."""

import json
import pathlib
import re
import subprocess
import urllib.parse

import pytest
import yaml
from conftest import BINARIES, SERVICE, get

DEPLOY = pathlib.Path(__file__).parents[3] / "deploy"
COMPOSE = DEPLOY / "compose"


def read(*path):
    return yaml.safe_load(DEPLOY.joinpath(*path).read_text())


def compose():
    return read("compose", "compose.yaml")


def known_flags(program):
    text = subprocess.run([BINARIES / program, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^\s+(?:-\w, )?--([\w.]+)", text, re.MULTILINE))


def test_the_compose_files_services_have_what_they_name():
    file = compose()
    services, volumes = file["services"], set(file["volumes"])
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            exists = (COMPOSE / source).exists() if source.startswith(".") else source in volumes
            assert exists, f"{name}: {source}"
        build = service.get("build")
        assert not build or (COMPOSE / build["context"] / build["dockerfile"]).exists()
    images = [service["image"] for service in services.values()]
    assert all(":" in image and not image.endswith(":latest") for image in images)


def test_the_compose_files_programs_know_their_flags():
    programs = 0
    for name, service in compose()["services"].items():
        program = pathlib.Path(service.get("command", [""])[0]).name
        if not (BINARIES / program).is_file():
            continue
        programs += 1
        flags = {flag.lstrip("-").split("=")[0] for flag in service["command"][1:]}
        assert flags <= known_flags(program), name
    assert programs == 5


def test_hosts_that_are_named_are_services():
    services = compose()["services"]
    text = "\n".join(
        DEPLOY.joinpath(*path).read_text()
        for path in (("compose", "prometheus.yaml"), ("compose", "compose.yaml"), ("grafana", "provisioning", "datasources.yaml"))
    )
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    hosts = set(re.findall(r"\b([a-z][a-z0-9-]+):\d{4,5}\b", lines))
    assert hosts and hosts <= set(services), hosts - set(services)


@pytest.mark.parametrize("name", ["agent.yaml", "gateway.yaml"])
def test_the_collectors_pipelines_use_what_is_configured(name):
    config = read("otel-collector", name)
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert pipeline[kind] and set(pipeline[kind]) == set(config[kind]), kind
        # What is refused for want of memory must not have been taken into a batch.
        assert pipeline["processors"][0] == "memory_limiter" and pipeline["processors"][-1] == "batch"
    assert set(config["receivers"]["otlp"]["protocols"]) == {"grpc", "http"}
    exporter = config["exporters"]["otlp"]
    assert "sending_queue" in exporter and exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_data_sources_refer_to_each_other():
    sources = read("grafana", "provisioning", "datasources.yaml")["datasources"]
    uids = {source["uid"] for source in sources}
    assert set(re.findall(r'datasourceUid\W+(\w+)', json.dumps(sources))) <= uids
    assert {source["type"] for source in sources} == {"jaeger", "prometheus"}


def test_rules_over_spans_are_answered(single):
    groups = read("vmalert", "rules.yaml")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules and all(group["type"] == "vlogs" for group in groups)
    for rule in rules:
        arguments = urllib.parse.urlencode({"query": rule["expr"], "start": "-1h"})
        status, body = get(single.addr, f"/select/logsql/stats_query?{arguments}")
        assert status == 200, (rule, body)
        series = json.loads(body)["data"]["result"]
        assert series and all(one["metric"]["service"] == SERVICE for one in series), (rule, body)
        assert all(float(one["value"][1]) > 0 for one in series), (rule, body)


def test_metrics_that_data_sources_ask_for_are_recorded():
    text = (DEPLOY / "grafana" / "provisioning" / "datasources.yaml").read_text()
    groups = read("vmalert", "rules.yaml")["groups"]
    recorded = {rule.get("record") for group in groups for rule in group["rules"]}
    asked = set(re.findall(r"vt:[a-z0-9_]+:[a-z0-9]+", text))
    assert asked and asked <= recorded
