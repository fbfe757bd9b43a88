"""AlpacaEval (repository tatsu-lab/alpaca_eval): ``results/MODEL/JUDGE/annotations.json``.

Each annotation compares ``output_2``, the answer of ``generator_2``, with a reference answer to
the same ``instruction``. ``preference`` runs from 1 (the reference is better) to 2; the score is
preference - 1: the judge's probability that the model's answer is the better one. 0 and 1.5 are
ties and score 0.5; null is ungraded and leaves the cell empty. The judge is
``weighted_alpaca_eval_gpt4_turbo`` (AlpacaEval 2) where any model has it, else
``alpaca_eval_gpt4``; models that it didn't judge are left out, for scores of two judges don't
compare. A ``.json`` file of annotations is read alone.

Nothing is stored about costs. They are estimates: a token for every four characters of
instruction and answer, times the prices in ``prices.csv`` in the folder. Without a price a
model's costs are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from routewright.data.benchmarks.cells import Cells, checked_text
from routewright.data.benchmarks.prices import check_priced, estimated_tokens, read_prices
from routewright.data.benchmarks.records import first_keys, read_json
from routewright.data.long_format import Table
from routewright.errors import DataError

SHAPE = "AlpacaEval's results"
JUDGES = ("weighted_alpaca_eval_gpt4_turbo", "alpaca_eval_gpt4")
FILE = "annotations.json"
TIES = (0.0, 1.5)


class _Annotation(msgspec.Struct):
    instruction: str
    output_2: str
    generator_2: str
    preference: float | None
    dataset: str = ""


def claims(path: Path) -> bool:
    """Whether a model's folder holds annotations, or the file's first record is one."""
    if path.is_dir():
        return any(next(_files(path, judge), None) for judge in JUDGES)
    return path.suffix.lower() == ".json" and {"instruction", "generator_2"} <= first_keys(path)


def read(path: Path) -> Table:
    """The table of all models that one judge judged.

    Raises:
        DataError: the file, record and field that is wrong, or no prices at all.

    Warns:
        UnpricedWarning: models without a price.
    """
    prices = read_prices(path)
    cells = Cells(path)
    numbers: dict[tuple[str, str], int] = {}
    for file in _annotations(path):
        for at, record in enumerate(read_json(file, list[_Annotation]), start=1):
            place = f"{file}: record {at}"
            checked_text(record.instruction, "instruction", place)
            model = checked_text(record.generator_2, "generator_2", place)
            asked = (record.dataset, record.instruction)
            id = f"alpaca_eval/{numbers.setdefault(asked, len(numbers))}"
            cells.add_prompt(id, record.instruction, place, task=record.dataset)
            sizes = estimated_tokens(record.instruction), estimated_tokens(record.output_2)
            cells.add(
                id,
                model,
                place,
                score=_score(record.preference, place),
                cost_usd=prices[model].cost_usd(*sizes) if model in prices else None,
                input_tokens=sizes[0],
                output_tokens=sizes[1],
            )
    table = cells.table()
    check_priced(path, table.models, set(table.models) - set(prices))
    return table


def _score(preference: float | None, place: str) -> float | None:
    if preference is None or math.isnan(preference):
        return None
    if preference in TIES:
        return 0.5
    if not 1.0 <= preference <= 2.0:
        raise DataError(f"{place}: preference is {preference:g}, outside [1, 2]; correct it")
    return preference - 1.0


def _annotations(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    for judge in JUDGES:
        found = sorted(_files(path, judge))
        if found:
            return found
    raise DataError(f"{path}: no MODEL/{JUDGES[0]}/{FILE} in it; give the folder results")


def _files(folder: Path, judge: str) -> Iterator[Path]:
    for shape in (f"*/{judge}/{FILE}", f"results/*/{judge}/{FILE}", f"{judge}/{FILE}"):
        yield from folder.glob(shape)
