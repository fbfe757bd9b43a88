"""What a call used: read off a provider's usage object, or estimated where it has none."""

from __future__ import annotations

from typing import cast

from routewright.types import JsonObject, Usage, json_object

_NONE: JsonObject = {}
BYTES_PER_TOKEN = 4.0  # of English text, in the tokenizers in use; other scripts take more tokens


def usage_of(given: object) -> Usage | None:
    """Usage from an OpenAI ``usage`` object, in any of its variants; None where it tells none.

    A count that is no whole number of 0 or more is as good as none. Cached tokens are among the
    prompt's, so more of them than the prompt has are not believed.
    """
    wire = json_object(given)
    if wire is None:
        return None
    read, written = wire.get("prompt_tokens"), wire.get("completion_tokens")
    if type(read) is not int or type(written) is not int or read < 0 or written < 0:
        return None
    asked = json_object(wire.get("prompt_tokens_details")) or _NONE
    answered = json_object(wire.get("completion_tokens_details")) or _NONE
    reasoning = _first(answered.get("reasoning_tokens"), wire.get("reasoning_tokens"))
    # Most count reasoning within the completion. Where the total says that it comes on top
    # (xAI), it is added: it is billed as output all the same.
    if reasoning and wire.get("total_tokens") == read + written + reasoning:
        written += reasoning
    # OpenAI's place first; then DeepSeek's, Moonshot's, and what proxies of Anthropic pass on.
    cached = _first(
        asked.get("cached_tokens"),
        wire.get("prompt_cache_hit_tokens"),
        wire.get("cached_tokens"),
        wire.get("num_cached_tokens"),
        wire.get("cache_read_input_tokens"),
    )
    cache_write = _first(
        asked.get("cache_write_tokens"),
        asked.get("cache_creation_tokens"),
        wire.get("cache_creation_input_tokens"),
    )
    cached = min(cached, read)
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=cached,
        reasoning_tokens=min(reasoning, written),
        cache_write_tokens=min(cache_write, read - cached),
    )


def estimated_usage(body: JsonObject, text: str) -> Usage:
    """Tokens by the length of prompt and answer: for a bill that is about right, not nothing."""
    asked = sum(_length(message) for message in body.get("messages") or ())
    return Usage(
        input_tokens=round(asked / BYTES_PER_TOKEN) + 1,
        output_tokens=round(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN) + 1,
        estimated=True,
    )


def wire_usage(usage: Usage) -> dict[str, object]:
    """The OpenAI ``usage`` object that says the same; ``usage_of`` reads it back."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def count(value: object) -> int:
    """A number of tokens; what is absent, null or odd counts as 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _first(*given: object) -> int:
    """The first of several that is a number of tokens; 0 where none is."""
    for value in given:
        if type(value) is int and value > 0:
            return value
    return 0


def _length(message: object) -> int:
    content = (json_object(message) or {}).get("content")
    if isinstance(content, str):
        return len(content.encode("utf-8", "replace"))
    parts = cast("list[object]", content) if isinstance(content, list) else []
    texts = (str((json_object(part) or {}).get("text") or "") for part in parts)
    return sum(len(text.encode("utf-8", "replace")) for text in texts)
