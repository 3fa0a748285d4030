#!/usr/bin/env bash
#SBATCH --job-name=retable
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --signal=B:INT@300
#SBATCH --output=retable-%j.log
#
# One Slurm job that starts a Ray cluster, runs a study on it, and ends. Run it from the root of the checkout, on a file system
# that all nodes share, after `make .venv/.ready`:
#   sbatch [--nodes=4 ...] clusters/slurm.sh studies/subsampling_ablation.py --scale paper --data DIR [--workers 4 ...]
# Five minutes before the time limit the study saves and stops; the same command resumes it.
set -euo pipefail
fail() { echo "$1" >&2; exit 2; }
[ $# -ge 1 ] || fail "usage: sbatch clusters/slurm.sh STUDY.py [its options]"
[ -n "${SLURM_JOB_ID:-}" ] || fail "this runs under Slurm: sbatch clusters/slurm.sh STUDY.py [its options]"
cd "${SLURM_SUBMIT_DIR:?}"
[ -x clusters/node/head.sh ] || fail "$PWD is not the root of the checkout: go there and sbatch again"
[ -x .venv/bin/ray ] || fail "Retable is not installed in $PWD: make .venv/.ready"

workers='' study=''
finish() {
  # shellcheck disable=SC2086,SC2317  # called by the trap; either may be empty
  { [ -z "$study$workers" ] || kill $study $workers 2> /dev/null || true; clusters/node/stop.sh || true; }
}
trap finish EXIT
trap '[ -z "$study" ] || kill -INT "$study" 2> /dev/null || true' INT  # Slurm's signal, before the time limit

export MLFLOW_TRACKING_URI=${MLFLOW_TRACKING_URI:-http://127.0.0.1:5000}  # this script runs on the head
read -r RETABLE_NODE_IP _ < <(hostname -I)
export RETABLE_NODE_IP RAY_HEAD_IP=$RETABLE_NODE_IP
clusters/node/head.sh
# shellcheck source=clusters/node/environment.sh
. clusters/node/environment.sh

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
others=$((${#nodes[@]} - 1))
if [ "$others" -gt 0 ]; then
  # The processes of a step end with it, so each worker's step sleeps.
  srun --overlap --nodes="$others" --ntasks="$others" --ntasks-per-node=1 --exclude="$(hostname -s)" --kill-on-bad-exit=0 \
    bash -c 'read -r RETABLE_NODE_IP _ < <(hostname -I) && export RETABLE_NODE_IP && clusters/node/worker.sh && exec sleep infinity' &
  workers=$!
fi
nodes_up() { python -c 'import ray; ray.init("auto", log_to_driver=False, logging_level="ERROR"); print(sum(n["Alive"] for n in ray.nodes()))'; }
for _ in $(seq 30); do
  up=$(nodes_up)
  [ "$up" -lt "${#nodes[@]}" ] || break
  sleep 5
done
echo "$up of ${#nodes[@]} nodes are up."

set -m  # otherwise the shell lets its child ignore the interrupt
python "$@" --address auto --out "$RETABLE_STORAGE" &
study=$!
set +m
status=0
wait "$study" || status=$?
while kill -0 "$study" 2> /dev/null; do  # a signal ends the wait, not the study
  status=0
  wait "$study" || status=$?
done
exit "$status"
