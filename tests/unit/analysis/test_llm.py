import asyncio
import json

import pytest

from routewright import routers
from routewright.analysis.llm import INSTRUCTIONS, SCHEMA, LlmAnalyser, read_reply
from routewright.catalog import find_model
from routewright.config import AnalyserSettings, Rule, When
from routewright.data.journal import Journal
from routewright.errors import ConfigError, RequestError, UpstreamError
from routewright.providers.local import LocalProvider
from routewright.routers.check import sample_data
from routewright.serve.gateway import Gateway
from routewright.types import Model, Prompt
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Refuse, Say, Upstream

LEGAL = Prompt.from_text("", "Ist diese Kündigung wirksam, und was kann ich dagegen tun?")
TOLD = {
    "task": "question",
    "domain": "law",
    "difficulty": 4,
    "needs": ["reasoning"],
    "expected_tokens": 300,
}
MODEL = Model("tiny", "canned")


class Reply:
    def __init__(self, text):
        self.text = text


class Canned:
    name = "canned"

    def __init__(self, *replies):
        self.replies = list(replies)
        self.bodies = []

    async def complete(self, model, body):
        self.bodies.append(body)
        told = self.replies.pop(0)
        if isinstance(told, Exception):
            raise told
        if told is None:
            await asyncio.sleep(60)
        return Reply(told)


async def test_the_llms_analysis_is_taken_and_asked_for_once():
    provider = Canned(json.dumps(TOLD))
    analyser = LlmAnalyser(provider, MODEL)
    assert analyser.known(LEGAL) is None
    told = await analyser.analyse(LEGAL)
    assert (told.task, told.domain, told.needs) == ("question", "law", ("reasoning",))
    assert (told.difficulty, told.expected_tokens, told.language) == (0.75, 300, "de")
    assert told.source == analyser.name
    assert told.source.startswith("llm:tiny:")
    assert await analyser.analyse(LEGAL) == told == analyser.known(LEGAL)
    assert len(provider.bodies) == 1


async def test_the_request_is_fenced_and_starts_with_what_never_changes():
    provider = Canned(json.dumps(TOLD))
    await LlmAnalyser(provider, MODEL).analyse(LEGAL)
    system, user = provider.bodies[0]["messages"]
    assert system["content"] == INSTRUCTIONS
    fence, text, again = user["content"].splitlines()[:3]
    assert fence == again
    assert text == LEGAL.text
    assert provider.bodies[0]["temperature"] == 0


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("It is about law.", "no JSON object"),
        ('{"task": "question"}', "missing required field"),
        (json.dumps(TOLD | {"domain": "laws"}), "not one of those on offer"),
        (json.dumps(TOLD | {"difficulty": 9}), "from 1 to 5"),
        (json.dumps(TOLD | {"difficulty": "hard"}), "not the JSON"),
        ("{" * 100_000 + "}", "not the JSON"),
        (UpstreamError("tiny: refused 'secret text'"), "analysis: bad_upstream"),
        (None, "it took too long"),
    ],
)
async def test_what_cannot_be_used_is_replaced_by_the_built_in_analysis_that_says_so(reply, why):
    provider = Canned(reply, json.dumps(TOLD))
    analyser = LlmAnalyser(provider, MODEL, timeout_s=0.2)
    told = await analyser.analyse(LEGAL)
    assert (told.source, told.difficulty) == ("built-in", None)
    assert told.note.startswith("tiny gave no analysis: ")
    assert why in told.note
    assert "secret" not in told.note
    assert "\n" not in told.note
    assert analyser.known(LEGAL) is None  # a failure is not remembered
    assert (await analyser.analyse(LEGAL)).note == ""


def test_reasoning_and_fences_around_the_json_are_passed_over():
    reply = '<think>{"task": maybe}</think>\n```json\n' + json.dumps(TOLD) + "\n```"
    assert read_reply(reply, LEGAL, "x").domain == "law"


