#!/usr/bin/env bash
# Measures what outages do to a cluster on this machine (three storage nodes, two copies, one insert and one select node)
# under a steady load of `vtgen`, and prints it beside the bars that it should stay below:
#
# - a storage node is killed (kill -9), stays away, and comes back: the time until it is in sync, exports that failed, reads
#   meanwhile, and reads when another node is killed then; the time until all copies are equal;
# - the leader of the metadata is killed, and another one is stopped (SIGTERM): the time until a new leader is known to all.
#
#   [RATE=40000] [OUTAGE=60] [WARMUP=10] [AFTER=60] scripts/bench-outage.sh
#
# RATE is in spans per second; the times are in seconds: of the outage, and of the load before and after it. VT_BIN_DIR holds
# the programs, `vtgen` too; otherwise they are those of a release build. KEEP=1 leaves the data. The status says whether
# all figures are below their bars.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/nodes.sh
rate=${RATE:-40000} outage=${OUTAGE:-60} warmup=${WARMUP:-10} after=${AFTER:-60}
copies=2
need_programs vtstorage vtinsert vtselect vtgen
need_curl

storage=()
for _ in 0 1 2; do next_port; storage+=("127.0.0.1:$port"); done
next_port; insert=127.0.0.1:$port
next_port; select=127.0.0.1:$port
peers=$(IFS=,; printf '%s' "${storage[*]}")
storage_node() {
  run "storage-$1" vtstorage --httpListenAddr="${storage[$1]}" --storageDataPath="$dir/data/$1" --cluster.peers="$peers" \
    --cluster.advertiseAddr="${storage[$1]}" --replicationFactor="$copies" --retentionPeriod=30d
}

now() { printf '%s' "$EPOCHREALTIME"; }
# since BEGUN: seconds.
since() { awk -v begun="$1" -v now="$(now)" 'BEGIN { printf "%.2f", now - begun }'; }

# row WHAT FIGURE [BAR]: a line of the table; a number above its bar is a fault.
missed=
row() {
  local verdict=''
  if [ -n "${3:-}" ]; then
    verdict=yes
    awk -v figure="$2" -v bar="$3" 'BEGIN { exit !(figure + 0 > bar + 0) }' && { verdict=NO; missed=1; }
  fi
  printf '%-66s %10s %8s  %s\n' "$1" "$2" "${3:-}" "$verdict" >>"$dir/table"
}

# field FILE NAME: a number in a report of vtgen.
field() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$1"; }

# load NAME SECONDS: begins to send.
load() {
  "$bin/vtgen" --insert "http://$insert" --select "http://$select" --rate "$rate" --seconds "$2" --sample 1000 \
    >"$dir/$1.json" 2>"$dir/$1.log" &
  pids[load]=$!
}
end_of_load() {
  wait "${pids[load]}" || true
  unset 'pids[load]'
  [ -s "$dir/$1.json" ] || fail 'the load ended without a report'
}
acknowledged() { sed -n 's/.* \([0-9]*\) acknowledged.*/\1/p' "$dir/$1.log" | tail -n 1; }

# read_for SECONDS LOAD BEFORE: counts all spans again and again. All that was acknowledged before a query must be in its
# answer. Sets reads, unanswered, partial, short and slowest.
read_for() {
  local begun end least found took
  reads=0 unanswered=0 partial=0 short=0 slowest=0
  begun=$(now)
  while end=$(since "$begun") && awk -v end="$end" -v of="$1" 'BEGIN { exit !(end < of) }'; do
    least=$(($3 + $(acknowledged "$2" || printf 0)))
    reads=$((reads + 1))
    if ! took=$(curl -fsS -m 30 -o "$dir/count.json" -D "$dir/headers" -w '%{time_total}' -G "http://$select/select/logsql/query" \
      --data-urlencode 'query=* | stats count() spans' 2>>"$dir/reads.log"); then
      unanswered=$((unanswered + 1))
      continue
    fi
    ! grep -qi '^x-partial-response' "$dir/headers" || partial=$((partial + 1))
    found=$(tr -dc '0-9' <"$dir/count.json")
    if [ "${found:-0}" -lt "$least" ]; then
      short=$((short + 1))
      printf 'counted %s of %s\n' "${found:-0}" "$least" >>"$dir/reads.log"
    fi
    slowest=$(awk -v a="$slowest" -v b="$took" 'BEGIN { print (a + 0 > b + 0) ? a : b }')
    sleep 0.5
  done
}
rows_of_reads() {
  row "$1: reads" "$reads"
  row "$1: reads without an answer" "$unanswered" 0
  row "$1: reads that are partial" "$partial" 0
  row "$1: reads that lack spans" "$short" 0
  row "$1: slowest read, s" "$slowest"
}
rows_of_load() {
  local report=$dir/$2.json
  row "$1: spans acknowledged" "$(field "$report" acknowledged)"
  row "$1: spans given up" "$(field "$report" failed)" 0
  row "$1: spans lost, of $(field "$report" checked) looked for" "$(field "$report" lost)" 0
  row "$1: most retries of one export" "$(field "$report" most_retries)" 1
  row "$1: longest export with its retries, s" "$(field "$report" longest_seconds)"
}

