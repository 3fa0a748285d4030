# shellcheck shell=bash
# Variables of the scripts in this folder. They source this file; it is never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)  # the checkout on this node
# shellcheck disable=SC2034
run=/tmp/ray/retable  # logs, and process ids of all processes but Ray's
export PATH="$root/.venv/bin:$PATH"

if [ -f "$root/clusters/node/settings.env" ]; then
  set -a
  # shellcheck source=/dev/null
  . "$root/clusters/node/settings.env"
  set +a
fi
export RETABLE_STORAGE=${RETABLE_STORAGE:-$root/results}
export RAY_AUTH_MODE=token  # otherwise the cluster's job API runs anybody's code
export RAY_USAGE_STATS_ENABLED=0
unset OMP_NUM_THREADS PYTHONWARNINGS  # `ray up` sets one thread; without it, Ray gives a worker as many as its CPUs

# Nodes reach each other at the address of the SSH connection. By default Ray uses the address of the default route, and gloo
# the address of the host name, which may be loopback.
node_ip=${RETABLE_NODE_IP:-$(cut -d ' ' -f 3 <<< "${SSH_CONNECTION:-- - 127.0.0.1 -}")}
interface=$(ip -o addr show 2> /dev/null | awk -v ip="$node_ip" '{ split($4, at, "/") } at[1] == ip { print $2; exit }' || true)
if [ -n "$interface" ]; then
  export GLOO_SOCKET_IFNAME=${GLOO_SOCKET_IFNAME:-$interface} NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-$interface}
fi
