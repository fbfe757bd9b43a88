"""Keys are taken out of text that leaves the process."""

import pytest

from routewright.config import Secret
from routewright.redaction import redacted


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "authorization: bearer {}",
        "Incorrect API key provided: sk-{}.",
        "{{'x-api-key': '{}'}}",
        '{{"api_key": "{}"}}',
        "x-goog-api-key={}",
        "https://llm.example/v1?key={}&alt=sse",
        "postgresql://router:{}@db.example/state",
        "redis://:{}@cache:6379/0",
        "password={} host=db",
        "gsk_{} and more",
        "eyJ{}.abcdefghij.signature",
    ],
)
def test_what_looks_like_a_key_is_masked(text):
    secret = "CANARYabcdef0123456789"
    told = redacted(text.format(secret))
    assert secret not in told
    assert "***" in told


@pytest.mark.parametrize(
    "text",
    [
        "the model sk is not known; see https://llm.example/v1/models?page=2",
        "task-based routing of risk-averse-prompts-1234567890",
        "the token limit is 4096 tokens; max_tokens: 17",
        "the key is missing; set api_key_env",
        "https://llm.example:8080/v1 is away",
        "2026-11-26T20:00:00 qwen2.5-coder-0.5b-instruct=ok, cost 0.002",
    ],
)
def test_ordinary_words_stay(text):
    assert redacted(text) == text


def test_a_secret_of_any_form_is_masked_word_for_word():
    Secret("correct horse battery staple")
    assert redacted("it said: correct horse battery staple!") == "it said: ***!"


def test_of_two_keys_with_one_beginning_none_leaves_its_end():
    keys = [f"one-and-the-same-{end}" for end in ("", "1", "12", "12-and-more", "12-and-more-yet")]
    held = [Secret(key) for key in keys]
    for key in keys:
        assert redacted(f"a {key} b") == "a *** b"
    assert len(held) == 5