# leaders ADDR…: what these nodes say of who leads, each once; nothing for one that knows none.
leaders() {
  local addr
  for addr in "$@"; do
    { curl -fsS -m 1 "http://$addr/cluster/raft" 2>/dev/null || printf '{"leader":"none of %s"}' "$addr"; printf '\n'; } |
      sed -n 's/.*"leader":\("[^"]*"\|null\).*/\1/p'
  done | sort -u
}
# lead: sets leader to the number of the node that leads.
lead() {
  local n
  for _ in $(seq 300); do
    for n in 0 1 2; do
      ! curl -fsS -m 1 "http://${storage[$n]}/cluster/raft" 2>/dev/null | grep -q '"is_leader":true' || { leader=$n; return; }
    done
    sleep 0.1
  done
  fail 'there is no leader'
}
others() { local n; for n in 0 1 2; do [ "$n" = "$1" ] || printf '%s\n' "${storage[$n]}"; done; }
# until_led OLD BEGUN: waits until all nodes but the number OLD name the same other leader, and sets took.
until_led() {
  local told rest
  mapfile -t rest < <(others "$1")
  for _ in $(seq 600); do
    told=$(leaders "${rest[@]}")
    case $told in
      "$old_leader" | null | *$'\n'* | *none*) ;;
      *) took=$(since "$2"); return ;;
    esac
    sleep 0.02
  done
  fail 'no new leader'
}

# differing: slots of which not all copies are equal, by what nodes hold.
differing() {
  local addr
  for addr in "${storage[@]}"; do
    curl -fsS -m 30 "http://$addr/internal/digest" | sed 's/"\([0-9]*\)":{"spans":\([0-9]*\),"sum":"\([0-9a-f]*\)"}/\n\1 \2 \3\n/g' |
      grep '^[0-9]' || true
  done | sort | uniq -c | awk -v copies="$copies" '$1 != copies' | wc -l
}

back() { # NUMBER: starts a node again; sets took to the seconds from its health to all in sync
  local begun other
  storage_node "$1"
  healthy "storage-$1" "${storage[$1]}"
  begun=$(now)
  other=$(others "$1" | head -n 1)
  curl -fsS -m 310 -o /dev/null "http://$other/cluster/in_sync?wait=300s" || fail "storage-$1 does not get in sync"
  took=$(since "$begun")
}

for n in 0 1 2; do storage_node "$n"; done
run insert vtinsert --httpListenAddr="$insert" --otlpGRPCListenAddr=127.0.0.1:0 --storageNode="$peers"
run select vtselect --httpListenAddr="$select" --storageNode="$peers"
for n in 0 1 2; do healthy "storage-$n" "${storage[$n]}"; done
healthy insert "$insert"
healthy select "$select"
in_sync 3 "${storage[@]}"

say "A storage node is away for $outage s, under $rate spans/s"
lead
away=$(((leader + 1) % 3)) other=$(((leader + 2) % 3))
load outage $((warmup + outage + after))
sleep "$warmup"
kill_node "storage-$away"
read_for "$outage" outage 0
rows_of_reads 'storage node away'
back "$away"
row 'storage node back: from its health to in sync, s' "$took" 20
kill_node "storage-$other"
read_for 10 outage 0
rows_of_reads 'another one away then'
back "$other"
row 'that one back: from its health to in sync, s' "$took" 20
end_of_load outage
begun=$(now)
while [ "$(differing)" != 0 ]; do
  awk -v took="$(since "$begun")" 'BEGIN { exit !(took > 300) }' && fail 'copies stay different'
  sleep 0.5
done
row 'all copies equal after the load, s' "$(since "$begun")" 60
rows_of_load 'storage nodes away' outage
before=$(field "$dir/outage.json" acknowledged)

say 'The leader is killed'
load killed $((warmup + 15))
sleep "$warmup"
lead
old_leader=$(leaders "${storage[$leader]}")
begun=$(now)
kill_node "storage-$leader"
until_led "$leader" "$begun"
row 'leader killed: until all others know a new one, s' "$took" 2
read_for 5 killed "$before"
rows_of_reads 'leader killed'
back "$leader"
end_of_load killed
rows_of_load 'leader killed' killed
before=$((before + $(field "$dir/killed.json" acknowledged)))

say 'The leader is stopped'
load stopped $((warmup + 15))
sleep "$warmup"
lead
old_leader=$(leaders "${storage[$leader]}")
begun=$(now)
kill -TERM "${pids[storage-$leader]}"
until_led "$leader" "$begun"
row 'leader stopped: until all others know a new one, s' "$took" 2
wait "${pids[storage-$leader]}" || fail 'the node ended badly'
unset "pids[storage-$leader]"
read_for 5 stopped "$before"
rows_of_reads 'leader stopped'
back "$leader"
end_of_load stopped
rows_of_load 'leader stopped' stopped

say 'Figures'
printf '%-66s %10s %8s  %s\n' '' figure bar 'held'
cat "$dir/table"
[ -z "$missed" ] || die 'not all bars are held'
