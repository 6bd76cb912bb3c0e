#!/usr/bin/env bash
# Prints an OTLP/JSON request with sample traces that end now: a small shop of four services and a database, with
# errors, events and links. One order trace of six spans per order, and one follow-up trace of two spans that links to
# the last order.
#
#   sample-traces.sh [ORDERS]
set -euo pipefail

orders=${1:-8}
start_of_run=$(date +%s%N)
seed=$(((start_of_run / 1000) % 0xffffffff))

trace_id() { printf '%08x%024x' "$seed" "$1"; }
span_id() { printf '%08x%08x' $((seed ^ 0x5bd1e995)) "$1"; }

text() { printf '{"key":"%s","value":{"stringValue":"%s"}}' "$1" "$2"; }
int() { printf '{"key":"%s","value":{"intValue":"%s"}}' "$1" "$2"; }
double() { printf '{"key":"%s","value":{"doubleValue":%s}}' "$1" "$2"; }
bool() { printf '{"key":"%s","value":{"boolValue":%s}}' "$1" "$2"; }

join() { local IFS=,; printf '%s' "$*"; }

# span TRACE SPAN PARENT NAME KIND START_NS DURATION_MS ATTRIBUTES [MORE_FIELDS]; PARENT 0 means none.
span() {
  local parent=
  [ "$3" = 0 ] || parent=$(span_id "$3")
  printf '{"traceId":"%s","spanId":"%s","parentSpanId":"%s","name":"%s","kind":%s,' "$(trace_id "$1")" "$(span_id "$2")" "$parent" "$4" "$5"
  printf '"startTimeUnixNano":"%s","endTimeUnixNano":"%s","attributes":[%s]%s}' "$6" $(($6 + $7 * 1000000)) "$8" "${9:+,$9}"
}

# service NAME VERSION SPANS: a resource with its spans.
service() {
  printf '{"resource":{"attributes":[%s]},' "$(join "$(text service.name "$1")" "$(text service.version "$2")" "$(text deployment.environment.name demo)")"
  printf '"scopeSpans":[{"scope":{"name":"sample-traces","version":"1.0.0"},"spans":[%s]}]}' "$3"
}

failure() { # TIME_NS TYPE MESSAGE: an error status with the event that explains it
  printf '"status":{"code":2,"message":"%s"},"events":[{"timeUnixNano":"%s","name":"exception","attributes":[%s]}]' \
    "$3" "$1" "$(join "$(text exception.type "$2")" "$(text exception.message "$3")")"
}

# order NUMBER: appends the spans of one order to the services' lists.
order() {
  local n=$1 at=$((start_of_run - (orders - $1 + 1) * 2000000000)) base=$(($1 * 16)) status=200 payment_more='' checkout_more=''
  local ms=1000000
  if ((n % 4 == 3)); then
    status=502
    payment_more=$(failure $((at + 90 * ms)) CardDeclined 'card declined by issuer')
    checkout_more=$(failure $((at + 95 * ms)) PaymentFailed 'payment failed')
  fi
  frontend+=("$(span "$n" $((base + 1)) 0 'POST /orders' 2 "$at" $((120 + n * 7)) \
    "$(join "$(text http.request.method POST)" "$(text http.route /orders)" "$(int http.response.status_code $status)" "$(text enduser.id "user-$((n % 3))")")")")
  cart+=("$(span "$n" $((base + 2)) $((base + 1)) 'cart.get' 2 $((at + 5 * ms)) 12 "$(join "$(int cart.items $((n + 1)))" "$(bool cache.hit "$( ((n % 2)) && echo true || echo false)")")")")
  checkout+=("$(span "$n" $((base + 3)) $((base + 1)) 'checkout.place' 2 $((at + 20 * ms)) $((85 + n * 5)) \
    "$(join "$(double order.total "$((n * 13 + 9)).95")" "$(text order.currency EUR)")" "$checkout_more")")
  # shellcheck disable=SC2016  # the placeholders of SQL
  checkout+=("$(span "$n" $((base + 4)) $((base + 3)) 'INSERT orders' 3 $((at + 25 * ms)) $((8 + n)) \
    "$(join "$(text db.system.name postgresql)" "$(text db.query.text 'INSERT INTO orders (user_id, total) VALUES ($1, $2)')")")")
  payment+=("$(span "$n" $((base + 5)) $((base + 3)) 'payment.charge' 2 $((at + 40 * ms)) $((55 + n * 3)) "$(join "$(text payment.provider acme-pay)" "$(int payment.attempt 1)")" "$payment_more")")
  payment+=("$(span "$n" $((base + 6)) $((base + 5)) 'POST acme-pay' 3 $((at + 45 * ms)) $((45 + n * 3)) "$(join "$(text server.address api.acme-pay.example)" "$(int server.port 443)")")")
}

frontend=() cart=() checkout=() payment=() mailer=()
for ((n = 1; n <= orders; n++)); do
  order "$n"
done
mail=$((orders + 1)) linked="\"links\":[{\"traceId\":\"$(trace_id "$orders")\",\"spanId\":\"$(span_id $((orders * 16 + 3)))\",\"attributes\":[$(text link.reason order)]}]"
mailer+=("$(span $mail $((mail * 16 + 1)) 0 'orders process' 5 $((start_of_run - 1000000000)) 40 "$(text messaging.system rabbitmq)" "$linked")")
mailer+=("$(span $mail $((mail * 16 + 2)) $((mail * 16 + 1)) 'smtp.send' 3 $((start_of_run - 990000000)) 25 "$(text server.address mail.example)")")

printf '{"resourceSpans":[%s]}\n' "$(join \
  "$(service frontend 2.4.1 "$(join "${frontend[@]}")")" \
  "$(service cart 1.9.0 "$(join "${cart[@]}")")" \
  "$(service checkout 3.0.2 "$(join "${checkout[@]}")")" \
  "$(service payment 1.2.7 "$(join "${payment[@]}")")" \
  "$(service mailer 0.8.3 "$(join "${mailer[@]}")")")"
