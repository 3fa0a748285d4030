#!/usr/bin/env bash
# Stops all processes of the cluster on this node: Ray, MLflow, and their watchers.
set -euo pipefail
# shellcheck source=clusters/node/environment.sh
. "$(dirname "$0")/environment.sh"

end() {  # each process leads its own process group
  kill -- "-$1" 2> /dev/null || return 0
  for _ in $(seq 50); do
    kill -0 -- "-$1" 2> /dev/null || return 0
    sleep 0.2
  done
  kill -9 -- "-$1" 2> /dev/null || true
}

for name in watch preemption mlflow; do
  if [ -f "$run/$name.pid" ]; then
    pid=$(cat "$run/$name.pid")
    rm "$run/$name.pid"
    [ "$pid" = "${WATCH:-}" ] || end "$pid"  # watch.sh itself calls this script, and ends afterwards
  fi
done
ray stop > /dev/null
