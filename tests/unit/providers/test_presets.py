"""Endpoints as data: how each known one is asked, and where keys go."""

from __future__ import annotations

from datetime import date

import pytest

from routewright.catalog import cost_usd, known_models
from routewright.config import load_settings
from routewright.errors import ConfigError
from routewright.providers import make_providers
from routewright.providers.anthropic import AnthropicProvider
from routewright.providers.gemini import GeminiProvider
from routewright.providers.openai import OpenAIProvider
from routewright.providers.presets import find_preset, known_presets
from routewright.types import Model, Price, Usage
from tests.fakes.dialects import Whole, dialect

HELLO = [{"role": "user", "content": "hello"}]
BODY = {"messages": HELLO, "max_tokens": 9, "temperature": 0.0, "seed": 0}
ANSWER = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}


async def sent(preset, model, body=BODY, *, api_version="", key=None, **more):
    with dialect([Whole(ANSWER)]) as upstream:
        provider = OpenAIProvider(
            "acme",
            base_url=upstream.url,
            api_key=key,
            preset=find_preset(preset),
            api_version=api_version,
        )
        await provider.complete(Model(name=model, provider="acme"), body, **more)
        await provider.aclose()
    return upstream.requests[0]


async def test_an_unknown_endpoint_is_sent_what_was_said():
    request = await sent("", "m", {**BODY, "anything": [1]})
    assert request.path == "/chat/completions"
    assert request.body == {**BODY, "anything": [1], "stream": False, "model": "m"}


@pytest.mark.parametrize(
    ("preset", "model", "takes", "never"),
    [
        ("openai", "gpt-4.1", {"max_completion_tokens": 9, "temperature": 0.0}, {"max_tokens"}),
        ("openai", "gpt-5-mini", {"max_completion_tokens": 9}, {"max_tokens", "temperature"}),
        ("openai", "o4-mini", {"max_completion_tokens": 9}, {"max_tokens", "temperature"}),
        ("openai", "gpt-5-chat-latest", {"temperature": 0.0}, {"max_tokens"}),
        ("mistral", "mistral-small", {"max_tokens": 9, "random_seed": 0}, {"seed"}),
        ("groq", "llama", {"max_completion_tokens": 9, "seed": 0}, {"max_tokens"}),
        ("vllm", "qwen", {"max_tokens": 9, "seed": 0, "temperature": 0.0}, set()),
    ],
)
async def test_each_is_asked_in_its_own_words(preset, model, takes, never):
    request = await sent(preset, model)
    assert takes.items() <= request.body.items()
    assert not never & set(request.body)


async def test_a_limit_is_renamed_whichever_way_it_was_given():
    body = {"messages": HELLO, "max_completion_tokens": 5}
    assert (await sent("ollama", "m", body)).body["max_tokens"] == 5


def test_usage_is_asked_for_in_streams_where_that_is_possible():
    asked = find_preset("openai").shape("m", {"messages": HELLO, "stream": True})
    assert asked["stream_options"] == {"include_usage": True}
    given = {"messages": HELLO, "stream": True, "stream_options": {"include_usage": False}}
    assert "stream_options" not in find_preset("mistral").shape("m", given)


async def test_azure_has_its_own_path_and_header():
    from routewright.config import Secret

    new = await sent("azure", "my gpt/4", key=Secret("k-1"))
    assert new.path == "/openai/v1/chat/completions"
    assert new.headers["api-key"] == "k-1"
    assert "authorization" not in new.headers
    old = await sent("azure", "my gpt/4", api_version="2024-10-21", key=Secret("k-1"))
    path = "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21"
    assert old.path == path


async def test_prompts_that_share_their_first_messages_lead_to_one_cache():
    system = {"role": "system", "content": "long"}
    one = {"messages": [system, {"role": "user", "content": "a"}]}
    two = {"messages": [system, {"role": "user", "content": "b"}]}
    other = {"messages": [{**system, "content": "else"}, {"role": "user", "content": "a"}]}
    keys = [
        (await sent("openai", "m", body, cache_prefix=1)).body["prompt_cache_key"]
        for body in (one, two, other)
    ]
    assert keys[0] == keys[1] != keys[2]
    assert "prompt_cache_key" not in (await sent("openai", "m", one)).body
    assert "prompt_cache_key" not in (await sent("groq", "m", one, cache_prefix=1)).body


def test_every_preset_says_where_it_is_and_none_of_them_in_plain_http_but_on_this_machine():
    for name, preset in known_presets().items():
        at_home = preset.base_url.startswith("http://127.0.0.1:")
        assert at_home or preset.base_url.startswith("https://") or name == "azure"
        assert at_home or preset.api_key_env
        assert preset.path_for("m").startswith("/")


def test_an_unknown_preset_names_near_ones():
    with pytest.raises(ConfigError, match="did you mean groq"):
        find_preset("grok")


def configured(tmp_path, text):
    path = tmp_path / "routewright.toml"
    path.write_text(text)
    return make_providers(load_settings(path, {}))


