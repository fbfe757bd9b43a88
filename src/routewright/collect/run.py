"""The collection stage: fans prompts out to models and journals each answer as it arrives.

An answer is in the journal, on disk, before the next is asked for on the same lane. A run that
was killed therefore loses only the calls that were in flight, and the next run asks for those
and for nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from routewright.data.journal import Journal
from routewright.errors import (
    DataError,
    RequestError,
    RoutewrightError,
    UpstreamError,
    UpstreamLimitError,
)
from routewright.protocols import Completion, Provider
from routewright.types import Answer, AnswerState, Model, Prompt, Usage

ANSWERS_FILE = "answers.journal"
PROMPTS_FILE = "asked.jsonl"  # the prompts as they were asked, so that a folder stands alone
ATTEMPTS = 3
MAX_WAIT_S = 60.0

# Greedy decoding: a second run gives the same answers, on the same build of the engine.
DECODING: Mapping[str, Any] = {"temperature": 0.0, "seed": 0}
DEFAULT_MAX_TOKENS = 256


class Cell(NamedTuple):
    """One question to one model."""

    prompt: Prompt
    model: Model


def read_answers(folder: Path) -> list[Answer]:
    """Every answer recorded in a collection folder, failures left out.

    Raises:
        DataError: the journal is damaged, or a row in it is no answer.
    """
    path = folder / ANSWERS_FILE
    answers: list[Answer] = []
    for number, row in enumerate(Journal(path).rows(), start=1):
        try:
            answer = msgspec.convert(row, Answer)
        except msgspec.ValidationError as error:
            raise DataError(f"{path}: line {number} is no answer ({error})") from error
        if answer.state is not AnswerState.FAILED:
            answers.append(answer)
    return answers


def missing_cells(
    prompts: Sequence[Prompt], models: Sequence[Model], answers: Sequence[Answer]
) -> list[Cell]:
    """The cells that no answer has been recorded for, prompt by prompt."""
    done = {(answer.prompt_id, answer.model) for answer in answers}
    return [
        Cell(prompt, model)
        for prompt in prompts
        for model in models
        if (prompt.id, model.name) not in done
    ]


async def collect(
    cells: Sequence[Cell],
    providers: Mapping[str, Provider],
    journal: Journal,
    *,
    concurrency: Mapping[str, int] | None = None,
    on_answer: Callable[[Answer], None] = lambda _: None,
) -> list[Answer]:
    """Ask for every cell and journal every answer.

    Args:
        cells: what to ask; ``missing_cells`` gives what a folder lacks.
        providers: by name; each cell's model names its provider.
        journal: open for writing.
        concurrency: calls in flight per model, by provider name; 1 where not given.
        on_answer: told of each answer after it is on disk.

    Returns:
        The answers of this run in order of arrival; failed calls are among them and are asked
        again by the next run.
    """
    lanes: dict[str, list[Cell]] = {}
    for cell in cells:
        lanes.setdefault(cell.model.name, []).append(cell)
    answers: list[Answer] = []

    async def lane(queue: list[Cell]) -> None:
        while queue:
            cell = queue.pop(0)
            answer = await _ask(cell, providers[cell.model.provider])
            journal.append(msgspec.to_builtins(answer))
            answers.append(answer)
            on_answer(answer)

    try:
        async with asyncio.TaskGroup() as group:
            for queue in lanes.values():
                width = (concurrency or {}).get(queue[0].model.provider, 1)
                for _ in range(width):
                    group.create_task(lane(queue))
    except* RoutewrightError as errors:
        # One lane's reason to stop is the user's reason; the others were only cancelled.
        raise errors.exceptions[0] from None
    return answers


def request_body(prompt: Prompt) -> dict[str, Any]:
    """The chat-completions body that a prompt is collected with."""
    return {
        "messages": [msgspec.to_builtins(message) for message in prompt.messages],
        "max_tokens": prompt.max_tokens or DEFAULT_MAX_TOKENS,
        **DECODING,
    }


async def _ask(cell: Cell, provider: Provider) -> Answer:
    """One cell's answer; a call that keeps failing becomes an answer in the state failed."""
    reason = ""
    for attempt in range(ATTEMPTS):
        try:
            done = await provider.complete(cell.model, request_body(cell.prompt))
        except RequestError as error:  # refused for what it asks: asking again would not help
            reason = str(error)
            break
        except UpstreamError as error:
            reason = str(error)
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(_wait_s(error, attempt))
            continue
        return Answer(
            prompt_id=cell.prompt.id,
            model=cell.model.name,
            text=done.text,
            state=_state(done),
            usage=done.usage,
            cost_usd=done.cost_usd,
            latency_s=done.latency_s,
            first_token_s=done.first_token_s,
            finish_reason=done.finish_reason,
        )
    return Answer(
        prompt_id=cell.prompt.id,
        model=cell.model.name,
        text="",
        state=AnswerState.FAILED,
        usage=Usage(),
        cost_usd=0.0,
        latency_s=0.0,
        error=reason,
    )


def _state(done: Completion) -> AnswerState:
    if done.refused:
        return AnswerState.REFUSED
    if not done.text.strip():
        return AnswerState.EMPTY
    return AnswerState.TRUNCATED if done.finish_reason == "length" else AnswerState.COMPLETE


def _wait_s(error: UpstreamError, attempt: int) -> float:
    """How long to wait: what the endpoint asked for, else doubling from half a second."""
    asked = error.retry_after_s if isinstance(error, UpstreamLimitError) else None
    return min(asked if asked is not None else 0.5 * 2.0**attempt, MAX_WAIT_S)
