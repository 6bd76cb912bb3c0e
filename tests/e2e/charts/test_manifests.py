"""The charts render to what Kubernetes accepts, whatever values they get, and to what the golden files say."""

import os

import kubernetes_validate
import pytest
from rendered import HELM, HERE, find, helm, template, text

CASES = [
    ("vt-cluster", None),
    ("vt-cluster", "cluster-minimal.yaml"),
    ("vt-cluster", "cluster-everything.yaml"),
    ("vt-cluster", "cluster-brought.yaml"),
    ("vt-single", None),
    ("vt-single", "single-everything.yaml"),
]
# Not of Kubernetes itself.
FOREIGN = {"VMServiceScrape", "ServiceMonitor"}


@pytest.mark.parametrize("chart", ["vt-cluster", "vt-single"])
def test_charts_are_without_faults(chart):
    helm("lint", "--strict", HELM / chart)


@pytest.mark.parametrize("chart, values", CASES)
def test_objects_are_valid(chart, values):
    objects = template(chart, values)
    names = [(o["kind"], o["metadata"]["name"]) for o in objects]
    assert len(set(names)) == len(names)
    assert {"Service", "StatefulSet"} <= {kind for kind, _ in names}
    for o in objects:
        if o["kind"] not in FOREIGN:
            kubernetes_validate.validate(o, "1.31", strict=True)


@pytest.mark.parametrize(
    "name, chart, values",
    [
        ("cluster-default", "vt-cluster", None),
        ("cluster-everything", "vt-cluster", "cluster-everything.yaml"),
        ("single-default", "vt-single", None),
    ],
)
def test_rendered_charts_are_the_golden_files(name, chart, values):
    """UPDATE_GOLDEN=1 writes them anew; then look at what has changed."""
    golden = HERE / "golden" / f"{name}.yaml"
    rendered = text(chart, values)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(rendered)
    assert rendered == golden.read_text()


@pytest.mark.parametrize("chart, values", CASES)
def test_pods_have_no_more_rights_than_they_need(chart, values):
    for o in template(chart, values):
        if o["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = o["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        # Variables of services would be taken for flags.
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_more_copies_than_nodes_are_refused():
    with pytest.raises(AssertionError, match="is less than replicationFactor"):
        helm("template", "x", HELM / "vt-cluster", "--set", "vtstorage.replicaCount=1")


def test_storage_nodes_find_each_other_before_they_serve():
    objects = template("vt-cluster")
    assert find(objects, "Service", "vtstorage")["spec"]["publishNotReadyAddresses"] is True
    assert find(objects, "StatefulSet", "vtstorage")["spec"]["podManagementPolicy"] == "Parallel"
