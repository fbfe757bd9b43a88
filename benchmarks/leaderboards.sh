#!/usr/bin/env bash
# Routers on published outcomes: five leaderboards, 5 seeds. ROUTEWRIGHT_DATA names the folder that
# holds routerbench, routellm_gsm8k and routellm_mmlu in long format. Tables land in
# benchmarks/results, pages and fits in runs/; two hours on one core, resumable.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${ROUTEWRIGHT_DATA:?set it to the folder that holds routerbench, routellm_gsm8k, …}"
rw=.venv/bin/routewright
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
board() {
  local name=$1
  shift
  $rw bench "$@" --seeds 5 --replicates 1000 --out "runs/$name" > /dev/null
  cp "runs/$name/leaderboard.txt" "benchmarks/results/$name.txt"
}
rb=$ROUTEWRIGHT_DATA/routerbench gsm8k=$ROUTEWRIGHT_DATA/routellm_gsm8k
mmlu=$ROUTEWRIGHT_DATA/routellm_mmlu
# Every family that is fitted in seconds.
board gsm8k_leaderboard --data "$gsm8k" --routers all --regimes in-distribution
board routerbench_leaderboard --data "$rb" --routers all --regimes in-distribution
board mmlu_leaderboard --data "$mmlu" --routers all --regimes in-distribution
# Topics that nobody trained on.
board shift_leaderboard --data "$rb" --routers ridge,stack --regimes leave-one-task-out
board mmlu_tasks_left_out --data "$mmlu" --routers ridge,stack --regimes leave-one-task-out
