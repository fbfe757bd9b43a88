#!/usr/bin/env bash
# The main verbs on RouteLLM's published results of GPT-4 and Mixtral (GSM8K, MMLU): train on 70 %
# of the prompts, evaluate on the rest. ROUTEWRIGHT_DATA names the folder that holds
# routellm_gsm8k and routellm_mmlu in long format; the tables land in benchmarks/results.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${ROUTEWRIGHT_DATA:?set it to the folder that holds routellm_gsm8k and routellm_mmlu}"
rw=.venv/bin/routewright
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
for name in routellm_gsm8k routellm_mmlu; do
  {
    $rw train "$ROUTEWRIGHT_DATA/$name" --router stack --out "runs/$name"
    $rw evaluate "runs/$name" --data "$ROUTEWRIGHT_DATA/$name"
  } | sed "s/ in [0-9.]* s / /" | tee "benchmarks/results/$name.txt"
done
