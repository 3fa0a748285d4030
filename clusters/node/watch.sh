#!/usr/bin/env bash
# Stops this node's processes when the cluster has ended: `ray down` itself stops only the head's Ray.
#   watch.sh HEAD_IP
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=clusters/node/environment.sh
. "$here/environment.sh"
head=$1

ray_runs_here() {
  grep -qsx raylet /proc/[0-9]*/comm
}
head_refuses() {  # an unreachable head may come back: Ray waits for it for a minute, and then ends on this node
  local answer
  ! answer=$(LC_ALL=C timeout 5 bash -c ": <> /dev/tcp/$head/6379" 2>&1) && [[ $answer == *"Connection refused"* ]]
}

echo $$ > "$run/watch.pid"
gone=0
while [ "$gone" -lt 3 ]; do
  sleep 2
  if ray_runs_here && ! head_refuses; then gone=0; else gone=$((gone + 1)); fi
done
WATCH=$$ "$here/stop.sh"
