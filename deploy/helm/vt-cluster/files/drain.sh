# Moves everything off storage nodes, one after the other, and waits until each has left the cluster. $0 is the address of
# any storage node, the arguments are those of the nodes to leave. Begun again, it goes on.
members() { vtctl --addr "$0" members; }
for node in "$@"; do
  now=$(members)
  if grep -F "$node" <<<"$now" | grep -qv draining; then
    vtctl --addr "$0" drain "$node" --yes
  fi
  while now=$(members) && grep -qF "$node" <<<"$now"; do sleep 2; done
  # It has left, and it is not that nobody answers.
  members >/dev/null
done
