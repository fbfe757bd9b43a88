"""What a body may not say: where, with which key and headers, a model is called."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from routewright.errors import RequestError

REFUSED = frozenset(
    {
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "azure_ad_token",
        "azure_endpoint",
        "base_url",
        "custom_llm_provider",
        "default_headers",
        "endpoint_url",
        "extra_body",
        "extra_headers",
        "extra_query",
        "headers",
        "http_client",
        "litellm_params",
        "model_list",
        "organization",
        "project_id",
        "proxies",
        "proxy",
        "proxy_url",
        "user_config",
        "vertex_credentials",
    }
)
# What is said to a model, or described to it: its words are the user's own, and go nowhere else.
CONTENT = frozenset(
    {
        "content",
        "functions",
        "input",
        "instructions",
        "messages",
        "metadata",
        "prediction",
        "prompt",
        "response_format",
        "system",
        "text",
        "tools",
    }
)
_DEEPEST = 20


def refuse_routing(body: Mapping[str, Any], path: str = "", depth: int = 0) -> None:
    """Refuse a body that would choose hosts, keys or headers, at any depth outside its content.

    Raises:
        RequestError: it would; ``param`` names the field.
    """
    for name, value in body.items():
        if _is_refused(name):
            raise RequestError(
                f"{path}{name}: a request cannot choose how models are called; leave it out",
                param=f"{path}{name}",
            )
        # Ours has a schema, which refuses what it does not know.
        if not isinstance(value, dict | list):
            continue
        if (path or (name not in CONTENT and name != "routewright")) and depth < _DEEPEST:
            _look_into(cast("object", value), f"{path}{name}", depth + 1)


@lru_cache(1024)  # the same few names in nearly every request
def _is_refused(name: str) -> bool:
    return name.lower().replace("-", "_") in REFUSED


def _look_into(value: object, path: str, depth: int) -> None:
    if isinstance(value, dict):
        refuse_routing(cast("dict[str, Any]", value), f"{path}.", depth)
    elif isinstance(value, list) and depth < _DEEPEST:
        for at, item in enumerate(cast("list[object]", value)):
            if isinstance(item, dict | list):
                _look_into(cast("object", item), f"{path}[{at}]", depth + 1)
