"""The causal LLM behind an endpoint that misbehaves."""

import json

import numpy as np
import pytest

from routewright import routers
from routewright.errors import (
    ConfigError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)
from routewright.routers.causal import CausalLlmRouter
from routewright.routers.causal.endpoints import LogprobModel, TextModel
from routewright.routers.causal.http import ENDPOINT, KEY, Endpoint
from routewright.routers.causal.settings import Calling
from routewright.routers.causal.template import Template
from routewright.routers.check import check_router, sample_data
from tests.fakes.completions import Reply, completions, with_logprobs, with_text

TEMPLATE = Template.of(["big", "small"], "0-5")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in (ENDPOINT, KEY):
        monkeypatch.delenv(name, raising=False)


def model(url, kind=LogprobModel, *, timeout_s=5.0, retries=0, pauses=None, **prices):
    waited = [] if pauses is None else pauses
    endpoint = Endpoint(url, timeout_s=timeout_s, retries=retries, sleep=waited.append)
    return kind(endpoint, TEMPLATE, Calling(), max_tokens=300, **prices)


def test_labels_are_gathered_from_the_likely_tokens():
    def reply(number, body):
        likely = {" 5": 0.4, "5": 0.2, "▁0": 0.1, "x": 0.15, "y": 0.03}
        return with_logprobs({token: np.log(p) for token, p in likely.items()})

    with completions(reply) as served:
        told = model(served.url, input_usd_per_mtok=2.0, output_usd_per_mtok=10.0).ask("Why?")
    # A space before the digit makes no other label; missing labels share what is left, 0.12.
    assert np.exp(told.logits[0]) == pytest.approx([0.1, 0.03, 0.03, 0.03, 0.03, 0.6])
    assert told.usd == pytest.approx(2 * (100 * 2 + 1 * 10) / 1e6)
    first, second = (body["prompt"] for body in served.asked)
    assert first.removesuffix(" big: ") == second.removesuffix(" small: ")
    assert served.asked[0]["max_tokens"] == 1
    assert served.asked[0]["logprobs"] == 20


def test_chat_endpoints_are_asked_in_turns():
    with completions(lambda *_: with_logprobs({"4": 0.0}, chat=True)) as served:
        chat = served.url.replace("/completions", "/chat/completions")
        told = model(chat).ask("Why?")
    assert told.logits[0, 4] == 0
    assert served.asked[0]["messages"][1]["content"].endswith(" big: ")
    assert served.asked[0]["logprobs"] is True
    assert "prompt" not in served.asked[0]


def test_an_answer_without_a_label_is_unusable():
    with completions(lambda *_: with_logprobs({"The": -0.1})) as served:
        assert np.isnan(model(served.url).ask("Why?").logits).all()


def test_missing_logprobs_name_the_way_out():
    with (
        completions(lambda *_: with_text("3")) as served,
        pytest.raises(UpstreamError, match=r"no token log-probabilities; .* backend='text'"),
    ):
        model(served.url).ask("Why?")


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": ["x"]}, {"choices": {}}])
def test_an_answer_without_choices_is_refused(body):
    with completions(lambda *_: Reply(body)) as served, pytest.raises(UpstreamError, match="no ch"):
        model(served.url).ask("Why?")


@pytest.mark.parametrize("raw", [b"not json", b"[1]", b"\xff\xfe"])
def test_an_answer_that_is_no_object_is_refused(raw):
    with completions(lambda *_: Reply(raw)) as served, pytest.raises(UpstreamError, match="JSON"):
        model(served.url).ask("Why?")


@pytest.mark.parametrize(
    ("text", "mark"), [("4", 4), (" I'd say 2 of 5", 2), ("7", None), ("none", None), (None, None)]
)
def test_text_is_read_by_its_first_digit(text, mark):
    with completions(lambda *_: with_text(text)) as served:
        row = model(served.url, TextModel).ask("Why?").logits[0]
    if mark is None:
        assert np.isnan(row).all()
    else:
        assert np.flatnonzero(np.isfinite(row)).tolist() == [mark]


def test_a_limit_is_waited_out_as_long_as_it_asks():
    def reply(number, body):
        if number == 0:
            return Reply({"error": "slow down"}, status=429, headers={"retry-after": "7"})
        if number == 1:
            return Reply({"error": "oops"}, status=503)
        return with_logprobs({"1": 0.0})

    pauses = []
    with completions(reply) as served:
        model(served.url, retries=2, pauses=pauses).ask("Why?")
    assert pauses == [7.0, 1.0]
    assert len(served.asked) == 4


def test_a_lasting_limit_says_so():
    with (
        completions(lambda *_: Reply({"error": "later"}, status=429)) as served,
        pytest.raises(UpstreamLimitError, match=r"HTTP 429 .*later"),
    ):
        model(served.url, retries=1).ask("Why?")
    assert len(served.asked) == 2


def test_a_refusal_is_not_tried_again():
    with (
        completions(lambda *_: Reply({"error": "no such model"}, status=404)) as served,
        pytest.raises(UpstreamError, match=r"HTTP 404 .*no such model"),
    ):
        model(served.url, retries=3).ask("Why?")
    assert len(served.asked) == 1


def test_silence_is_a_timeout():
    with (
        completions(lambda *_: Reply({}, delay_s=0.5)) as served,
        pytest.raises(UpstreamTimeoutError, match=r"no answer in 0\.1 s"),
    ):
        model(served.url, timeout_s=0.1, retries=1).ask("Why?")
    assert len(served.asked) == 2


