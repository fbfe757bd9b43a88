"""What a call used: read off a provider's usage object, or estimated where it has none."""

from __future__ import annotations

from typing import cast

from routewright.types import JsonObject, Usage, json_object

# OpenAI's place first; then DeepSeek's, Moonshot's, and what proxies of Anthropic pass on.
CACHED = (
    ("prompt_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cached_tokens",),
    ("num_cached_tokens",),
    ("cache_read_input_tokens",),
)
CACHE_WRITES = (
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
    ("cache_creation_input_tokens",),
)
REASONING = (("completion_tokens_details", "reasoning_tokens"), ("reasoning_tokens",))

BYTES_PER_TOKEN = 4.0  # of English text, in the tokenizers in use; other scripts take more tokens


def usage_of(given: object) -> Usage | None:
    """Usage from an OpenAI ``usage`` object, in any of its variants; None where it tells none.

    A count that is no whole number of 0 or more is as good as none. Cached tokens are among the
    prompt's, so more of them than the prompt has are not believed.
    """
    wire = json_object(given)
    if wire is None:
        return None
    read, written = _count(wire, ("prompt_tokens",)), _count(wire, ("completion_tokens",))
    if read is None or written is None:
        return None
    reasoning = _first(wire, REASONING)
    # Most count reasoning within the completion. Where the total says that it comes on top
    # (xAI), it is added: it is billed as output all the same.
    if reasoning and _count(wire, ("total_tokens",)) == read + written + reasoning:
        written += reasoning
    cached = min(_first(wire, CACHED), read)
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=cached,
        reasoning_tokens=min(reasoning, written),
        cache_write_tokens=min(_first(wire, CACHE_WRITES), read - cached),
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


def _count(wire: JsonObject, path: tuple[str, ...]) -> int | None:
    value: object = wire
    for key in path:
        value = (json_object(value) or {}).get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def _first(wire: JsonObject, paths: tuple[tuple[str, ...], ...]) -> int:
    return next((found for path in paths if (found := _count(wire, path))), 0)


def _length(message: object) -> int:
    content = (json_object(message) or {}).get("content")
    if isinstance(content, str):
        return len(content.encode("utf-8", "replace"))
    parts = cast("list[object]", content) if isinstance(content, list) else []
    texts = (str((json_object(part) or {}).get("text") or "") for part in parts)
    return sum(len(text.encode("utf-8", "replace")) for text in texts)
