#!/usr/bin/env bash
# Starts vtsingle on a temporary directory, sends sample traces to it, and shows what came back. Stays up until Ctrl-C;
# with DEMO_EXIT=1 it stops by itself, with a status that says whether all spans came back. Run by `make demo`, which
# builds the program first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/nodes.sh
need_programs vtsingle
need_curl

# The port itself when it is free, else the next free one from 20000 above.
free_port() {
  local port=$1
  if taken "$port"; then
    port=$(($1 + 20000))
    while taken "$port"; do port=$((port + 1)); done
    printf 'demo: port %s is taken, using %s\n' "$1" "$port" >&2
  fi
  printf '%s' "$port"
}

http=$(free_port 10428) grpc=$(free_port 4317)
base=http://127.0.0.1:$http
run vtsingle vtsingle --storageDataPath="$dir/data" --httpListenAddr="127.0.0.1:$http" --otlpGRPCListenAddr="127.0.0.1:$grpc"
healthy vtsingle "127.0.0.1:$http"

say 'Sending sample traces (OTLP/HTTP, JSON)'
scripts/sample-traces.sh >"$dir/sample.json"
printf 'curl -H "Content-Type: application/json" --data-binary @sample.json %s/v1/traces\n' "$base"
curl -fsS -H 'Content-Type: application/json' --data-binary "@$dir/sample.json" "$base/v1/traces"
sent=$(grep -o '"spanId":"[0-9a-f]*","parentSpanId"' "$dir/sample.json" | wc -l)

say 'Services'
services=$base/select/jaeger/api/services
printf 'curl %s\n' "$services"
curl -fsS "$services" | tee "$dir/services.json"

say 'The newest trace with an error in "checkout"'
search="$base/select/jaeger/api/traces?service=checkout&limit=1&tags=%7B%22error%22%3A%22true%22%7D"
printf "curl '%s'\n" "$search"
curl -fsS "$search" >"$dir/search.json"
head -c 1500 "$dir/search.json"
[ "$(wc -c <"$dir/search.json")" -le 1500 ] || printf ' …'

# All spans must come back, by search and by trace id.
spans_of() { grep -o '"operationName"' "$1" | wc -l; }
came_back=0
while read -r id; do
  curl -fsS "$base/select/jaeger/api/traces/$id" >"$dir/trace.json" || continue
  came_back=$((came_back + $(spans_of "$dir/trace.json")))
done < <(grep -o '"traceId":"[0-9a-f]*","spanId":"[0-9a-f]*","parentSpanId"' "$dir/sample.json" | cut -d'"' -f4 | sort -u)

say "$came_back of $sent spans came back by trace id, $(spans_of "$dir/search.json") by the search"
ok=1
[ "$came_back" = "$sent" ] && [ "$(spans_of "$dir/search.json")" = 6 ] || ok=
for name in cart checkout frontend mailer payment; do
  grep -q "\"$name\"" "$dir/services.json" || { printf 'demo: service %s is missing\n' "$name" >&2; ok=; }
done

cat <<TEXT

  OTLP/gRPC      127.0.0.1:$grpc
  OTLP/HTTP      $base/v1/traces
  Jaeger API     $base/select/jaeger   (as the URL of Grafana's Jaeger data source)
  Metrics        $base/metrics
  Flags          $base/flags
  Data           $dir/data
TEXT

if [ -n "${DEMO_EXIT:-}" ]; then
  [ -n "$ok" ] || fail 'not everything came back'
  exit 0
fi
say 'Ctrl-C stops it and removes the data'
wait "${pids[vtsingle]}" || fail 'vtsingle ended'
