#!/usr/bin/env bash
# Starts a worker of the head at RAY_HEAD_IP, which `ray up` sets.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=clusters/node/environment.sh
. "$here/environment.sh"

"$here/stop.sh"
[ -s ~/.ray/auth_token ] || { echo "no token in ~/.ray/auth_token: the head's was not copied here" >&2; exit 1; }
chmod 600 ~/.ray/auth_token
mkdir -p "$run"
ray start --address="$RAY_HEAD_IP:6379" --node-ip-address="$node_ip" --metrics-export-port=8080 --disable-usage-stats \
  > "$run/start.log" 2>&1 || { cat "$run/start.log"; exit 1; }
setsid "$here/watch.sh" "$RAY_HEAD_IP" > "$run/watch.log" 2>&1 < /dev/null &

# A cloud gives its spot machines a preemption notice; Ray itself does not read it.
case $(cat /sys/class/dmi/id/sys_vendor 2> /dev/null || true) in
  "Amazon EC2") cloud=aws ;;
  Google) cloud=gcp ;;
  *) exit 0 ;;
esac
setsid python -m retable.cluster.spot.preemption "$cloud" > "$run/preemption.log" 2>&1 < /dev/null &
echo $! > "$run/preemption.pid"
