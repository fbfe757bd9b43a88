"""Settings: what the file says, what the environment overrides, and what prices cost."""

import pytest

from routewright.catalog import cost_usd, find_model
from routewright.config import Secret, load_settings
from routewright.errors import ConfigError
from routewright.types import Model, Price, Usage

FILE = """
[gateway]
port = 9001
worth_usd = 0.5
[providers.acme]
kind = "openai"
base_url = "https://llm.example/v1"
api_key_env = "ACME_KEY"
[providers.local]
kind = "local"
[models.big]
provider = "acme"
upstream_name = "big-2026"
input_usd_per_mtok = 2.0
output_usd_per_mtok = 8.0
[models."smollm2-135m-instruct"]
usd_per_cpu_hour = 1.0
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "routewright.toml"
    path.write_text(FILE)
    return path


def test_the_environment_overrides_the_file(path):
    assert load_settings(path, {}).gateway.port == 9001
    assert load_settings(path, {"ROUTEWRIGHT_PORT": "9002"}).gateway.port == 9002


def test_the_pool_is_the_catalogue_with_the_operators_changes(path):
    big, small = load_settings(path, {}).pool()
    assert (big.name, big.provider, big.upstream_name) == ("big", "acme", "big-2026")
    assert big.price.output_usd_per_mtok == 8.0
    assert small.weights == find_model("smollm2-135m-instruct").weights
    assert small.price.usd_per_cpu_hour == 1.0, "the operator's price is the one in force"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("port = 9001", "prot = 9001"), "prot"),
        (("port = 9001", 'port = "x"'), "port"),
        (("worth_usd = 0.5", "worth_usd = -1.0"), "worth_usd must be 0 or more"),
        (("https://llm.example/v1", "llm.example"), "providers.acme.base_url"),
        (('kind = "local"', 'kind = "locale"'), "locale"),
        (("[gateway]", "[gateway"), "routewright.toml"),
    ],
)
def test_a_mistake_in_the_file_is_named(path, change, words):
    path.write_text(FILE.replace(*change))
    with pytest.raises(ConfigError, match=words):
        load_settings(path, {})


def test_a_model_without_a_configured_provider_says_what_to_add(path):
    path.write_text(FILE.replace('provider = "acme"', 'provider = "amce"'))
    with pytest.raises(ConfigError, match=r"provider 'amce' is not configured .*\[providers\.NAME"):
        load_settings(path, {}).pool()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_settings(tmp_path / "none.toml", {})


def test_a_key_comes_from_the_environment_and_never_prints(path):
    acme = load_settings(path, {}).providers["acme"]
    secret = acme.api_key({"ACME_KEY": "sk-canary"})
    assert secret.reveal() == "sk-canary"
    assert "canary" not in f"{secret} {secret!r} {Secret('sk-canary')}"
    with pytest.raises(ConfigError, match="ACME_KEY is not set"):
        acme.api_key({})


def test_tokens_are_charged_with_cached_ones_at_their_own_price():
    price = Price(
        "2026-01-01",
        input_usd_per_mtok=10.0,
        output_usd_per_mtok=30.0,
        cached_input_usd_per_mtok=1.0,
    )
    model = Model(name="m", provider="p", prices=(price,))
    usage = Usage(input_tokens=1000, output_tokens=100, cached_tokens=400)
    assert cost_usd(model, usage) == pytest.approx((600 * 10 + 400 * 1 + 100 * 30) / 1e6)


def test_the_newest_price_is_in_force():
    old, new = (Price(d, input_usd_per_mtok=p) for d, p in (("2025-01-01", 9), ("2026-01-01", 1)))
    assert Model(name="m", provider="p", prices=(new, old)).price is new


def test_cpu_seconds_are_charged_by_the_hour():
    model = find_model("smollm2-135m-instruct")
    assert cost_usd(model, Usage(cpu_s=3600.0)) == pytest.approx(0.04)
