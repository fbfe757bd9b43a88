"""OpenAI-compatible endpoints that are known by name, and how each wants to be asked.

The table is ``presets.toml``. A preset is data: another endpoint is another section there.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from routewright.errors import ConfigError
from routewright.types import JsonObject, json_object

PRESETS_FILE = Path(__file__).with_name("presets.toml")
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")


class ModelQuirk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the models whose name matches one of these patterns do not take."""

    match: tuple[str, ...]
    drop: tuple[str, ...]


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One endpoint's own ways; ``presets.toml`` says what each field means.

    The default is an endpoint of which nothing is known: it is sent what the caller said.
    """

    base_url: str = ""
    api_key_env: str = ""
    key_header: str = "authorization"
    path: str = "/chat/completions"
    dated_path: str = ""
    token_limit: str = ""
    stream_usage: bool = True
    ends_in_done: bool = True
    cache_key: bool = False
    responses: bool = False
    rename: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    models: tuple[ModelQuirk, ...] = ()

    def path_for(self, model: str, api_version: str = "") -> str:
        """Where below the base URL a model is asked."""
        if not api_version:
            return self.path
        path = self.dated_path.format(model=quote(model, safe=""))
        return f"{path}?api-version={quote(api_version, safe='')}"

    def shape(self, model: str, body: JsonObject, *, cache_prefix: int = 0) -> dict[str, Any]:
        """The body in this endpoint's words; ``model`` is the name that the endpoint knows."""
        dropped = next(
            (q.drop for q in self.models if any(fnmatchcase(model, glob) for glob in q.match)), ()
        )
        shaped = dict(body)
        if dropped or self.rename or self.token_limit:
            words = dict(self.rename)
            if self.token_limit:
                words |= dict.fromkeys(TOKEN_LIMITS, self.token_limit)
            shaped = {words.get(k, k): value for k, value in body.items() if k not in dropped}
        shaped["model"] = model
        if body.get("stream"):
            if self.stream_usage:  # always asked for, to know what the answer cost
                options = json_object(body.get("stream_options")) or {}
                shaped["stream_options"] = {**options, "include_usage": True}
            else:
                shaped.pop("stream_options", None)
        if self.cache_key and cache_prefix and "prompt_cache_key" not in body:
            shaped["prompt_cache_key"] = _prefix_key(body, cache_prefix)
        return shaped


def _prefix_key(body: JsonObject, cache_prefix: int) -> str:
    """The same words for the same first messages: they lead to the machine that has them cached."""
    shared = [body.get("tools"), list(body["messages"])[:cache_prefix]]
    return hashlib.sha256(msgspec.json.encode(shared)).hexdigest()[:32]


@cache
def known_presets() -> Mapping[str, Preset]:
    """Every preset by name."""
    return msgspec.toml.decode(PRESETS_FILE.read_bytes(), type=dict[str, Preset])


def find_preset(name: str) -> Preset:
    """The preset of that name; "" gives an endpoint of which nothing is known.

    Raises:
        ConfigError: there is none; near matches are named.
    """
    if not name:
        return Preset()
    known = known_presets()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"unknown preset {name!r}; {hint}")
