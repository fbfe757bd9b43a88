#!/usr/bin/env bash
# The demo's verdict on five different splits, so that no split has to be believed alone.
set -euo pipefail
cd "$(dirname "$0")/.."
rw=.venv/bin/routewright
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
mkdir -p runs
for seed in 0 1 2 3 4; do
  echo "seed $seed"
  $rw train demo/recorded --router stack --out runs/seeds --seed $seed > runs/seeds.log
  $rw evaluate runs/seeds --data demo/recorded |
    grep -E '^(router|qwen2.5-coder-1.5b|zero_train|stack|cost-only|length|knn|ridge|routing pays|do not|of its cost|% of its)'
done | tee benchmarks/results/demo_seeds.txt
