"""RouterArena (repository RouteWorks/RouterArena): ``cached_results/MODEL.jsonl``, or one file.

A record has ``global_index``, ``question``, ``llm_selected`` (the model), ``token_usage`` with
``input_tokens`` and ``output_tokens``, ``run_number``, and ``evaluation_result`` with ``score``
and ``inference_cost`` (US dollars). An ungraded record (no ``evaluation_result``) leaves its score
empty; several runs of one model on one question become their mean. A file of
``router_inference/predictions`` is read as well: a list with ``global index``, ``prompt``,
``prediction`` (the model), ``accuracy``, ``cost``, and the tokens in ``generated_result``.

The score is RouterArena's own metric. One of its metrics is a correlation and falls below 0:
what lies in [-1, 0) counts as 0. Where a cost is missing it is the stored tokens times the price in
``prices.csv``, or else in RouterArena's own ``model_cost/model_cost.json`` beside or above the
files. The task is ``global_index`` without its number.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from routewright.data.benchmarks.cells import Cells, checked_number, checked_text
from routewright.data.benchmarks.prices import Price, Prices, check_priced, read_prices
from routewright.data.benchmarks.records import first_keys, read_json, read_lines
from routewright.data.long_format import Table
from routewright.data.wording import shown
from routewright.errors import DataError

SHAPE = "RouterArena's cached_results"
_FIRST_KEYS = ({"global_index", "llm_selected"}, {"global index", "prediction"})
_NUMBER = re.compile(r"_\d+$")


class _Usage(msgspec.Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Grade(msgspec.Struct):
    score: float | None = None
    inference_cost: float | None = None


class _Cached(msgspec.Struct):
    global_index: str
    question: str
    llm_selected: str
    token_usage: _Usage | None = None
    evaluation_result: _Grade | None = None
    run_number: int = 1


class _Generated(msgspec.Struct):
    token_usage: _Usage | None = None


class _Prediction(msgspec.Struct):
    prompt: str
    prediction: str
    global_index: str = msgspec.field(name="global index")
    generated_result: _Generated | None = None
    accuracy: float | None = None
    cost: float | None = None


class _Cost(msgspec.Struct):
    input_token_price_per_million: float
    output_token_price_per_million: float


def claims(path: Path) -> bool:
    """Whether the first record has a global index and names a model."""
    if path.is_dir():
        files = _files(path)
        return bool(files) and claims(files[0])
    if path.suffix.lower() not in (".jsonl", ".json"):
        return False
    keys = first_keys(path)
    return any(names <= keys for names in _FIRST_KEYS)


def read(path: Path) -> Table:
    """The table of all files in the folder, or of one.

    Raises:
        DataError: the file, line and field that is wrong, or no costs at all.

    Warns:
        UnpricedWarning: models whose cost is neither stored nor can be computed.
    """
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no .jsonl file in it; give the folder cached_results")
    prices = {**_own_prices(path), **read_prices(path)}
    cells = Cells(path)
    for file in files:
        records = _predictions(file) if file.suffix.lower() == ".json" else _cached(file)
        _collect(cells, records, prices)
    table = cells.table()
    unpriced = [
        model
        for model, costs in zip(table.models, table.matrices["costs"].T, strict=True)
        if all(math.isnan(cost) for cost in costs)
    ]
    check_priced(path, table.models, unpriced)
    return table


def _collect(cells: Cells, records: Iterable[tuple[str, _Cached]], prices: Prices) -> None:
    """Take in the records of one file, the runs of one question as their mean."""
    runs: dict[tuple[str, str], dict[int, tuple[str, dict[str, float]]]] = defaultdict(dict)
    for place, record in records:
        id = checked_text(record.global_index, "global_index", place)
        model = checked_text(record.llm_selected, "llm_selected", place)
        cells.add_prompt(id, record.question, place, task=_NUMBER.sub("", id))
        before = runs[id, model].get(record.run_number)
        if before is not None:
            raise DataError(
                f"{place}: {shown(id)} of {shown(model)} is already on "
                f"{before[0].rpartition(': ')[2]}; keep one"
            )
        values = _values(record, prices.get(model), place)
        runs[id, model][record.run_number] = place, values
    for (id, model), found in runs.items():
        place = next(iter(found.values()))[0]
        means = {
            field: _mean([values[field] for _, values in found.values()])
            for field in ("score", "cost_usd", "input_tokens", "output_tokens")
        }
        cells.add(id, model, place, **means)


def _values(record: _Cached, price: Price | None, place: str) -> dict[str, float]:
    grade = record.evaluation_result or _Grade()
    usage = record.token_usage or _Usage()
    score = checked_number(grade.score, "score", place)
    if score < -1.0 or score > 1.0:
        raise DataError(f"{place}: score is {score:g}, outside [-1, 1]; correct it")
    tokens = {
        "input_tokens": checked_number(usage.input_tokens, "input_tokens", place),
        "output_tokens": checked_number(usage.output_tokens, "output_tokens", place),
    }
    cost_usd = checked_number(grade.inference_cost, "inference_cost", place)
    if math.isnan(cost_usd) and price is not None:
        cost_usd = price.cost_usd(tokens["input_tokens"], tokens["output_tokens"])
    return {"score": 0.0 if score < 0.0 else score, "cost_usd": cost_usd, **tokens}


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _files(folder: Path) -> list[Path]:
    inner = folder / "cached_results"
    return sorted((inner if inner.is_dir() else folder).glob("*.jsonl"))


def _cached(file: Path) -> Iterator[tuple[str, _Cached]]:
    return read_lines(file, _Cached)


def _predictions(file: Path) -> Iterator[tuple[str, _Cached]]:
    """The records of a predictions file in the shape of cached ones."""
    for number, found in enumerate(read_json(file, list[_Prediction]), start=1):
        usage = found.generated_result.token_usage if found.generated_result else None
        grade = _Grade(found.accuracy, found.cost)
        record = _Cached(found.global_index, found.prompt, found.prediction, usage, grade)
        yield f"{file}: record {number}", record


def _own_prices(path: Path) -> dict[str, Price]:
    """RouterArena's prices, from the folder itself or the one above."""
    folder = path if path.is_dir() else path.parent
    for above in (folder, folder.parent):
        file = above / "model_cost" / "model_cost.json"
        if file.is_file():
            costs: Any = read_json(file, dict[str, _Cost])
            return {
                model: Price(
                    cost.input_token_price_per_million, cost.output_token_price_per_million
                )
                for model, cost in costs.items()
            }
    return {}
