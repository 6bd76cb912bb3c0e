#!/usr/bin/env bash
# Clients as people run them, against a real vtsingle: the OpenTelemetry SDK for Python, and an instrumented FastAPI
# service on PostgreSQL. Needs VT_BIN_DIR; arguments go to pytest. What cannot be had on this machine is skipped, and
# said so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${VT_BIN_DIR:?the folder of the built programs}"

missing=$(python3 - ../requirements.txt <<'PYTHON'
import re
import sys
from importlib import metadata

for line in open(sys.argv[1], encoding="utf-8"):
    if wanted := re.match(r"([\w.-]+)==(\S+)", line):
        try:
            found = metadata.version(wanted[1])
        except metadata.PackageNotFoundError:
            found = None
        if found != wanted[2]:
            print(wanted[0], end=" ")
PYTHON
)
if [ -n "$missing" ]; then
  printf '\n*** SKIPPED: tests with Python clients, for want of these packages: %s\n\n' "$missing" >&2
  exit 0
fi

have_postgres() { command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

# Debian's package would start a server of its own; the tests start theirs.
install_postgres() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  local config=/etc/postgresql-common/createcluster.d/no-main-cluster.conf installed=0
  mkdir -p "${config%/*}"
  echo 'create_main_cluster = false' >"$config"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2 || installed=1
  rm -f "$config"
  return "$installed"
}
have_postgres || install_postgres || true
have_postgres || printf '\n*** SKIPPED: tests with PostgreSQL, for want of it (Debian package: postgresql)\n\n' >&2

export PYTHONDONTWRITEBYTECODE=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Tests that hang end as if they were interrupted, so that they still clear up.
timeout --foreground --kill-after=30 300 \
  python3 -m pytest -p no:cacheprovider --basetemp="$scratch/pytest" -q -rsfE python "$@"
