"""The charts render to what Kubernetes accepts, whatever values they get, and to what the golden files say."""

import os
import pathlib
import re
import subprocess
import sys

import kubernetes_validate
import pytest
from rendered import BINARIES, HELM, HERE, find, helm, template, text

CASES = [
    ("vt-cluster", None),
    ("vt-cluster", "cluster-minimal.yaml"),
    ("vt-cluster", "cluster-everything.yaml"),
    ("vt-cluster", "cluster-brought.yaml"),
    ("vt-cluster", "cluster-tls.yaml"),
    ("vt-single", None),
    ("vt-single", "single-everything.yaml"),
    ("vt-single", "single-tls.yaml"),
]
# Not of Kubernetes itself.
FOREIGN = {"VMServiceScrape", "ServiceMonitor"}
# An upgrade that takes nodes away.
FEWER = ["--set", "vtstorage.replicaCount=3", "--set", "vtstorage.previousReplicaCount=5"]


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
    "name, chart, values, more",
    [
        ("cluster-default", "vt-cluster", None, []),
        ("cluster-everything", "vt-cluster", "cluster-everything.yaml", []),
        ("cluster-tls-upgrade", "vt-cluster", "cluster-tls.yaml", ["--is-upgrade", *FEWER]),
        ("single-default", "vt-single", None, []),
    ],
)
def test_rendered_charts_are_the_golden_files(name, chart, values, more):
    """UPDATE_GOLDEN=1 writes them anew; then look at what has changed."""
    golden = HERE / "golden" / f"{name}.yaml"
    rendered = text(chart, values, *more)
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
            wanted = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert wanted.items() <= container["securityContext"].items()


def command_lines(objects):
    """Programs of pods with the names of their flags."""
    for o in objects:
        if o["kind"] in ("Deployment", "StatefulSet"):
            container = o["spec"]["template"]["spec"]["containers"][0]
            flags = {flag.split("=")[0].lstrip("-") for flag in container["args"]}
            yield pathlib.Path(container["command"][0]).name, flags


@pytest.mark.parametrize("chart, values", CASES)
def test_programs_know_the_flags_that_they_get(chart, values):
    for program, flags in command_lines(template(chart, values)):
        shown = subprocess.run([BINARIES / program, "--help"], capture_output=True, text=True, check=True).stdout
        assert flags <= set(re.findall(r"--([\w.]+)", shown)), program


def test_with_tls_nothing_is_asked_without_it():
    for o in template("vt-cluster", "cluster-tls.yaml"):
        if o["kind"] in ("Deployment", "StatefulSet"):
            container = o["spec"]["template"]["spec"]["containers"][0]
            secured = {"--tls", "--cluster.secretFile=/etc/vt/cluster/secret", "--auth.config=/etc/vt/auth/auth.toml"}
            assert secured <= set(container["args"])
            assert container["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert {"/etc/vt/tls", "/etc/vt/cluster", "/etc/vt/auth"} <= mounted
        if o["kind"] in FOREIGN:
            assert o["spec"]["endpoints"][0]["scheme"] == "https"


def hooks(*more, values=None):
    """The Jobs that an upgrade runs, by Helm's hook."""
    jobs = [o for o in template("vt-cluster", values, *more) if o["kind"] == "Job"]
    for job in jobs:
        kubernetes_validate.validate(job, "1.31", strict=True)
        pod = job["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        subprocess.run(["bash", "-n", "-c", pod["containers"][0]["args"][0]], check=True)
    return {job["metadata"]["annotations"]["helm.sh/hook"]: job for job in jobs}


def test_nodes_that_go_are_emptied_first():
    """The last first, and only on an upgrade that takes some away."""
    job = hooks("--is-upgrade", *FEWER)["pre-upgrade"]
    _, addr, *nodes = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert nodes == [f"traces-vt-cluster-vtstorage-{n}.{addr}" for n in (4, 3)]
    for unchanged in (FEWER, ["--is-upgrade"], ["--is-upgrade", "--set", "vtstorage.previousReplicaCount=3"]):
        assert "pre-upgrade" not in hooks(*unchanged)


def test_upgrades_speak_tls_and_say_who_they_are():
    """By variables that vtctl knows, with files that are mounted, and without what other nodes alone know."""
    shown = subprocess.run([BINARIES / "vtctl", "--help"], capture_output=True, text=True, check=True).stdout
    jobs = hooks("--is-upgrade", *FEWER, values="cluster-tls.yaml")
    assert set(jobs) == {"pre-upgrade", "post-upgrade"}
    for job in jobs.values():
        pod = job["spec"]["template"]["spec"]
        container = pod["containers"][0]
        variables = {variable["name"]: pathlib.Path(variable["value"]) for variable in container["env"]}
        assert {"VT_tlsCAFile", "VT_bearerTokenFile"} <= set(variables)
        for name, file in variables.items():
            assert f"[env: {name}=" in shown, name
            assert str(file.parent) in {mount["mountPath"] for mount in container["volumeMounts"]}, file
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"]}
        assert secrets == {"tls": "vt-tls", "operator": "vt-operator"}
        assert {mount["name"] for mount in container["volumeMounts"]} == set(secrets)
    for job in hooks("--is-upgrade").values():
        assert "env" not in job["spec"]["template"]["spec"]["containers"][0]


def test_users_without_one_for_upgrades_are_refused():
    with pytest.raises(AssertionError, match="auth.operatorSecretName"):
        helm("template", "x", HELM / "vt-cluster", "--set", "auth.secretName=users")


def test_settings_are_changed_after_an_upgrade():
    job = hooks("--is-upgrade", "--set", "replicationFactor=3")["post-upgrade"]
    assert job["spec"]["template"]["spec"]["containers"][0]["args"][2:] == ["replication_factor=3"]
    assert not hooks(), "an installation seeds them by flags"


def test_values_of_a_wrong_kind_are_refused():
    for wrong in ("vtinsert.replicaCount=many", "replicationFactor=0", "vtselect.enabled=perhaps", "vtstorage.image.pullPolicy=Often"):
        with pytest.raises(AssertionError, match="values don't meet the specifications of the schema"):
            helm("template", "x", HELM / "vt-cluster", "--set", wrong)


def test_readmes_and_schemas_are_those_of_the_values():
    subprocess.run([sys.executable, HELM / "document.py", "--check"], check=True)


def test_an_upgrade_waits_until_the_other_nodes_are_in_sync():
    pod = find(template("vt-cluster"), "StatefulSet", "vtstorage")["spec"]["template"]["spec"]
    gate = pod["containers"][0]["lifecycle"]["preStop"]["httpGet"]
    waits = int(re.fullmatch(r"/cluster/in_sync\?wait=(\d+)s", gate["path"])[1])
    assert waits < pod["terminationGracePeriodSeconds"]


def test_more_copies_than_nodes_are_refused():
    with pytest.raises(AssertionError, match="is less than replicationFactor"):
        helm("template", "x", HELM / "vt-cluster", "--set", "vtstorage.replicaCount=1")


def test_storage_nodes_find_each_other_before_they_serve():
    objects = template("vt-cluster")
    assert find(objects, "Service", "vtstorage")["spec"]["publishNotReadyAddresses"] is True
    assert find(objects, "StatefulSet", "vtstorage")["spec"]["podManagementPolicy"] == "Parallel"
