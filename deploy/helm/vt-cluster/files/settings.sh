# Changes a setting of the cluster. $0 is the address of any storage node, the argument is NAME=VALUE.
until vtctl --addr "$0" settings "$1" --yes; do sleep 5; done
