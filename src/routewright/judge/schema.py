"""Grader for structured answers: a JSON Schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from routewright.errors import require
from routewright.judge.extract import FULL, BadReferenceError, code_blocks, final_text, grade
from routewright.judge.structure import find_object
from routewright.types import Grade, json_object


def schema(answer_text: str, reference: str) -> Grade:
    """5 when the answer's JSON is valid under the reference, a JSON Schema, else 0.

    The JSON is the whole answer, its one code block, or the one object in it. Nothing is fetched:
    a schema must hold all that it refers to.

    Raises:
        MissingExtraError: the extra ``judge`` is not installed.
    """
    validator = _validator(reference)
    text = final_text(answer_text)
    if not text:
        return grade("schema", 0.0, "empty answer")
    found, why = _value(text)
    if why:
        return grade("schema", 0.0, why)
    fault: Any = next(iter(validator.iter_errors(found)), None)
    if fault is None:
        return grade("schema", FULL, "valid under the schema")
    place = "/".join(str(step) for step in fault.instance_path)
    return grade("schema", 0.0, f"at /{place}: {fault.message}")


@lru_cache(maxsize=256)
def _validator(reference: str) -> Any:
    library: Any = require("jsonschema_rs", "judge")
    try:
        wanted = json_object(json.loads(reference))
    except (ValueError, RecursionError):
        wanted = None
    if not wanted:
        raise BadReferenceError("must be a JSON Schema: an object with at least one keyword")
    try:
        return library.validator_for(
            wanted, offline=True, validate_formats=True, pattern_options=library.RegexOptions()
        )
    except (ValueError, library.ReferencingError) as error:
        first = str(error).splitlines()[0]
        raise BadReferenceError(f"is no JSON Schema that stands alone ({first})") from None


def _value(text: str) -> tuple[Any, str]:
    """The JSON value that an answer holds, or why there is none."""
    blocks = code_blocks(text)
    for candidate in (text, *(blocks if len(blocks) == 1 else [])):
        try:
            return json.loads(candidate, parse_constant=_refuse), ""
        except (ValueError, RecursionError):
            continue
    found = find_object(text)
    return (None, found) if isinstance(found, str) else (found, "")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
