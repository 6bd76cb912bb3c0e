#!/usr/bin/env bash
# Everything that must hold before a change is published, in the order in which a fault shows soonest. Runs under
# with-env.sh. Tests of whole programs, and the scripts tests/e2e/*.sh, find them in VT_BIN_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked -- -D warnings
step cargo test --locked -p tests --test tidy
step cargo build --workspace --bins --locked
export VT_BIN_DIR=$CARGO_TARGET_DIR/debug
step cargo test --workspace --locked --no-fail-fast
shopt -s nullglob
for script in tests/e2e/*.sh; do
  step bash "$script"
done
