"""LLMRouterBench (repository ynulihao/LLMRouterBench): a tree of results, or its tar archive.

``DATASET/SPLIT/MODEL/*.json`` below any folder (``results/bench``, ``bench-release``), or the
published ``bench-release.tar.gz``, which is read as a stream and never unpacked. A file names its
``dataset_name``, ``split`` and ``model_name`` and holds ``records`` with ``index``,
``origin_query``, ``prompt``, ``ground_truth``, ``score``, ``cost`` (US dollars), ``prompt_tokens``
and ``completion_tokens``. Of several files of one model the newest counts, by the time in its name;
trial runs (``demo``) don't count.

The prompt is ``origin_query``, or ``prompt`` where that is empty; where two models were asked
different things under one index, these are different prompts. Models that the makers ran on
their own machines have cost 0 throughout, which isn't what they cost: the cost is then tokens times
the price in ``prices.csv``, or unknown.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from routewright.data.benchmarks.cells import Cells, checked_text
from routewright.data.benchmarks.prices import Price, check_priced, read_prices
from routewright.data.benchmarks.records import decoded_json, first_keys, read_json
from routewright.data.long_format import Table
from routewright.errors import DataError

SHAPE = "LLMRouterBench's tree or .tar.gz"
MAX_MEMBER_BYTES = 1 << 30
_TIME = re.compile(r"(\d{8})_(\d{6})\.json$")
_ARCHIVES = (".tar", ".tar.gz", ".tgz")


class _Record(msgspec.Struct):
    index: int | str
    origin_query: Any = ""
    prompt: Any = ""
    ground_truth: Any = ""
    score: float | None = None
    cost: float | None = None
    prompt_tokens: float | None = None
    completion_tokens: float | None = None


class _Result(msgspec.Struct):
    records: list[_Record]
    dataset_name: str = ""
    split: str = ""
    model_name: str = ""
    demo: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is kept of a record: answers are most of a file, and nothing here reads them."""

    index: int | str
    text: str
    key: str
    score: float | None
    cost: float | None
    input_tokens: float | None
    output_tokens: float | None


@dataclass(frozen=True)
class _Run:
    time: str
    place: str
    outcomes: list[_Outcome]


def claims(path: Path) -> bool:
    """Whether it is a tar archive, or a folder with a file of records three folders down."""
    if path.is_file():
        return path.name.endswith(_ARCHIVES)
    first = next(_files(path), None) if path.is_dir() else None
    return first is not None and {"records", "performance"} <= first_keys(first)


def read(path: Path) -> Table:
    """The table of all data sets below the folder, or in the archive.

    Raises:
        DataError: the file, record and field that is wrong, or no costs at all.

    Warns:
        UnpricedWarning: models that cost nothing and have no price.
    """
    newest = _newest(_archive(path) if path.is_file() else _tree(path))
    costly = {model for (_, _, model), run in newest.items() if any(o.cost for o in run.outcomes)}
    prices = read_prices(path)
    cells = Cells(path)
    for (dataset, split, model), run in sorted(newest.items()):
        price = None if model in costly else prices.get(model)
        for number, outcome in enumerate(run.outcomes, start=1):
            place = f"{run.place}: record {number}"
            cost_usd = outcome.cost if model in costly else _cost_usd(outcome, price)
            _collect(cells, f"{dataset}/{split}", model, place, outcome, cost_usd)
    table = cells.table()
    unpriced = set(table.models) - costly - set(prices)
    check_priced(path, table.models, unpriced)
    return table


def _newest(
    results: Iterator[tuple[str, str, _Result]],
) -> dict[tuple[str, str, str], _Run]:
    """For every data set, split and model its newest run, trial runs left out."""
    newest: dict[tuple[str, str, str], _Run] = {}
    texts: dict[str, str] = {}  # one copy of a prompt for all models
    for place, name, result in results:
        if result.demo:
            continue
        key = _key(result, name, place)
        time = "".join(found.groups()) if (found := _TIME.search(name)) else ""
        before = newest.get(key)
        if before is not None and before.time == time:
            raise DataError(f"{place}: as old as {before.place}, and of the same model; keep one")
        if before is None or time > before.time:
            outcomes = [_outcome(record, texts) for record in result.records]
            newest[key] = _Run(time, place, outcomes)
    return newest


def _outcome(record: _Record, texts: dict[str, str]) -> _Outcome:
    text = _text(record.origin_query) or _text(record.prompt)
    key = _text(record.ground_truth)
    return _Outcome(
        record.index,
        texts.setdefault(text, text),
        texts.setdefault(key, key),
        record.score,
        record.cost,
        record.prompt_tokens,
        record.completion_tokens,
    )


def _collect(
    cells: Cells, dataset: str, model: str, place: str, outcome: _Outcome, cost_usd: float | None
) -> None:
    checked_text(outcome.text, "origin_query", place)
    id = f"{dataset}/{outcome.index}"
    if id in cells.prompts and cells.prompts[id].text != outcome.text:
        digest = blake2b(outcome.text.encode("utf-8", "replace"), digest_size=4)
        id = f"{id}#{digest.hexdigest()}"
    task = dataset.partition("/")[0]
    cells.add_prompt(id, outcome.text, place, task=task, reference=outcome.key)
    cells.add(
        id,
        model,
        place,
        score=outcome.score,
        cost_usd=cost_usd,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
    )


def _cost_usd(outcome: _Outcome, price: Price | None) -> float | None:
    if price is None or outcome.input_tokens is None or outcome.output_tokens is None:
        return None
    return price.cost_usd(outcome.input_tokens, outcome.output_tokens)


def _key(result: _Result, name: str, place: str) -> tuple[str, str, str]:
    """Data set, split and model: from the file, or else from the folders it lies in."""
    folders = name.split("/")[-4:-1]
    folders = [""] * (3 - len(folders)) + folders
    said = (result.dataset_name, result.split, result.model_name)
    key = tuple(own or folder for own, folder in zip(said, folders, strict=True))
    if not all(key):
        raise DataError(f"{place}: no dataset_name, split or model_name, nor such folders; add it")
    return key[0], key[1], key[2]


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _files(folder: Path) -> Iterator[Path]:
    """Every DATASET/SPLIT/MODEL/FILE.json, wherever in the tree the folder stands."""
    for depth in ("*/*/*", "*/*/*/*", "*/*/*/*/*", "", "*", "*/*"):
        found = sorted(folder.glob(f"{depth}/*.json" if depth else "*.json"))
        if found:
            yield from found
            return


def _tree(folder: Path) -> Iterator[tuple[str, str, _Result]]:
    for file in _files(folder):
        yield str(file), file.as_posix(), read_json(file, _Result)


def _archive(path: Path) -> Iterator[tuple[str, str, _Result]]:
    """The results in a tar archive, one by one; nothing is written to disk."""
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if not member.isfile() or not member.name.endswith(".json"):
                    continue
                place = f"{path}: {member.name}"
                if member.name.rpartition("/")[2].startswith("._"):
                    continue  # what macOS leaves in archives
                if member.size > MAX_MEMBER_BYTES:
                    raise DataError(
                        f"{place}: {member.size:,} bytes; unpack it and give the folder"
                    )
                file = archive.extractfile(member)
                content = file.read() if file else b""
                yield place, member.name, decoded_json(content, _Result, place)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: not a whole tar archive; copy it again") from error
