#!/usr/bin/env python3
"""Writes each chart's README.md and values.schema.json out of its values.yaml; with --check, says whether they are up to date.

A comment `# -- text` above a key of values.yaml documents it. Types are those of the defaults, where the tables below say nothing
else. Keys that the charts do not know are let pass: values of VictoriaTraces' charts have some.
"""

import json
import pathlib
import re
import sys

import yaml

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from generated import keep  # noqa: E402

HERE = pathlib.Path(__file__).parent
TEXT_OR_NUMBER = {"type": ["string", "number"]}
PORT = {"type": "integer", "minimum": 0, "maximum": 65535}
COUNT = {"type": "integer", "minimum": 0}
TEXTS = {"type": "array", "items": {"type": "string"}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
# By the last part of a key's path, whatever its default.
BY_NAME = {
    "replicaCount": COUNT,
    "replicationFactor": {"type": "integer", "minimum": 1, "maximum": 16},
    "bootstrapExpect": COUNT,
    "servicePort": PORT,
    "otlpGRPCPort": PORT,
    "tag": TEXT_OR_NUMBER,
    "retentionPeriod": {"type": ["string", "integer"]},
    "retentionDiskSpaceUsage": TEXT_OR_NUMBER,
    "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "pathType": {"enum": ["Prefix", "Exact", "ImplementationSpecific"]},
    "imagePullSecrets": {"type": "array", "items": {"type": ["string", "object"]}},
    "accessModes": TEXTS,
    "hosts": OBJECTS,
    "extraObjects": {"type": "array", "items": {"type": ["string", "object"]}},
    "maxUnavailable": {"type": ["integer", "string"]},
    "minReplicas": COUNT,
    "maxReplicas": {"type": "integer", "minimum": 1},
    "terminationGracePeriodSeconds": COUNT,
    "minReadySeconds": COUNT,
    "previousReplicaCount": COUNT,
    "drainTimeoutSeconds": COUNT,
    **dict.fromkeys(["env", "envFrom", "extraVolumes", "extraVolumeMounts", "extraContainers", "initContainers"], OBJECTS),
    **dict.fromkeys(["tolerations", "topologySpreadConstraints", "from", "metrics"], OBJECTS),
}
# Objects of Kubernetes: what may be in them is not for the charts to say.
OPAQUE = {
    "extraArgs", "readiness", "liveness", "startup", "resources", "podSecurityContext", "securityContext", "affinity",
    "nodeSelector", "labels", "annotations", "extraLabels", "extraAnnotations", "podLabels", "podAnnotations", "lifecycle",
    "behavior",
}  # fmt: skip


def schema(name, value):
    if name in BY_NAME:
        return BY_NAME[name]
    if isinstance(value, dict):
        if name in OPAQUE or not value:
            return {"type": "object"}
        return {"type": "object", "properties": {key: schema(key, of) for key, of in value.items()}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, list):
        return {"type": "array"}
    return {"type": "string"}


def comments(text):
    """The comments of keys, by path."""
    found, path, pending = {}, [], []
    for line in text.splitlines():
        comment = re.match(r"\s*# ?(.*)", line)
        if comment:
            begins = comment[1].startswith("-- ")
            pending = [comment[1][3:]] if begins else pending + [comment[1]] if pending else []
            continue
        key = re.match(r"( *)([\w.]+):", line)
        if key:
            depth = len(key[1]) // 2
            path = path[:depth] + [key[2]]
            if pending:
                found[".".join(path)] = " ".join(pending)
        pending = []
    return found


def leaves(value, path=()):
    """All keys that have a value of their own."""
    for key, of in value.items():
        if isinstance(of, dict) and of and key not in OPAQUE:
            yield from leaves(of, (*path, key))
        else:
            yield ".".join((*path, key)), of


def table(values, documented):
    rows = ["| Key | Default | |", "|---|---|---|"]
    for path, value in leaves(values):
        default = json.dumps(value).replace("|", "\\|")
        meaning = documented.get(path, "").replace("|", "\\|")
        rows.append(f"| `{path}` | `{default}` | {meaning} |")
    return "\n".join(rows)


def readme(chart, text, values):
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    head = "\n".join(line[2:] if line.startswith("# ") else "" for line in text.split("\n\n")[0].splitlines())
    return f"""# {about["name"]}

{about["description"]}.

{head}

```sh
helm install traces deploy/helm/{about["name"]} --namespace tracing --create-namespace --values my-values.yaml
```

How to run it is told in [docs/operations.md](../../../docs/operations.md).

## Values

{table(values, comments(text))}

This page is made of `values.yaml` by `deploy/helm/document.py`.
"""


def main():
    files = {}
    for chart in sorted(path.parent for path in HERE.glob("*/Chart.yaml")):
        text = (chart / "values.yaml").read_text()
        values = yaml.safe_load(text)
        root = {"$schema": "http://json-schema.org/draft-07/schema#", **schema("", values)}
        files[chart / "README.md"] = readme(chart, text, values)
        files[chart / "values.schema.json"] = json.dumps(root, indent=1) + "\n"
    keep(__file__, files)


if __name__ == "__main__":
    main()
