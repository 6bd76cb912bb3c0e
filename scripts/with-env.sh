#!/usr/bin/env bash
# Runs a command with the environment of this repository's builds (see setup.sh): the prebuilt RocksDB, a target
# directory outside the checkout, the Python environment and the tools of the tests first in PATH.
set -euo pipefail

cache=${VT_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vt}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
# shellcheck disable=SC1091  # written by rocksdb.sh
[ ! -f "$cache/env.sh" ] || . "$cache/env.sh"
[ ! -d "$cache/python/current/bin" ] || PATH=$(cd "$cache/python/current/bin" && pwd):$PATH
[ ! -d "$cache/tools/usr/bin" ] || PATH=$(cd "$cache/tools/usr/bin" && pwd):$PATH
exec "$@"
