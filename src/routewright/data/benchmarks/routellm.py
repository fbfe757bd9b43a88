"""RouteLLM (repository lm-sys/RouteLLM, folder routellm/evals): two models on three benchmarks.

Read from the folder ``evals``, one of its three folders, or one file:

- ``mmlu/responses/mmlu_SUBJECT.csv``: ``prompt`` and a column of True and False for every model.
- ``gsm8k/gsm8k_responses.csv``: the same, and the answers in ``MODEL_response``.
- ``mt_bench/judgements.jsonl``: a judge's ``score`` from 1 to 10 for each of two turns. The score
  of a question is their mean divided by 10; -1, which the judge gave where its verdict couldn't
  be read, is left out. The prompt is the first turn, as RouteLLM routes by it.

RouteLLM's own evaluation leaves out the questions of ``contaminated_prompts.jsonl``; here they
are kept. No cost is stored. Costs are estimates: a token for every four characters of the bare
question (worked examples before it don't count) and of the answer where it is stored, else one
token for a letter; times the list prices below or those in ``prices.csv``.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import msgspec

from routewright.data.benchmarks.cells import Cells, checked_text
from routewright.data.benchmarks.prices import (
    Price,
    Prices,
    check_priced,
    estimated_tokens,
    read_prices,
)
from routewright.data.benchmarks.questions import bare_question, question_groups
from routewright.data.benchmarks.records import first_keys, read_lines
from routewright.data.columns import check_columns, filled_texts
from routewright.data.long_format import Table
from routewright.data.table_file import read_frame
from routewright.data.wording import shown
from routewright.errors import DataError

SHAPE = "RouteLLM's evals"
# US dollars per million tokens, at the time of RouteLLM's paper (2024-06): OpenAI's list price of
# 2023-11-06, and the price of the host that RouteLLM used for the open model.
LIST_PRICES = {
    "gpt-4-1106-preview": Price(10.0, 30.0),
    "mixtral-8x7b-instruct-v0.1": Price(0.6, 0.6),
}
MAX_MARK = 10
UNREAD_MARK = -1
_TABLE = re.compile(r"(mmlu_(?P<subject>\w+)|gsm8k_responses)\.csv$")
_JUDGEMENTS = "judgements.jsonl"
_ANSWER = "_response"
_MARKS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_QUESTION = re.compile(r"\[Question\]\n(.*?)\n\n\[The Start of ", re.DOTALL)
_TURN = re.compile(r"\n+### (User|Assistant A):\n")
_CONVERSATION = "<|The Start of Assistant A's Conversation with User|>"
_END = "<|The End of Assistant A's Conversation with User|>"
_SINGLE_ANSWER = re.compile(
    r"\[The Start of Assistant's Answer\]\n(.*?)\n\[The End of Assistant's Answer\]", re.DOTALL
)


class _Judgement(msgspec.Struct):
    question_id: int
    model: str
    user_prompt: str
    score: float
    turn: int


def claims(path: Path) -> bool:
    """Whether it is one of the three kinds of file by name and first line, or a folder of them."""
    if path.is_dir():
        return any(claims(file) for file in _files(path)[:3])
    if path.name == _JUDGEMENTS:
        return {"question_id", "model"} <= first_keys(path)
    return bool(_TABLE.search(path.name)) and path.is_file() and _header(path)[:1] == ["prompt"]


def read(path: Path) -> Table:
    """The table of all files in the folder, or of one.

    Raises:
        DataError: the file, row and field that is wrong.

    Warns:
        UnpricedWarning: models without a price.
    """
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no mmlu_*.csv, gsm8k_responses.csv or {_JUDGEMENTS} in it")
    own = read_prices(path)
    cells = Cells(path)
    for file in files:
        if file.name == _JUDGEMENTS:
            _read_judgements(cells, file, own)
        else:
            _read_answers(cells, file, own)
    table = cells.table()
    check_priced(path, table.models, [m for m in table.models if _price(m, own) is None])
    return table


def _read_answers(cells: Cells, file: Path, own: Prices) -> None:
    """One CSV of True and False."""
    frame = read_frame(file)
    check_columns(frame, ("prompt",), file)
    answers = {name for name in frame.columns if name.endswith(_ANSWER)}
    models = [name for name in frame.columns if name != "prompt" and name not in answers]
    if not models:
        raise DataError(f"{file}: no column but 'prompt'; each model has one of True and False")
    found = _TABLE.search(file.name)
    subject = found["subject"] if found else None
    task = f"mmlu/{subject}" if subject else "gsm8k"
    prompts = filled_texts(frame, "prompt", file).to_list()
    groups = question_groups([[prompt] for prompt in prompts])
    columns = {name: frame[name].to_list() for name in frame.columns}
    for row, prompt in enumerate(prompts):
        place, id = f"{file}: row {row + 1}", f"{task}/{row}"
        cells.add_prompt(id, prompt, place, task=task, group=groups[row])
        input_tokens = estimated_tokens(bare_question(prompt))
        for model in models:
            answer = columns[model + _ANSWER][row] if model + _ANSWER in answers else None
            output_tokens = estimated_tokens(answer) if answer else 1.0
            _add(cells, id, model, place, own, input_tokens, output_tokens,
                 score=_mark(columns[model][row], model, place))  # fmt: skip


def _mark(cell: str | None, model: str, place: str) -> float | None:
    if cell is None or not cell.strip():
        return None
    mark = _MARKS.get(cell.strip().casefold())
    if mark is None:
        raise DataError(f"{place}, column {model!r}: {shown(cell)}; give True or False")
    return mark


def _read_judgements(cells: Cells, file: Path, own: Prices) -> None:
    """The judgements of MT-Bench, both turns of a question as one outcome."""
    turns: dict[tuple[int, str], dict[int, tuple[str, _Judgement]]] = defaultdict(dict)
    for place, judgement in read_lines(file, _Judgement):
        _check_judgement(judgement, place)
        before = turns[judgement.question_id, judgement.model].setdefault(
            judgement.turn, (place, judgement)
        )
        if before[1] is not judgement:
            raise DataError(
                f"{place}: turn {judgement.turn} of question {judgement.question_id} of "
                f"{shown(judgement.model)} is already on {before[0].rpartition(': ')[2]}; keep one"
            )
    for (question, model), found in turns.items():
        said = _said({turn: judgement.user_prompt for turn, (_, judgement) in found.items()})
        place = next(iter(found.values()))[0]
        if not said:
            raise DataError(f"{place}: user_prompt holds no question; copy the file again")
        id = f"mt_bench/{question}"
        cells.add_prompt(id, said[0], place, task="mt_bench")
        marks = [one.score for _, one in found.values() if one.score != UNREAD_MARK]
        score = sum(marks) / len(marks) / MAX_MARK if marks else math.nan
        sizes = [estimated_tokens(text) for text in said]
        # A turn sends all that was said before it.
        asked = sum(sum(sizes[: at + 1]) for at in range(0, len(sizes), 2))
        _add(cells, id, model, place, own, asked, sum(sizes[1::2]), score=score)


def _check_judgement(judgement: _Judgement, place: str) -> None:
    checked_text(judgement.model, "model", place)
    mark = judgement.score
    if mark != UNREAD_MARK and not 1 <= mark <= MAX_MARK:
        raise DataError(f"{place}: score is {mark:g}, outside 1 to {MAX_MARK}; correct it")


def _said(user_prompts: Mapping[int, str]) -> list[str]:
    """What user and model said in turn, from what the judge was shown: question, answer, ..."""
    last = user_prompts[max(user_prompts)]
    _, found, conversation = last.partition(_CONVERSATION)
    if found:
        parts = _TURN.split("\n" + conversation.partition(_END)[0])
        return [text.strip() for text in parts[2::2]]
    question, answer = _QUESTION.search(last), _SINGLE_ANSWER.search(last)
    return [found[1].strip() for found in (question, answer) if found]


def _add(
    cells: Cells,
    id: str,
    model: str,
    place: str,
    own: Prices,
    input_tokens: float,
    output_tokens: float,
    *,
    score: float | None,
) -> None:
    price = _price(model, own)
    cells.add(
        id,
        model,
        place,
        score=score,
        cost_usd=price.cost_usd(input_tokens, output_tokens) if price else None,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )


def _price(model: str, own: Prices) -> Price | None:
    """The user's price, or the list price; a host's prefix to the name doesn't matter for it."""
    return own.get(model) or LIST_PRICES.get(model.rpartition("/")[2].casefold())


def _files(folder: Path) -> list[Path]:
    """The files of the format in the folder, or in evals' own folders below it."""
    found: list[Path] = []
    for below in ("", "responses", "mmlu/responses", "gsm8k", "mt_bench"):
        for root in (folder, folder / "routellm" / "evals", folder / "evals"):
            names = sorted(p for p in (root / below).glob("*") if p.is_file())
            found += [p for p in names if _TABLE.search(p.name) or p.name == _JUDGEMENTS]
    return found


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.readline(10_000).strip().split(",")
    except OSError:
        return []
