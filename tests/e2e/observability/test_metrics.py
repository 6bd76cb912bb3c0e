"""Every metric that a dashboard or an alert names is there on running nodes, with the labels that it is asked for."""

import json
import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\b(?:vt|process)_[a-z0-9_]+")
# The labels that Prometheus adds.
OF_PROMETHEUS = {"job", "instance", "le"}


def dashboard(name):
    return json.loads((DEPLOY / "grafana" / "dashboards" / f"{name}.json").read_text())


def expressions(name):
    panels = dashboard(name)["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def alerts():
    groups = yaml.safe_load((DEPLOY / "alerts" / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def names(expression):
    """Metrics of an expression: what is no label of `by` or of a selector."""
    without_labels = re.sub(r"\b(?:by|on)\s*\([^)]*\)|\{[^}]*\}", "", expression)
    return set(METRIC.findall(without_labels))


def exported(*nodes):
    """The names of all series, and the labels of each."""
    found = {}
    for node in nodes:
        for line in node.metrics().splitlines():
            if line and not line.startswith("#"):
                name, _, rest = line.partition("{") if "{" in line else (line.split()[0], "", "")
                found.setdefault(name, set()).update(re.findall(r'(\w+)="', rest))
    return found


def missing(expression, found):
    unknown = sorted(name for name in names(expression) if name not in found)
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"\bby\s*\(([^)]*)\)", expression))))
    known = OF_PROMETHEUS.union(*(found.get(name, set()) for name in names(expression)))
    return unknown + sorted(grouped - known)


def test_the_single_nodes_dashboard_shows_what_there_is(single):
    found = exported(single)
    wanted = expressions("vt-single")
    assert len(wanted) > 20
    assert not {e: m for e in wanted if (m := missing(e, found))}


def test_the_clusters_dashboard_shows_what_there_is(cluster):
    found = exported(*(node for nodes in cluster.values() for node in nodes))
    wanted = expressions("vt-cluster")
    assert len(wanted) > 30
    assert not {e: m for e in wanted if (m := missing(e, found))}


def test_alerts_ask_for_what_there_is(cluster):
    found = exported(*(node for nodes in cluster.values() for node in nodes))
    assert not {rule["alert"]: m for rule in alerts() if (m := missing(rule["expr"], found))}


def test_a_metric_that_is_not_there_is_found_missing(single):
    assert missing("sum by (nothing) (rate(vt_no_such_total[5m]))", exported(single)) == ["vt_no_such_total", "nothing"]


@pytest.mark.parametrize("name", ["vt-single", "vt-cluster"])
def test_panels_do_not_overlap(name):
    taken = set()
    for panel in dashboard(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_each_alert_has_a_runbook():
    headings = re.findall(r"^## (\w+)", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in alerts())
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
