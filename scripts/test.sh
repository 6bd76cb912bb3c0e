#!/usr/bin/env bash
# Everything that must hold before a change is published, in the order in which a fault shows soonest. Runs under
# with-env.sh. Tests of whole programs, and the scripts tests/e2e/*.sh, find them in VT_BIN_DIR. The scripts run beside the
# tests, because both wait more than they compute; what they print comes when the tests have ended.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

scripts() {
  local script failed=0
  shopt -s nullglob
  for script in tests/e2e/*.sh; do
    step bash "$script" || { failed=1; printf '%s failed\n' "$script"; }
  done
  return "$failed"
}

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked -- -D warnings
step cargo test --locked -p tests --test tidy
step cargo build --workspace --bins --locked
export VT_BIN_DIR=$CARGO_TARGET_DIR/debug

printed=$(mktemp)
set -m # a process group of their own, which can be ended as one
scripts >"$printed" 2>&1 </dev/null &
beside=$!
set +m
trap 'kill -- "-$beside" 2>/dev/null || true; rm -f "$printed"' EXIT

failed=0
# Tests that wait for timers leave the CPU to others.
threads=$((2 * $(nproc)))
step cargo test --workspace --locked --no-fail-fast -- --test-threads="$threads" || failed=1
wait "$beside" || failed=1
cat "$printed"
exit "$failed"