def headers_of(provider):
    lines = provider._endpoint._pool._headers.splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_each_kind_of_provider_is_made_with_the_key_in_the_usual_variable(tmp_path, monkeypatch):
    for name in ("GROQ", "ANTHROPIC", "GEMINI", "AZURE_OPENAI"):
        monkeypatch.setenv(f"{name}_API_KEY", f"key-of-{name}")
    made = configured(
        tmp_path,
        """
        [providers.groq]
        kind = "openai"
        preset = "groq"
        [providers.claude]
        kind = "anthropic"
        [providers.google]
        kind = "gemini"
        [providers.azure]
        kind = "openai"
        preset = "azure"
        base_url = "https://mine.openai.azure.com"
        """,
    )
    assert headers_of(made["groq"])["authorization"] == "Bearer key-of-GROQ"
    assert made["groq"]._endpoint.base_url == "https://api.groq.com/openai/v1"
    assert isinstance(made["claude"], AnthropicProvider)
    assert headers_of(made["claude"])["x-api-key"] == "key-of-ANTHROPIC"
    assert isinstance(made["google"], GeminiProvider)
    assert headers_of(made["google"])["x-goog-api-key"] == "key-of-GEMINI"
    assert headers_of(made["azure"])["api-key"] == "key-of-AZURE_OPENAI"


@pytest.mark.parametrize("kind", ['"openai"\npreset = "openai"', '"anthropic"', '"gemini"'])
def test_the_vendors_key_never_goes_to_another_host(tmp_path, monkeypatch, kind):
    for name in ("OPENAI", "ANTHROPIC", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", "key-of-vendor")
    text = f'[providers.x]\nkind = {kind}\nbase_url = "https://other.example/v1"'
    made = configured(tmp_path, text)
    assert "key-of-vendor" not in " ".join(headers_of(made["x"]).values())


def test_a_key_may_be_in_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "acme.key").write_text("key-in-file\n")
    text = """
        [providers.x]
        kind = "openai"
        base_url = "https://llm.example/v1"
        api_key_file = "acme.key"
    """
    assert headers_of(configured(tmp_path, text)["x"])["authorization"] == "Bearer key-in-file"
    (tmp_path / "acme.key").write_text("key\nwith a second line")
    with pytest.raises(ConfigError, match=r"acme\.key holds no key") as raised:
        configured(tmp_path, text)
    assert "second" not in str(raised.value)
    (tmp_path / "acme.key").unlink()
    with pytest.raises(ConfigError, match=r"acme\.key cannot be read"):
        configured(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "openai"\npreset = "grok"', "did you mean groq"),
        ('kind = "openai"\npreset = "azure"\napi_key_env = "HOME"', "base_url must say where"),
        ('kind = "openai"\npreset = "groq"\nbase_url = "groq.com"', "base_url must be an http"),
        ('kind = "openai"\npreset = "vllm"\napi_version = "1"', "api_version must be left out"),
        ('kind = "anthropic"\npreset = "groq"', "preset must be left out"),
        ('kind = "any"', "vendor must name one"),
        ('kind = "gemini"\nvendor = "x"', "vendor must be left out"),
        ('kind = "anthropic"\napi_key_env = "NO_SUCH_KEY"', "NO_SUCH_KEY is not set; export it"),
        ('kind = "gemini"\napi_key_env = "A"\napi_key_file = "b"', "api_key_file must be left out"),
    ],
)
def test_a_wrong_provider_says_the_way_out(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as raised:
        configured(tmp_path, f"[providers.x]\n{text}")
    assert "\n" not in str(raised.value)


def test_tokens_written_to_and_read_from_a_cache_have_their_own_price():
    price = Price(
        "2026-01-01",
        input_usd_per_mtok=3.0,
        output_usd_per_mtok=15.0,
        cached_input_usd_per_mtok=0.3,
        cache_write_usd_per_mtok=3.75,
    )
    model = Model(name="m", provider="p", prices=(price,))
    usage = Usage(
        input_tokens=1000,
        output_tokens=100,
        cached_tokens=600,
        cache_write_tokens=300,
        reasoning_tokens=80,
    )
    assert cost_usd(model, usage) == pytest.approx(
        (100 * 3 + 600 * 0.3 + 300 * 3.75 + 100 * 15) / 1e6, rel=1e-12
    )
    plain = Model(name="m", provider="p", prices=(Price("2026-01-01", 3.0, 15.0),))
    assert cost_usd(plain, usage) == pytest.approx((1000 * 3 + 100 * 15) / 1e6, rel=1e-12)


def test_the_operators_cache_prices_are_in_force(tmp_path):
    path = tmp_path / "routewright.toml"
    path.write_text(
        '[providers.c]\nkind = "anthropic"\n[models.m]\nprovider = "c"\n'
        "input_usd_per_mtok = 3.0\ncache_write_usd_per_mtok = 3.75\n"
    )
    (model,) = load_settings(path, {}).pool()
    assert model.price.cache_write_usd_per_mtok == 3.75


def test_every_price_of_the_catalogue_has_its_date_and_source():
    for model in known_models().values():
        for price in model.prices:
            assert date.fromisoformat(price.valid_from) <= date(2100, 1, 1)
            assert price.source
