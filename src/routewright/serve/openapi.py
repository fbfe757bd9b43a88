"""The OpenAPI document: paths from the table of routes, schemas from ``schemas.json``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from routewright.serve.routes import TABLE, RouteSpec

SCHEMAS_FILE = Path(__file__).with_name("schemas.json")


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1 of every route that is served."""
    paths: dict[str, dict[str, Any]] = {}
    for spec in TABLE:
        path = spec.path.replace(":path}", "}")
        paths.setdefault(path, {})[spec.method.lower()] = _operation(spec)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Routewright gateway",
            "version": "1",  # of the API: what runs is for the operator to know
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": msgspec.json.decode(SCHEMAS_FILE.read_bytes()),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _operation(spec: RouteSpec) -> dict[str, Any]:
    answers: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    if spec.gives:
        answers = {"application/json": {"schema": _ref(spec.gives)}}
    if spec.streams:
        answers["text/event-stream"] = {"schema": {"type": "string"}}
    failed = {"application/json": {"schema": _ref("AnyError")}}
    told: dict[str, Any] = {
        "operationId": spec.handler,
        "summary": spec.summary,
        "x-access": spec.access,
        "responses": {
            "200": {"description": "What was asked for", "content": answers},
            "4XX": {"description": "The request cannot be taken", "content": failed},
            "5XX": {"description": "Nobody could answer", "content": failed},
        },
    }
    if spec.access != "open":
        told["security"] = [{}, {"bearer": []}, {"x-api-key": []}]
    if spec.handler == "readyz":
        ready = {"application/json": {"schema": _ref(spec.gives)}}
        told["responses"]["503"] = {"description": "Not ready", "content": ready}
    if spec.takes:
        taken = {"application/json": {"schema": _ref(spec.takes)}}
        told["requestBody"] = {"required": True, "content": taken}
    text = {"type": "string"}
    told["parameters"] = [
        *(
            {"name": name, "in": "path", "required": True, "schema": text}
            for name in re.findall(r"\{(\w+)", spec.path)
        ),
        *({"name": name, "in": "query", "schema": text} for name in spec.query),
    ]
    return told


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
