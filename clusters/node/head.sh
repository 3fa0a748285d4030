#!/usr/bin/env bash
# Starts the head: Ray, with its dashboard on loopback, and MLflow.
#   head.sh [options of `ray start`]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=clusters/node/environment.sh
. "$here/environment.sh"

"$here/stop.sh"
"$here/token.sh"
mkdir -p "$run"
if [ -z "${MLFLOW_TRACKING_URI:-}" ]; then  # no server of your own
  "$here/mlflow.sh" start
  export MLFLOW_TRACKING_URI=http://127.0.0.1:5000  # jobs run on the head and inherit it
fi

# Autoscaler v2, which `ray up` switches on, takes the head of a `local` cluster for gone and starts no worker.
export RAY_enable_autoscaler_v2=0
ray start --head --node-ip-address="$node_ip" --port=6379 --dashboard-host=127.0.0.1 --dashboard-port=8265 \
  --metrics-export-port=8080 --disable-usage-stats "$@" > "$run/start.log" 2>&1 || { cat "$run/start.log"; exit 1; }
[ ! -f "$run/mlflow.pid" ] || "$here/mlflow.sh" wait || { "$here/stop.sh"; exit 1; }
setsid "$here/watch.sh" "$node_ip" > "$run/watch.log" 2>&1 < /dev/null &
echo "The head runs at $node_ip. On it: dashboard http://127.0.0.1:8265, MLflow $MLFLOW_TRACKING_URI, results $RETABLE_STORAGE."
