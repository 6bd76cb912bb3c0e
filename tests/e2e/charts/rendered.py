"""What helm makes of a chart and values."""

import os
import pathlib
import subprocess

import yaml

HERE = pathlib.Path(__file__).parent
HELM = HERE.parents[2] / "deploy" / "helm"
RELEASE = "traces"
BINARIES = pathlib.Path(os.environ["VT_BIN_DIR"])


def helm(*arguments):
    """The output of a helm command; its error is the test's."""
    done = subprocess.run(["helm", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def text(chart, values=None, *more):
    """What helm prints for a chart."""
    files = ["--values", HERE / "values" / values] if values else []
    return helm("template", RELEASE, HELM / chart, "--namespace", "tracing", *files, *more)


def template(chart, values=None, *more):
    """The objects of a chart."""
    return [document for document in yaml.safe_load_all(text(chart, values, *more)) if document]


def find(objects, kind, component):
    """The object of a kind that belongs to a component."""
    fits = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(component)]
    assert len(fits) == 1, f"{len(fits)} objects of kind {kind} for {component}"
    return fits[0]
