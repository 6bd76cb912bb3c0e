#!/usr/bin/env bash
# Loads a corpus into a cluster on this machine (storage nodes, one insert node, one select node) and prints CPU per span
# by role, disk, memory, and the latency of queries through the select node.
#
#   [NODES=3] [RF=2] [SPANS=1000000] [SEED=1] [RUNS=15] TRACEBENCH=program [QUERIES=folder] scripts/bench-cluster.sh
#
# NODES=0 measures `vtsingle` instead, to compare with. TRACEBENCH is the load generator; without it nothing is measured.
# QUERIES holds sets of queries, `jaeger.tsv` (times in microseconds) and `logsql.tsv`. The programs are those of a release
# build. CORPUS=file takes a corpus made before, CONNS, RPS and BATCH go to the load generator, KEEP=1 leaves the data,
# DURING=command runs with the pids of all nodes but the select node while the load runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tracebench=${TRACEBENCH:-}
if [ ! -x "$tracebench" ]; then
  echo 'bench-cluster: skipped, TRACEBENCH is no program'
  exit 0
fi
. scripts/nodes.sh
nodes=${NODES:-3} rf=${RF:-2} spans=${SPANS:-1000000} runs=${RUNS:-15}
programs=(vtstorage vtinsert vtselect)
[ "$nodes" != 0 ] || programs=(vtsingle)
need_programs "${programs[@]}"

# seconds ROLE: CPU seconds of all nodes whose names begin so.
hertz=$(getconf CLK_TCK)
seconds() {
  local stat ticks=0
  for name in "${!pids[@]}"; do
    [[ $name == "$1"* ]] || continue
    stat=$(<"/proc/${pids[$name]}/stat")
    # shellcheck disable=SC2086 # fields
    set -- "$1" ${stat##*) }
    ticks=$((ticks + ${13} + ${14}))
  done
  awk -v ticks="$ticks" -v hertz="$hertz" 'BEGIN { print ticks / hertz }'
}

# of ROLE: the pids of a role, with commas.
of() {
  local all=()
  for name in "${!pids[@]}"; do [[ $name != "$1"* ]] || all+=("${pids[$name]}"); done
  (IFS=,; printf '%s' "${all[*]}")
}

storage=()
if [ "$nodes" = 0 ]; then
  next_port
  storage=("127.0.0.1:$port")
  to=${storage[0]} from=${storage[0]} roles=(single)
  run single vtsingle --httpListenAddr="$to" --otlpGRPCListenAddr=127.0.0.1:0 --storageDataPath="$dir/data" --retentionPeriod=30d
  healthy single "$to"
else
  for _ in $(seq "$nodes"); do next_port; storage+=("127.0.0.1:$port"); done
  next_port; to=127.0.0.1:$port
  next_port; from=127.0.0.1:$port
  roles=(insert storage)
  peers=$(IFS=,; printf '%s' "${storage[*]}")
  for n in $(seq 0 $((nodes - 1))); do
    run "storage-$n" vtstorage --httpListenAddr="${storage[$n]}" --storageDataPath="$dir/data/$n" --cluster.peers="$peers" \
      --cluster.advertiseAddr="${storage[$n]}" --replicationFactor="$rf" --retentionPeriod=30d
  done
  run insert vtinsert --httpListenAddr="$to" --otlpGRPCListenAddr=127.0.0.1:0 --storageNode="$peers"
  run select vtselect --httpListenAddr="$from" --storageNode="$peers"
  for n in $(seq 0 $((nodes - 1))); do healthy "storage-$n" "${storage[$n]}"; done
  healthy insert "$to"
  healthy select "$from"
  in_sync "$nodes" "${storage[@]}"
fi

now=$(date +%s)
corpus=${CORPUS:-$dir/corpus}
[ -e "$corpus" ] || "$tracebench" gen --out "$corpus" --spans "$spans" --seed "${SEED:-1}" --end "$now" --range 1800 --batch "${BATCH:-1000}" >&2

[ -z "${DURING:-}" ] || $DURING "$(of "${roles[0]}"),$(of "${roles[-1]}")" &
[ -z "${DURING:-}" ] || pids[during]=$!
declare -A before=()
for role in "${roles[@]}"; do before[$role]=$(seconds "$role"); done
accounted=()
for role in "${roles[@]}"; do for pid in $(of "$role" | tr , ' '); do accounted+=(--pids "$pid"); done; done
flush=()
for addr in "${storage[@]}"; do flush+=(--flush-url "http://$addr/internal/force_flush"); done
"$tracebench" load --corpus "$corpus" --url "http://$to/insert/opentelemetry/v1/traces" --conns "${CONNS:-4}" --rps "${RPS:-0}" \
  --spans "$spans" "${accounted[@]}" --dir "$dir/data" "${flush[@]}" --settle "${SETTLE:-3}"
for role in "${roles[@]}"; do
  seconds "$role" | awk -v role="$role" -v before="${before[$role]}" -v spans="$spans" \
    '{ printf "%-8s %6.2f µs of CPU per span\n", role, ($1 - before) * 1e6 / spans }'
done

for set in jaeger logsql; do
  [ -e "${QUERIES:-}/$set.tsv" ] || continue
  unit=
  [ "$set" != jaeger ] || unit=000000
  "$tracebench" query --base "http://$from" --queries "$QUERIES/$set.tsv" --ids "${corpus}.ids" --runs "$runs" --start $((now - 7200)) \
    --end "$now" --unit "$unit"
done