async def test_analyses_are_kept_across_runs_but_not_across_models(tmp_path):
    with Journal(tmp_path / "kept") as journal:
        await LlmAnalyser(Canned(json.dumps(TOLD)), MODEL, store=journal).analyse(LEGAL)
    again = LlmAnalyser(Canned(), MODEL, store=Journal(tmp_path / "kept"))
    assert (await again.analyse(LEGAL)).domain == "law"
    other = LlmAnalyser(Canned(), Model("other", "canned"), store=Journal(tmp_path / "kept"))
    assert other.known(LEGAL) is None


async def test_a_hybrid_router_learns_from_an_llms_analyses():
    data = sample_data(n=24)
    analyser = LlmAnalyser(Canned(*[json.dumps(TOLD)] * 24), MODEL)
    assert len(await analyser.analyse_all(data.prompts)) == 24
    router = routers.make("hybrid", analyser="llm", encoder="hashed:8")
    router.use_analyses(analyser.known).fit(data)
    assert router.analyse(data.prompts[0]).domain == "law"


def test_the_gateway_asks_the_llm_before_it_applies_rules(tmp_path):
    with Upstream() as upstream:
        upstream.script["spare"] = [Say(json.dumps(TOLD)), Refuse(500)]
        settings = scripted_settings(
            upstream.url,
            tmp_path,
            analyser=AnalyserSettings("spare"),
            rules=(Rule(When(domain="law", min_difficulty=0.7), never="cheap"),),
        )
        with served(Gateway(settings, router=ByWord())) as up:
            told = up.request("POST", "/v1/route", {"prompt": LEGAL.text}).json
            assert told["model"] == "strong"
            assert told["analysis"]["source"].startswith("llm:spare:")
            failed = up.request("POST", "/v1/route", {"prompt": "Name a colour."}).json
            assert failed["model"] == "cheap"
            assert "spare gave no analysis" in failed["analysis"]["note"]


def test_a_router_that_learned_from_an_llm_is_not_served_without_one(tmp_path):
    router = routers.make("hybrid", analyser="llm", encoder="hashed:8")
    router.use_analyses(lambda _: None).fit(sample_data(models=2, n=24))
    router.models_ = ("cheap", "strong")
    settings = scripted_settings("http://x", tmp_path, worth_usd=1.0)
    with pytest.raises(ConfigError, match=r"learned from an LLM's analyses; set gateway\.analyser"):
        Gateway(settings, router=router)


def test_an_analyser_outside_the_pool_stops_the_start(tmp_path):
    settings = scripted_settings("http://x", tmp_path, analyser=AnalyserSettings("tiny"))
    with pytest.raises(ConfigError, match=r"analyser.model 'tiny' is not in the pool; name one of"):
        Gateway(settings, router=ByWord())


async def test_the_llm_is_held_to_the_schema_where_its_endpoint_can_do_that():
    able = Canned(json.dumps(TOLD))
    await LlmAnalyser(able, MODEL).analyse(LEGAL)
    assert able.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA
    unable = Canned(RequestError("no schemas here"), json.dumps(TOLD), json.dumps(TOLD))
    analyser = LlmAnalyser(unable, MODEL)
    told = [await analyser.analyse(prompt) for prompt in (LEGAL, Prompt.from_text("b", "Hi"))]
    assert all(each.source == analyser.name for each in told)
    assert ["response_format" in body for body in unable.bodies] == [True, False, False]
    assert set(SCHEMA["properties"]) == set(TOLD)


async def test_a_real_llm_of_half_a_billion_weights_analyses_in_the_words_on_offer():
    pytest.importorskip("xllamacpp", reason="the extra local (xllamacpp) is not installed")
    model = find_model("qwen2.5-coder-0.5b-instruct", None)
    prompts = [
        Prompt.from_text("a", "Translate to French: good morning, my friend"),
        Prompt.from_text("b", "What is 17 * 23? Answer with the number."),
    ]
    provider = LocalProvider()
    try:
        analyser = LlmAnalyser(provider, model, timeout_s=120)
        told = [await analyser.analyse(prompt) for prompt in prompts]
    finally:
        await provider.aclose()
    assert [each.source for each in told] == [analyser.name] * 2, told
    assert told[0].task == "translation"
