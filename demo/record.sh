#!/usr/bin/env bash
# Ask the three LLMs all prompts again and grade the answers: what demo/recorded was made with.
# About an hour of two cores; stop it at any moment and call it again to go on.
set -euo pipefail
cd "$(dirname "$0")/.."
rw=.venv/bin/routewright
out=runs/record
$rw collect demo/prompts.jsonl --out $out \
  --models smollm2-135m-instruct,qwen2.5-coder-0.5b-instruct,qwen2.5-coder-1.5b-instruct
$rw judge $out --judge qwen2.5-coder-1.5b-instruct --audit 150
mkdir -p demo/recorded
cp $out/{prompts,outcomes,responses}.parquet $out/{manifest,agreement}.json demo/recorded/
