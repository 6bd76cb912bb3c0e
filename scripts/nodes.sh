# shellcheck shell=bash
# What the scripts share that start nodes on this machine; to be sourced. Nodes live in the temporary directory $dir, which
# goes with them (unless KEEP is set); their programs are in $bin, which VT_BIN_DIR sets.

bin=${VT_BIN_DIR:-${CARGO_TARGET_DIR:-target}/release}
# They would be taken for flags.
unset VT_BIN_DIR VT_CACHE_DIR
dir=$(mktemp -d)
declare -A pids=()

die() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 1; }
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# Ends with the reason, and with what the nodes said last.
fail() {
  tail -n 20 "$dir"/*.log >&2 || true
  die "$*"
}

need_programs() {
  local name
  for name in "$@"; do [ -x "$bin/$name" ] || die "no $bin/$name: run make build"; done
}

need_curl() {
  command -v curl >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die 'curl is missing (Debian package: curl)'; fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends curl; } >&2
}

stop_nodes() {
  trap - EXIT INT TERM
  local name
  for name in "${!pids[@]}"; do kill -TERM "${pids[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [ -n "${KEEP:-}" ] || rm -rf "$dir"
}
trap stop_nodes EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets `port` to the next free one above it: 20000 above the nodes' usual ports.
port=30427
next_port() {
  port=$((port + 1))
  while taken "$port"; do port=$((port + 1)); done
}

# run NAME PROGRAM FLAGS: starts a node, its log beside the data.
run() {
  local name=$1 program=$2
  shift 2
  "$bin/$program" "$@" 2>>"$dir/$name.log" >&2 &
  pids[$name]=$!
}

# kill_node NAME: as a crash would.
kill_node() {
  kill -KILL "${pids[$1]}"
  wait "${pids[$1]}" 2>/dev/null || true
  unset "pids[$1]"
}

# healthy NAME ADDR: waits until a node serves.
healthy() {
  for _ in $(seq 300); do
    curl -fsS "http://$2/health" >/dev/null 2>&1 && return
    kill -0 "${pids[$1]}" 2>/dev/null || fail "$1 ended"
    sleep 0.1
  done
  fail "$1 does not serve"
}

# in_sync COUNT ADDR…: waits until that many members are live and in sync, as one of the storage nodes says.
in_sync() {
  local wanted=$1 members addr
  shift
  for _ in $(seq 600); do
    for addr in "$@"; do
      members=$(curl -fsS -m 5 "http://$addr/cluster/members" 2>/dev/null | tr '{' '\n' | grep '"in_sync":true' | grep -c '"live":true') || true
      [ "$members" != "$wanted" ] || return 0
    done
    sleep 0.1
  done
  fail "not $wanted nodes are in sync"
}
