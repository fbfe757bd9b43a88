#!/usr/bin/env bash
# The main job on recorded answers of real LLMs, then a live gateway in front of them.
# Called by `make demo`; every step is a command that you could type yourself.
set -euo pipefail
cd "$(dirname "$0")/.."
rw=.venv/bin/routewright
out=runs/demo
config=demo/routewright.toml
[ "${POOL:-small}" = full ] && config=demo/routewright-full.toml
port=${ROUTEWRIGHT_PORT:-8080}
mkdir -p "$out"

step() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

echo "660 prompts, three LLMs, 1,980 graded answers: demo/recorded (make record asks them all again)"
step $rw train demo/recorded --router stack --out $out/router
step $rw evaluate $out/router --data demo/recorded --report $out/report.html
[ "${SERVE:-1}" = 0 ] && exit 0

demo/stop.sh quietly
printf '\n\033[1m$ %s\033[0m\n' "$rw serve --config $config --port $port &"
setsid nohup $rw serve --config $config --port "$port" > $out/gateway.log 2>&1 < /dev/null &
echo $! > $out/gateway.pid
# The log, not the port, says that it is ready: somebody else may hold the port.
until grep --quiet '^listening' $out/gateway.log; do
  kill -0 "$(cat $out/gateway.pid)" 2> /dev/null || { cat $out/gateway.log; exit 1; }
  sleep 0.2
done

ask() {
  printf '\n$ curl http://127.0.0.1:%s/v1/chat/completions -d '\''{"model": "auto", "messages": [{"role": "user", "content": "%s"}]}'\''\n' "$port" "$1"
  curl --silent --show-error --fail-with-body "http://127.0.0.1:$port/v1/chat/completions" \
    -H 'content-type: application/json' \
    -d "{\"model\": \"auto\", \"max_tokens\": 128, \"temperature\": 0, \"messages\": [{\"role\": \"user\", \"content\": \"$1\"}]}" |
    .venv/bin/python demo/show_answer.py
}
ask "Write one sentence about the sea."
ask "Write a Python function is_prime(n). Only the code, no explanation."
printf '\nThe gateway is running: http://127.0.0.1:%s/v1 (model: auto). Log: %s. Stop it with: make stop\n' "$port" "$out/gateway.log"
