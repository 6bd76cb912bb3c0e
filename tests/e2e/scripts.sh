#!/usr/bin/env bash
# The scripts: linted, and the demonstrations run. Needs VT_BIN_DIR. What cannot be had on this machine is skipped, and said
# so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${VT_BIN_DIR:?the folder of the built programs}"

if command -v shellcheck >/dev/null; then
  shellcheck -x scripts/*.sh tests/e2e/*.sh
else
  printf '\n*** SKIPPED: the check of the scripts, for want of shellcheck (Debian package)\n\n' >&2
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for demo in demo demo-cluster; do
  if ! DEMO_EXIT=1 timeout --foreground --kill-after=30 240 "scripts/$demo.sh" >"$output" 2>&1; then
    cat "$output" >&2
    printf 'scripts/%s.sh failed\n' "$demo" >&2
    exit 1
  fi
  printf 'scripts/%s.sh is well\n' "$demo"
done
