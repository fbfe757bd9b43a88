"""What was served and graded, as routing data: prompts, and a cell for each answer with a score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from routewright.errors import DataError
from routewright.types import json_object, json_objects

_CUT = re.compile(r"… \(\d+ characters\)$")  # what ``serve.content`` leaves of a long text


def write_evidence(decisions: Iterable[dict[str, Any]], folder: Path) -> tuple[int, int]:
    """Write ``prompts.jsonl`` and ``outcomes.jsonl``, the long format of routing data.

    A cell is the mean of the scores that feedback gave to a model's answers to one prompt. Left
    out are decisions without a kept prompt, a score or a known cost, cut prompts, and tools.

    Args:
        decisions: whole, with contents.
        folder: it must not hold either file yet.

    Returns:
        How many prompts and cells.

    Raises:
        DataError: the folder cannot be written, or holds them already.
    """
    prompts: dict[str, Any] = {}
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in decisions:
        messages = _messages(row)
        scores = [said["score"] for said in row["feedback"] if said["score"] is not None]
        if not messages or not scores or row["cost_usd"] is None or row["state"] != "complete":
            continue
        text = msgspec.json.encode(messages)
        id_ = hashlib.sha256(text).hexdigest()[:16]
        prompts[id_] = {"prompt_id": id_, "prompt": "", "messages": text.decode()}
        cell = {"score": sum(scores) / len(scores)}
        cell |= {name: row[name] for name in ("cost_usd", "latency_s")}
        cells.setdefault((id_, row["model"]), []).append(cell)
    _write(folder / "prompts.jsonl", prompts.values())
    _write(folder / "outcomes.jsonl", _cells(cells))
    return len(prompts), len(cells)


def _messages(row: dict[str, Any]) -> list[dict[str, Any]]:
    request = json_object(row.get("request")) or {}
    if request.get("tools") or request.get("functions"):
        return []
    system = request.get("system") or request.get("instructions")
    first = [{"role": "system", "content": system}] if isinstance(system, str) else []
    asked = request.get("messages") or request.get("input")
    if isinstance(asked, str):
        return [*first, {"role": "user", "content": asked}]
    turns = [*first, *json_objects(asked)]
    plain = all(isinstance(turn.get("content"), str) and "role" in turn for turn in turns)
    whole = all(not _CUT.search(str(turn.get("content"))) for turn in turns)
    return [{"role": t["role"], "content": t["content"]} for t in turns] if plain and whole else []


def _cells(cells: dict[tuple[str, str], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for (id_, model), samples in cells.items():
        means = {
            name: sum(sample[name] or 0.0 for sample in samples) / len(samples)
            for name in samples[0]
        }
        yield {"prompt_id": id_, "model": model, **means}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
    except FileExistsError as error:
        raise DataError(f"{path}: is there already; name another folder") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; name another folder") from error
