#!/usr/bin/env bash
# Starts vtsingle on a temporary directory, sends sample traces to it, and shows what came back. Stays up until Ctrl-C;
# with DEMO_EXIT=1 it stops by itself, with a status that says whether all spans came back. Run by `make demo`, which
# builds the program first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=${CARGO_TARGET_DIR:-target}/release/vtsingle
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

[ -x "$bin" ] || die "no $bin: run make demo"
if ! command -v curl >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die 'curl is missing (Debian package: curl)'; fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends curl; } >&2
fi

dir=$(mktemp -d) server=
stop() {
  trap - EXIT INT TERM
  if [ -n "$server" ]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

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
"$bin" --storageDataPath="$dir/data" --httpListenAddr="127.0.0.1:$http" --otlpGRPCListenAddr="127.0.0.1:$grpc" 2>"$dir/log" &
server=$!
for _ in $(seq 300); do
  curl -fsS "$base/health" >/dev/null 2>&1 && break
  kill -0 "$server" 2>/dev/null || { cat "$dir/log" >&2; server=; die 'vtsingle did not start'; }
  sleep 0.1
done
curl -fsS "$base/health" >/dev/null || { cat "$dir/log" >&2; die 'vtsingle does not answer'; }

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
  [ -n "$ok" ] || { cat "$dir/log" >&2; die 'not everything came back'; }
  exit 0
fi
say 'Ctrl-C stops it and removes the data'
wait "$server" || die "vtsingle ended: $(tail -n 5 "$dir/log")"
