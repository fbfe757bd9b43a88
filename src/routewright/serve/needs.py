"""What a request needs of a model, read off its body once, and what each model cannot give.

A model whose ``capabilities`` are listed can do those of ``LISTED`` that are among them and no
others; of one without a list it is assumed that it can do whatever its kind of provider can pass
on, since a refusal by the upstream is better than a model that never gets a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from routewright.errors import ConfigError
from routewright.providers import DIALECTS
from routewright.types import Message, Model, json_object, json_objects

BYTES_PER_TOKEN = 4  # of UTF-8; a rule of thumb for the window, never for a bill
TOKENS_PER_TURN = 4
TOKENS_PER_MEDIUM = 1000  # an image, a sound or a document: vendors count 85 to 1,600 an image

LISTED = ("images", "audio", "files", "tools", "json_schema")
EMBEDDINGS = "embeddings"  # who lists it makes nothing else
CHAT = "chat"
PER_KIND = ("n", "logprobs")  # what depends on the provider's dialect, not on the model

# What a kind of provider cannot pass on, whichever model stands behind it.
KIND_LACKS: Mapping[str, frozenset[str]] = {
    "local": frozenset({"images", "audio", "files", "n"}),
    "anthropic": frozenset({"audio", "n", "logprobs"}),
    "gemini": frozenset({"logprobs"}),
}
_PARTS = {
    "image_url": "images",
    "input_image": "images",
    "input_audio": "audio",
    "file": "files",
    "input_file": "files",
}


_ASKING = frozenset(
    ("tools", "functions", "response_format", "n", "logprobs", "top_logprobs", "modalities")
)


class Needs(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request asks of a model.

    ``tokens`` is about how many it reads, tools and schema included, ``answer_tokens`` how many
    it may write at most, 0 where it does not say. ``wants`` names each capability it cannot do
    without, with the field that says so. ``marked`` tells of ``cache_control`` marks in it,
    ``prefix_tokens`` how much of it a provider that is to be asked would be asked to keep.
    """

    tokens: int
    answer_tokens: int = 0
    answer_field: str = ""
    wants: tuple[tuple[str, str], ...] = ()
    marked: bool = False
    prefix_tokens: int = 0


def estimate_tokens(messages: Sequence[Message]) -> int:
    """About how many tokens messages have: their UTF-8 bytes by four, and a few a turn."""
    size = 0
    for message in messages:
        content = message.content
        size += len((content if isinstance(content, str) else message.text).encode())
    return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_TURN * len(messages)


def read_needs(messages: Sequence[Message], body: Mapping[str, Any]) -> Needs:
    """The needs of a chat-completions body, its messages already checked."""
    media, count, marked = _media(messages)
    wants = media | _wants(body)
    tokens = estimate_tokens(messages) + TOKENS_PER_MEDIUM * count
    schema = (json_object(body.get("response_format")) or {}).get("json_schema")
    said_too = [body.get("tools"), body.get("functions"), schema]
    for message in json_objects(body.get("messages")):
        said_too.append(message.get("tool_calls"))
    for said in said_too:
        if said:
            tokens += -(-len(msgspec.json.encode(said)) // BYTES_PER_TOKEN)
    return Needs(tokens, *_limit(body), tuple(wants.items()), marked)


def _media(messages: Sequence[Message]) -> tuple[dict[str, str], int, bool]:
    """What parts other than text ask for, how many there are, and whether any part is marked."""
    wants: dict[str, str] = {}
    count, marked = 0, False
    for place, message in enumerate(messages):
        if not isinstance(message.content, list):
            continue
        for number, part in enumerate(message.content):
            marked = marked or "cache_control" in part
            wanted = _PARTS.get(str(part.get("type")))
            if wanted:
                wants.setdefault(wanted, f"messages[{place}].content[{number}]")
                count += 1
    return wants, count, marked


def _wants(body: Mapping[str, Any]) -> dict[str, str]:
    """What the fields beside the messages ask for."""
    wants: dict[str, str] = {}
    if _ASKING.isdisjoint(body):
        return wants
    for field in ("tools", "functions"):
        if body.get(field):
            wants.setdefault("tools", field)
    if "json_schema" in (json_object(body.get("response_format")) or {}):
        wants["json_schema"] = "response_format"
    if isinstance(n := body.get("n"), int) and n > 1:
        wants["n"] = "n"
    if body.get("logprobs") is True or body.get("top_logprobs"):
        wants["logprobs"] = "logprobs"
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        wants["audio"] = "modalities"
    return wants


def lacks(model: Model, kind: str) -> frozenset[str]:
    """The capabilities that a model behind a provider of this kind has not.

    Raises:
        ConfigError: the model's list has a word that means nothing here.
    """
    known = (*LISTED, EMBEDDINGS)
    unknown = set(model.capabilities) - set(known)
    if unknown:
        raise ConfigError(
            f'models."{model.name}".capabilities: no {min(unknown)!r}; there are {", ".join(known)}'
        )
    by_kind = KIND_LACKS.get(kind, frozenset())
    if EMBEDDINGS in model.capabilities:
        by_kind |= {CHAT}
    if not model.capabilities:
        return by_kind
    return by_kind | (frozenset(LISTED) - frozenset(model.capabilities))


def lacks_dialects(speaks: frozenset[str]) -> frozenset[str]:
    """The dialects that a model's provider does not take as they come, as capabilities."""
    return frozenset(f"the {each} dialect" for each in DIALECTS - speaks)


def with_dialect(needs: Needs, dialect: str, field: str) -> Needs:
    """The needs of a request with a field that can be said in its own dialect alone."""
    wants = (*needs.wants, (f"the {dialect} dialect", field))
    return msgspec.structs.replace(needs, wants=wants)


def _limit(body: Mapping[str, Any]) -> tuple[int, str]:
    for field in ("max_completion_tokens", "max_tokens"):
        value = body.get(field)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value, field
    return 0, ""
