#!/usr/bin/env bash
# Starts a cluster on this machine (three storage nodes, two insert nodes, two select nodes, two copies of each span) in a
# temporary directory, sends it a load of sample traces, kills a storage node in the middle of it, and shows that nothing is
# lost and that reads stay complete. Stays up until Ctrl-C; with DEMO_EXIT=1 it stops by itself, with a status that says
# whether all of that was so. Run by `make demo-cluster`, which builds the programs first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=${CARGO_TARGET_DIR:-target}/release
die() { printf 'demo-cluster: %s\n' "$*" >&2; exit 1; }
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

for name in vtstorage vtinsert vtselect vtctl; do
  [ -x "$bin/$name" ] || die "no $bin/$name: run make demo-cluster"
done
if ! command -v curl >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die 'curl is missing (Debian package: curl)'; fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends curl; } >&2
fi

dir=$(mktemp -d)
declare -A pids=()
load=
stop() {
  trap - EXIT INT TERM
  if [ -n "$load" ]; then kill "$load" 2>/dev/null || true; fi
  for name in "${!pids[@]}"; do kill -TERM "${pids[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets `port` to the next free one of 20000 above the nodes' usual ports.
port=30471
next_port() {
  port=$((port + 1))
  while taken "$port"; do port=$((port + 1)); done
}

# run NAME PROGRAM FLAGS: starts a node, its log beside the data.
run() {
  local name=$1 program=$2
  shift 2
  "$bin/$program" "$@" 2>>"$dir/$name.log" &
  pids[$name]=$!
}

fail() {
  tail -n 20 "$dir"/*.log >&2 || true
  die "$*"
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

storage=() insert=() select=()
for _ in 1 2 3; do next_port; storage+=("127.0.0.1:$port"); done
for _ in 1 2; do next_port; insert+=("127.0.0.1:$port"); done
for _ in 1 2; do next_port; select+=("127.0.0.1:$port"); done
peers=$(IFS=,; printf '%s' "${storage[*]}")

storage_node() {
  run "storage-$1" vtstorage --httpListenAddr="${storage[$1]}" --storageDataPath="$dir/storage-$1" \
    --cluster.peers="$peers" --cluster.advertiseAddr="${storage[$1]}" --replicationFactor=2
}

# in_sync COUNT: waits until that many members are live and in sync.
in_sync() {
  local members
  for _ in $(seq 600); do
    members=$("$bin/vtctl" members --json --addr "$peers" 2>/dev/null | tr '{' '\n' | grep '"in_sync":true' | grep -c '"live":true') || true
    [ "$members" = "$1" ] && return
    sleep 0.1
  done
  fail "not $1 nodes are in sync: $("$bin/vtctl" members --addr "$peers" 2>&1)"
}

say 'Starting 3 storage, 2 insert and 2 select nodes'
for n in 0 1 2; do storage_node "$n"; done
for n in 0 1; do
  run "insert-$n" vtinsert --httpListenAddr="${insert[$n]}" --storageNode="$peers"
  run "select-$n" vtselect --httpListenAddr="${select[$n]}" --storageNode="$peers"
done
for n in 0 1 2; do healthy "storage-$n" "${storage[$n]}"; done
for n in 0 1; do
  healthy "insert-$n" "${insert[$n]}"
  healthy "select-$n" "${select[$n]}"
done
in_sync 3
printf 'vtctl members --addr %s\n' "${storage[0]}"
"$bin/vtctl" members --addr "$peers"

# The load: a request over and over under new trace ids, to both insert nodes by turns. A request that fails is sent to
# the other one, as an OpenTelemetry exporter behind a load balancer would. What was acknowledged is counted.
orders=60
scripts/sample-traces.sh "$orders" >"$dir/sample.json"
spans_each=$((orders * 6 + 2))
[[ $(head -c 4096 "$dir/sample.json") =~ \"traceId\":\"([0-9a-f]{8}) ]] || die 'no trace id in the sample'
prefix=${BASH_REMATCH[1]}
export_spans() { # NODE FILE
  curl -fsS -m 15 -o /dev/null -H 'Content-Type: application/json' --data-binary "@$2" "http://${insert[$1]}/v1/traces" 2>>"$dir/load.log"
}
send_load() {
  local round=0 retries=0
  while [ ! -e "$dir/stop" ]; do
    sed "s/\"traceId\":\"$prefix/\"traceId\":\"$(printf '%08x' "$round")/g" "$dir/sample.json" >"$dir/request.json"
    until export_spans "$(((round + retries) % 2))" "$dir/request.json"; do
      retries=$((retries + 1))
      printf '%s' "$retries" >"$dir/retries"
      [ "$retries" -lt 100 ] || exit 1
      sleep 0.1
    done
    round=$((round + 1))
    printf '%s' "$((round * spans_each))" >"$dir/acknowledged.new"
    mv "$dir/acknowledged.new" "$dir/acknowledged"
  done
}
printf '0' >"$dir/acknowledged"
printf '0' >"$dir/retries"

ok=1
# count NODE: spans that a select node finds; what was acknowledged before must be among them, and nothing be missing.
count() {
  local before found
  before=$(<"$dir/acknowledged")
  curl -fsS -D "$dir/headers" -G "http://${select[$1]}/select/logsql/query" --data-urlencode 'query=* | stats count() spans' >"$dir/count.json" \
    || { printf 'select node %s does not answer\n' "$1" >&2; ok=; return; }
  found=$(tr -dc '0-9' <"$dir/count.json")
  local complete=complete
  if grep -qi '^x-partial-response' "$dir/headers"; then complete='PARTIAL'; ok=; fi
  printf 'select node %s: %s spans, %s; acknowledged before: %s\n' "$1" "$found" "$complete" "$before"
  [ "${found:-0}" -ge "$before" ] || { printf 'demo-cluster: spans are missing\n' >&2; ok=; }
}

say 'Sending a load, and counting meanwhile'
send_load &
load=$!
sleep 3
count 0
count 1

say "Killing storage node 0 (kill -9), with the load going on"
kill -KILL "${pids[storage-0]}"
wait "${pids[storage-0]}" 2>/dev/null || true
unset 'pids[storage-0]'
for _ in 1 2 3 4; do
  sleep 1.5
  count 0
  count 1
done
"$bin/vtctl" members --addr "$peers"

say 'Starting it again: it gets what it missed'
storage_node 0
healthy storage-0 "${storage[0]}"
in_sync 3
count 0
"$bin/vtctl" members --addr "$peers"

say 'Killing storage node 1'
kill -KILL "${pids[storage-1]}"
wait "${pids[storage-1]}" 2>/dev/null || true
unset 'pids[storage-1]'
sleep 4
count 0
count 1

touch "$dir/stop"
wait "$load" || { ok=; printf 'demo-cluster: the load failed: %s\n' "$(tail -n 3 "$dir/load.log")" >&2; }
load=
acknowledged=$(<"$dir/acknowledged")
count 0
found=$(tr -dc '0-9' <"$dir/count.json")
say "$found of $acknowledged acknowledged spans are there, each once; $(<"$dir/retries") requests had to be sent again"
[ "$found" = "$acknowledged" ] || ok=

cat <<TEXT

  OTLP           http://${insert[0]}/v1/traces, ${insert[0]} (gRPC); and ${insert[1]}
  Jaeger API     http://${select[0]}/select/jaeger   (as the URL of Grafana's Jaeger data source); and ${select[1]}
  LogsQL         http://${select[0]}/select/logsql
  Storage nodes  ${storage[*]}
  Operators      vtctl status --addr ${storage[0]}
  Data, logs     $dir
TEXT

if [ -n "${DEMO_EXIT:-}" ]; then
  [ -n "$ok" ] || fail 'not everything was as it should be'
  exit 0
fi
say 'Ctrl-C stops it and removes the data'
wait
