#!/usr/bin/env bash
# What operators watch a cluster with: dashboards, alert and recording rules, the compose file, the Collector's
# configurations; against running nodes. Needs VT_BIN_DIR; arguments go to pytest. What cannot be had on this machine is
# skipped, and said so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${VT_BIN_DIR:?the folder of the built programs}"

deploy=../../deploy
if ! python3 -c 'import pytest, yaml' 2>/dev/null; then
  printf '\n*** SKIPPED: tests of dashboards and alerts, for want of pytest or PyYAML (PyPI)\n\n' >&2
  exit 0
fi
if command -v promtool >/dev/null; then
  promtool check rules "$deploy/alerts/rules.yaml"
  promtool test rules "$deploy/alerts/rules_test.yaml"
  promtool check config --syntax-only "$deploy/compose/prometheus.yaml"
else
  printf '\n*** SKIPPED: the checks of alert rules, for want of promtool (Debian package prometheus)\n\n' >&2
fi
if command -v otelcol >/dev/null; then
  for config in "$deploy"/otel-collector/*.yaml; do VT_ENDPOINT=localhost:4317 otelcol validate --config="$config"; done
else
  printf '\n*** SKIPPED: otelcol validate, for want of otelcol; the form of its configurations is checked\n\n' >&2
fi
python3 "$deploy/grafana/dashboards.py" --check

export PYTHONDONTWRITEBYTECODE=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
timeout --foreground --kill-after=30 300 \
  python3 -m pytest -p no:cacheprovider --basetemp="$scratch/pytest" -q -rsfE observability "$@"