def test_nobody_there_is_said():
    with completions(lambda *_: Reply({})) as served:
        pass
    with pytest.raises(UpstreamError, match="is the server running"):
        model(served.url).ask("Why?")


@pytest.mark.parametrize(
    "url", ["", "host/v1/completions", "https://host/v1", "https://key@host/v1/completions"]
)
def test_an_impossible_endpoint_is_refused_without_repeating_secrets(url):
    with pytest.raises(ConfigError, match="give the whole address") as told:
        Endpoint(url, timeout_s=1, retries=0)
    assert "key@" not in str(told.value)


def test_the_key_goes_to_the_endpoint_of_the_environment_alone(monkeypatch):
    monkeypatch.setenv(KEY, "secret-key")
    with pytest.raises(ConfigError, match=f"say in {ENDPOINT}") as told:
        Endpoint("http://elsewhere/v1/completions", timeout_s=1, retries=0)
    assert "secret-key" not in str(told.value)
    with completions(lambda *_: with_logprobs({"1": 0.0})) as served:
        monkeypatch.setenv(ENDPOINT, served.url)
        model("http://elsewhere/v1/completions").ask("Why?")
    assert served.headers[0]["authorization"] == "Bearer secret-key"


def test_no_key_reaches_an_artefact(monkeypatch, tmp_path):
    with completions(by_kind) as served:
        monkeypatch.setenv(KEY, "secret-key")
        monkeypatch.setenv(ENDPOINT, served.url)
        CausalLlmRouter(backend="logprobs").fit(sample_data()).save(tmp_path / "router")
    for file in (tmp_path / "router").iterdir():
        assert b"secret-key" not in file.read_bytes()


def by_kind(number, body):
    """An LLM that sees that code is hard for m1, in its own crooked way."""
    hard = "Python" in body["prompt"] and body["prompt"].endswith(" m1: ")
    return with_logprobs({"2": -0.4, "4": -1.2} if hard else {"4": -0.4, "2": -1.2})


def test_zero_shot_predictions_are_calibrated_on_training_prompts():
    data = sample_data(models=2, n=240)
    code = np.array(["Python" in p.text for p in data.prompts])
    scores = np.column_stack([np.full(240, 0.8), np.where(code, 0.1, 0.9)])
    data = type(data)(**{**vars(data), "scores": scores})
    with completions(by_kind) as served:
        router = CausalLlmRouter(backend="logprobs", endpoint=served.url).fit(data)
        told = router.predict(data.prompts)
        assert router.recommended_worth_usd_ is not None
        needed = router.strong_needed(data.prompts, "m1")
    assert np.abs(told.scores - scores).mean() < 0.12
    assert told.scores[code, 1].max() < told.scores[~code, 1].min()
    assert needed[code].min() > needed[~code].max()
    assert (told.decision_costs == 0).all()


def test_what_can_not_be_read_is_the_training_mean_and_counted():
    data = sample_data(models=2, n=60)
    with completions(lambda *_: with_text("no idea")) as served:
        router = CausalLlmRouter(backend="text", endpoint=served.url, output_usd_per_mtok=1.0).fit(
            data
        )
        assert router.unusable_ == 120
        told = router.predict(data.prompts[:3])
        assert router.unusable_ == 126
    assert told.scores == pytest.approx(np.tile(data.scores.mean(axis=0), (3, 1)))
    assert (told.std > 0).all()
    assert told.decision_costs == pytest.approx(2 * 4 / 1e6)


def test_calibration_asks_no_more_prompts_than_it_may():
    with completions(lambda *_: with_text("3")) as served:
        CausalLlmRouter(
            backend="text", endpoint=served.url, calibration_prompts=5, calling={"parallel": 3}
        ).fit(sample_data(models=2))
        assert len(served.asked) == 10


@pytest.mark.parametrize("backend", ["logprobs", "text"])
def test_behind_an_endpoint_the_contract_is_kept(backend):
    def reply(number, body):
        lean = len(body["prompt"]) % 6
        if backend == "text":
            return with_text(f"mark {lean}" if lean else "none")
        return with_logprobs({str(lean): -0.3, "3": -1.5})

    with completions(reply) as served:
        check_router(
            lambda **params: CausalLlmRouter(
                **{"backend": backend, "endpoint": served.url, "calibration_prompts": 12} | params
            )
        )


def test_a_loaded_router_asks_the_endpoint_of_the_environment(monkeypatch, tmp_path):
    data = sample_data(models=2)
    with completions(by_kind) as first:
        router = CausalLlmRouter(backend="logprobs", endpoint=first.url, calling={"retries": 0})
        router.fit(data).save(tmp_path / "r")
    with completions(by_kind) as second:
        monkeypatch.setenv(ENDPOINT, second.url)
        routers.load(tmp_path / "r").predict(data.prompts[:1])
        assert second.asked
    # Gone again: that is said, and not that the artefact is damaged.
    with pytest.raises(UpstreamError, match="is the server running"):
        json.dumps(routers.load(tmp_path / "r").params())


def test_an_unknown_backend_is_named():
    with pytest.raises(ConfigError, match="no backend 'grpc'; there are local, logprobs, text"):
        CausalLlmRouter(backend="grpc").fit(sample_data())
