#!/usr/bin/env bash
# Brings a machine that has Rust to where this repository builds and tests: system packages (through apt-get,
# when root), rustfmt and clippy, RocksDB, and a Python environment for the end-to-end tests. Does only what is
# missing, says nothing when all is there.
#
#   setup.sh build   what a build needs
#   setup.sh test    that, and what the checks and end-to-end tests need
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${VT_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vt}
goal=${1:-build}

die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

# Installs the Debian packages of the commands that are missing; arguments are command:package.
need_commands() {
  local pair missing=() packages=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || { missing+=("${pair%%:*}"); packages+=("${pair##*:}"); }
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  install_packages "${packages[@]}" || die "missing: ${missing[*]} (Debian packages: ${packages[*]})"
}

install_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  printf 'setup.sh: installing %s\n' "$*" >&2
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2
}

need_component() {
  cargo "$1" --version >/dev/null 2>&1 || rustup component add "$2" >&2 || die "no cargo $1: add the component $2"
}

# A virtual environment with the packages of tests/requirements.txt, one for each content of that file.
python_environment() {
  local wanted=$root/tests/requirements.txt venv
  [ -f "$wanted" ] || return 0
  venv=$cache/python/$(cksum <"$wanted" | cut -d' ' -f1)
  if [ ! -f "$venv/complete" ]; then
    python3 -c 'import venv, ensurepip' 2>/dev/null || install_packages python3-venv || die "python3 has no venv"
    rm -rf "$venv"
    mkdir -p "$cache/python"
    python3 -m venv "$venv" >&2
    # Tests say what they skip for want of a package.
    if "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2; then
      touch "$venv/complete"
    else
      printf 'setup.sh: not all packages of %s can be had\n' "$wanted" >&2
    fi
  fi
  ln -sfn "$venv" "$cache/python/current"
}

# promtool, out of Debian's package of Prometheus, whose server nobody here wants started.
prometheus_tool() {
  local tools=$cache/tools scratch
  command -v promtool >/dev/null || [ -x "$tools/usr/bin/promtool" ] && return
  if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    scratch=$(mktemp -d)
    [ "$(id -u)" != 0 ] || apt-get update -qq >&2 || true
    if (cd "$scratch" && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x ./prometheus_*.deb tools); then
      mkdir -p "$tools/usr/bin"
      mv "$scratch/tools/usr/bin/promtool" "$tools/usr/bin/"
    fi
    rm -rf "$scratch"
  fi
  # Tests say what they skip for want of it.
  [ -x "$tools/usr/bin/promtool" ] || printf 'setup.sh: promtool cannot be had\n' >&2
}

command -v cargo >/dev/null || die "no cargo: install Rust (https://rustup.rs)"
need_commands gcc:gcc g++:g++ ar:binutils flock:util-linux
[ "$(uname -s)" != Linux ] || "$root/scripts/rocksdb.sh"
if [ "$goal" = test ]; then
  need_commands curl:curl git:git python3:python3 shellcheck:shellcheck
  need_component fmt rustfmt
  need_component clippy clippy
  python_environment
  prometheus_tool
fi
