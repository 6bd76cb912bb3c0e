#!/usr/bin/env bash
# Starts a cluster on this machine (three storage nodes, two insert nodes, two select nodes, two copies of each span) in a
# temporary directory, with the flags that the Helm chart gives to its pods, sends it a load of sample traces, kills a
# storage node in the middle of it, and shows that nothing is lost and that reads stay complete. Stays up until Ctrl-C; with
# DEMO_EXIT=1 it stops by itself, with a status that says whether all of that was so. Run by `make demo-cluster`, which
# builds the programs first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/nodes.sh
need_programs vtstorage vtinsert vtselect vtctl
need_curl

# What `helm template` makes of the chart's default values. A test keeps it so, and no helm is needed here.
manifests=tests/e2e/charts/golden/cluster-default.yaml

# flags_of PROGRAM: the flags of its container, one a line.
flags_of() {
  awk -v command="command: [\"/usr/local/bin/$1\"]" '
    index($0, command) { found = 1 }
    found && /^ *args:/ { inside = 1; next }
    inside && /^ *- "--/ { sub(/^ *- "/, ""); sub(/"$/, ""); print; next }
    inside && NF { exit }' "$manifests"
}

storage=() insert=() select=() receivers=()
for _ in 1 2 3; do next_port; storage+=("127.0.0.1:$port"); done
for _ in 1 2; do next_port; insert+=("127.0.0.1:$port"); done
for _ in 1 2; do next_port; receivers+=("127.0.0.1:$port"); done
for _ in 1 2; do next_port; select+=("127.0.0.1:$port"); done
peers=$(IFS=,; printf '%s' "${storage[*]}")
service=$(flags_of vtstorage | sed -n 's/^--cluster.peers=//p')
[ -n "$service" ] || die "no flags in $manifests"

# pod NAME PROGRAM ADDR [RECEIVER]: starts a pod's program, with addresses and directories of this machine.
pod() {
  local name=$1 program=$2 addr=$3 receiver=${4:-} flag flags=()
  while IFS= read -r flag; do
    case $flag in
      # Nobody has to notice that it leaves.
      --http.shutdownDelay=*) continue ;;
      --httpListenAddr=*) flag=--httpListenAddr=$addr ;;
      --otlpGRPCListenAddr=*) flag=--otlpGRPCListenAddr=$receiver ;;
      --storageDataPath=*) flag=--storageDataPath=$dir/$name ;;
      # The pod's own name, and the service's, which stands for all of them.
      --*="\$(POD_NAME).$service") flag=${flag%%=*}=$addr ;;
      --*="$service") flag=${flag%%=*}=$peers ;;
    esac
    flags+=("$flag")
  done < <(flags_of "$program")
  run "$name" "$program" "${flags[@]}"
}
storage_node() { pod "storage-$1" vtstorage "${storage[$1]}"; }

say 'Starting 3 storage, 2 insert and 2 select nodes'
for n in 0 1 2; do storage_node "$n"; done
for n in 0 1; do
  pod "insert-$n" vtinsert "${insert[$n]}" "${receivers[$n]}"
  pod "select-$n" vtselect "${select[$n]}"
done
for n in 0 1 2; do healthy "storage-$n" "${storage[$n]}"; done
for n in 0 1; do
  healthy "insert-$n" "${insert[$n]}"
  healthy "select-$n" "${select[$n]}"
done
in_sync 3 "${storage[@]}"
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
pids[load]=$!
sleep 3
count 0
count 1

say "Killing storage node 0 (kill -9), with the load going on"
kill_node storage-0
for _ in 1 2 3 4; do
  sleep 1.5
  count 0
  count 1
done
"$bin/vtctl" members --addr "$peers"

say 'Starting it again: it gets what it missed'
storage_node 0
healthy storage-0 "${storage[0]}"
in_sync 3 "${storage[@]}"
count 0
"$bin/vtctl" members --addr "$peers"

say 'Killing storage node 1'
kill_node storage-1
sleep 4
count 0
count 1

touch "$dir/stop"
wait "${pids[load]}" || { ok=; printf 'demo-cluster: the load failed: %s\n' "$(tail -n 3 "$dir/load.log")" >&2; }
unset 'pids[load]'
acknowledged=$(<"$dir/acknowledged")
count 0
found=$(tr -dc '0-9' <"$dir/count.json")
say "$found of $acknowledged acknowledged spans are there, each once; $(<"$dir/retries") requests had to be sent again"
[ "$found" = "$acknowledged" ] || ok=

cat <<TEXT

  OTLP           http://${insert[0]}/v1/traces, ${receivers[0]} (gRPC); and ${insert[1]}, ${receivers[1]}
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
