#!/usr/bin/env bash
# The head's MLflow server, on loopback: drivers run on the head too, and people reach it through SSH.
#   mlflow.sh start    starts it        mlflow.sh wait    waits until it answers, or fails with its log
set -euo pipefail
# shellcheck source=clusters/node/environment.sh
. "$(dirname "$0")/environment.sh"

case ${1:-} in
  start)
    mkdir -p "$run"
    export MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
    # The URI may hold a password, so it is not in the command line, which all users can read. The file is not in the shared
    # folder, since SQLite's locks don't work on NFS.
    export MLFLOW_BACKEND_STORE_URI=${RETABLE_POSTGRES_URL:-sqlite:///$root/mlflow.db}
    setsid mlflow server --host 127.0.0.1 --port 5000 --workers 2 --allowed-hosts '127.0.0.1:*,localhost:*' \
      --uvicorn-opts '--log-level warning' \
      --serve-artifacts --artifacts-destination "$RETABLE_STORAGE/mlflow-artifacts" > "$run/mlflow.log" 2>&1 < /dev/null &
    echo $! > "$run/mlflow.pid" ;;
  wait)
    for _ in $(seq 180); do
      if python -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:5000/health", timeout=5)' 2> /dev/null; then
        exit 0
      fi
      kill -0 "$(cat "$run/mlflow.pid")" 2> /dev/null || break
      sleep 1
    done
    echo "MLflow does not answer on port 5000. The end of $run/mlflow.log:" >&2
    tail -n 20 "$run/mlflow.log" >&2
    exit 1 ;;
  *) sed -n 2,3p "$0"; exit 2 ;;
esac
