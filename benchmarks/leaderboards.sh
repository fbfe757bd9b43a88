#!/usr/bin/env bash
# Every router on published outcomes: two leaderboards, 5 seeds. ROUTEWRIGHT_DATA names the folder
# that holds routerbench, routellm_gsm8k, routellm_mmlu and swebench_verified in long format. Tables
# land in benchmarks/results, pages and fits in runs/; half an hour on two cores, resumable.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${ROUTEWRIGHT_DATA:?set it to the folder that holds routerbench, routellm_gsm8k, …}"
rw=.venv/bin/routewright
board() {
  local name=$1
  shift
  $rw bench "$@" --routers all --seeds 5 --out "runs/$name" > /dev/null
  cp "runs/$name/leaderboard.txt" "benchmarks/results/$name.txt"
}
board small_leaderboard --data "$ROUTEWRIGHT_DATA/routerbench" \
  --data "$ROUTEWRIGHT_DATA/routellm_gsm8k" --data "$ROUTEWRIGHT_DATA/swebench_verified"
# Leaving tasks out and five seeds of MMLU take most of the time; a new model is left out.
board mmlu_leaderboard --data "$ROUTEWRIGHT_DATA/routellm_mmlu" \
  --regimes in-distribution,leave-one-task-out
