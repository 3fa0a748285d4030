#!/usr/bin/env bash
# Ends all that the cluster runs on this node: Ray, MLflow, and what watches over them.
set -euo pipefail
# shellcheck source=clusters/node/environment.sh
. "$(dirname "$0")/environment.sh"

end() {  # each leads a process group of its own
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
    [ "$pid" = "${WATCH:-}" ] || end "$pid"  # the watch itself calls this script, and ends after it
  fi
done
ray stop > /dev/null
