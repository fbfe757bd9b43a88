"""One local LLM in a process of its own: llama.cpp's OpenAI-compatible server.

Run as ``python -m routewright.providers.llama_server WEIGHTS ALIAS CONTEXT``. It binds a free
loopback port, prints it as one JSON line, and ends when its standard input closes, so that it
never outlives the process that started it, not even one that was killed.
"""

from __future__ import annotations

import os
import sys

# Before llama.cpp loads: waiting threads must sleep, or they burn the CPU seconds we charge for.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import importlib
import json
from typing import Any


def run(weights: str, alias: str, context: int) -> None:
    """Serve until standard input closes."""
    engine: Any = importlib.import_module("xllamacpp")  # compiled: it has no types to check
    params: Any = engine.CommonParams()
    params.model.path = weights
    params.model_alias = {alias}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = 1  # one answer at a time: its CPU seconds are then the process's
    params.cpuparams.n_threads = 1  # more threads than free cores cost several times the CPU
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.ui = False
    server: Any = engine.Server(params)
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the engine's own threads would hold an ordinary exit back


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
