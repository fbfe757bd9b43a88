#!/usr/bin/env bash
# End the gateway that `make demo` left running, by its own process id.
set -euo pipefail
cd "$(dirname "$0")/.."
pid_file=runs/demo/gateway.pid
if [ -f "$pid_file" ] && kill "$(cat "$pid_file")" 2> /dev/null; then
  for _ in $(seq 100); do kill -0 "$(cat "$pid_file")" 2> /dev/null || break; sleep 0.1; done
  echo "stopped the demo's gateway"
elif [ "${1:-}" != quietly ]; then
  echo "no gateway of the demo is running"
fi
rm -f "$pid_file"
