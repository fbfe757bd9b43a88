"""Buying for real, in rounds: plan, ask, grade, refit, look whether the frontier moved.

A round's plan is in the journal before its first cell is asked, with the probability by which each
cell was drawn; what a round changed is in it after. Everything else follows from these rows, the
recorded answers and the seed, so that a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.active.frontier import Movement, movement, out_of_fold, settled
from routewright.active.holding import Holding
from routewright.active.plan import (
    Round,
    anchor_order,
    buyer,
    first_round,
    next_round,
    round_budget,
)
from routewright.data.routing_data import RoutingData
from routewright.encoders.memo import Memo, remembering
from routewright.errors import ConfigError, DataError
from routewright.protocols import Store
from routewright.routers import BaseRouter, Predictions
from routewright.types import Answer, AnswerState, Prompt

Key = tuple[str, str]
"""Which cell: (prompt id, model)."""
Buy = Callable[[Sequence[tuple[Prompt, str]]], Awaitable[Sequence[Answer]]]
"""Asks for cells and records the answers; failed calls are among them."""
Scores = Mapping[Key, float | None]
GradeAll = Callable[[Sequence[Answer]], Awaitable[Scores]]
"""Scores in [0, 1] of answers; None, or no entry, for one that could not be graded."""

STEP = 24  # cells between two looks at the budget, near its end or where no cost is known


class Look(msgspec.Struct, frozen=True):
    """What was seen after a round.

    ``aiq`` is told on the anchors, out of fold; ``gain`` and ``std`` are against the round
    before. ``random_aiq`` is the same for a router that knows the anchors alone, which is what
    random buying would have brought for ``random_usd``. All are None where too few anchors
    are complete.
    """

    round: int
    spent_usd: float
    cells: int
    anchors: int
    aiq: float | None = None
    gain: float | None = None
    std: float | None = None
    random_usd: float = 0.0
    random_aiq: float | None = None

    @property
    def movement(self) -> Movement | None:
        """The step from the round before."""
        if self.aiq is None or self.gain is None or self.std is None:
            return None
        return Movement(self.aiq, self.gain, self.std, self.anchors)


@dataclass(frozen=True, eq=False)
class Report:
    """How the buying went: what was seen after each round, why it stopped, what is held."""

    looks: tuple[Look, ...]
    why: str
    held: Holding
    anchors: tuple[str, ...]


@dataclass(eq=False)
class _State:
    """Answers and scores as they come, and the rounds that the journal tells of."""

    prompts: Sequence[Prompt]
    models: Sequence[str]
    answers: dict[Key, Answer] = field(default_factory=dict[Key, Answer])
    scores: dict[Key, float | None] = field(default_factory=dict[Key, float | None])
    plans: list[Round] = field(default_factory=list[Round])
    looks: list[Look] = field(default_factory=list[Look])
    failed: set[Key] = field(default_factory=set[Key])

    def __post_init__(self) -> None:
        self.row = {prompt.id: at for at, prompt in enumerate(self.prompts)}
        self.column = {model: at for at, model in enumerate(self.models)}

    @property
    def spent_usd(self) -> float:
        return sum(answer.cost_usd for answer in self.answers.values())

    def key(self, cell: NDArray[np.intp]) -> Key:
        return self.prompts[int(cell[0])].id, self.models[int(cell[1])]

    def bill(self, keys: Iterable[Key]) -> float:
        """Dollars of the answers among these cells."""
        return sum(self.answers[key].cost_usd for key in keys if key in self.answers)

    def held(self, rounds: int | None = None) -> Holding:
        """What is held, or what was after so many rounds; answers of no round always count."""
        later = {self.key(cell) for p in self.plans[rounds:] for cell in p.cells} if rounds else ()
        shape = (len(self.prompts), len(self.models))
        names = ("scores", "costs", "latencies", "input_tokens", "output_tokens")
        cells = {name: np.full(shape, np.nan) for name in names}
        asked = np.zeros(shape, dtype=np.bool_)
        for key, answer in self.answers.items():
            if key in later:
                continue
            at = self.row[key[0]], self.column[key[1]]
            score = self.scores.get(key)
            asked[at] = True
            cells["scores"][at] = np.nan if score is None else score
            cells["costs"][at] = answer.cost_usd
            cells["latencies"][at] = answer.latency_s
            cells["input_tokens"][at] = answer.usage.input_tokens
            cells["output_tokens"][at] = answer.usage.output_tokens
        for prompt_id, model in self.failed:
            asked[self.row[prompt_id], self.column[model]] = True
        data = RoutingData(tuple(self.prompts), tuple(self.models), name="answers", **cells)
        return Holding(data, asked)


async def buy_actively(
    prompts: Sequence[Prompt],
    models: Sequence[str],
    *,
    budget_usd: float,
    buy: Buy,
    grade: GradeAll,
    rounds: Store,
    answers: Iterable[Answer] = (),
    seed: int = 0,
    make: Callable[[], BaseRouter] = buyer,
    on_look: Callable[[Look], None] = lambda _: None,
) -> Report:
    """Buy cells in rounds until the budget is spent or the frontier no longer moves.

    Args:
        prompts: n prompts with unique ids.
        models: m >= 2 names.
        budget_usd: for all answers, those given included; passed by less than ``STEP`` answers.
        buy: asks.
        grade: judges; what it spends is not counted.
        rounds: where plans and looks are kept; those of a run before are gone on from.
        answers: what has been recorded before, whoever asked for it.
        seed: of every draw; another one than before is refused.
        make: the router that rounds are planned with.
        on_look: told after each round, those of a run before included.

    Raises:
        ConfigError: no budget, or the journal tells of another seed.
        DataError: fewer than two models, no answer that could be graded, or a journal of other
            prompts.
    """
    if not budget_usd > 0:
        raise ConfigError(f"budget of {budget_usd} USD: give more than 0")
    if len(models) < 2:
        raise DataError("buying actively compares models: name at least two")
    state = _State(prompts, models)
    for answer in answers:
        if answer.prompt_id in state.row and answer.model in state.column:
            state.answers[answer.prompt_id, answer.model] = answer
    _recall(state, rounds, seed)
    for look in state.looks:
        on_look(look)
    state.scores.update(await grade(list(state.answers.values())))
    with remembering(Memo()):
        why, anchors = await _rounds(state, budget_usd, buy, grade, rounds, seed, make, on_look)
    whole = [prompts[int(row)].id for row in anchor_order(len(prompts), seed)[:anchors]]
    return Report(tuple(state.looks), why, state.held(), tuple(whole))


async def _rounds(
    state: _State,
    budget_usd: float,
    buy: Buy,
    grade: GradeAll,
    rounds: Store,
    seed: int,
    make: Callable[[], BaseRouter],
    on_look: Callable[[Look], None],
) -> tuple[str, int]:
    """Why it stopped, and how many anchors there are."""
    before: Predictions | None = None
    if not state.plans:
        _keep(state, first_round(len(state.prompts), len(state.models), seed), rounds, seed)
    while True:
        plan = state.plans[-1]
        in_budget = await _ask(state, plan, budget_usd, buy, grade)
        held = state.held()
        if not np.isfinite(held.data.scores).any():
            raise DataError(
                "no answer could be graded, so nothing says what to buy next: name an LLM with "
                "--judge, or give the prompts graders"
            )
        if len(state.looks) < len(state.plans):
            if before is None and plan.number:  # a run before made it; it is made the same again
                before = out_of_fold(make, state.held(plan.number).data, seed)
            after = out_of_fold(make, held.data, seed)
            look = _look(state, plan, held, before, after, seed, make)
            if in_budget:  # else a larger budget may yet complete the round
                rounds.append({"kind": "look", **msgspec.to_builtins(look)})
            state.looks.append(look)
            on_look(look)
            before = after
        left = round_budget(state.spent_usd, budget_usd)
        why = _why(state, held, left if in_budget else 0.0)
        if why:
            return why, plan.anchors
        told = make().fit(held.data).predict(state.prompts)
        after_it = next_round(plan.number + 1, told, held, plan.anchors, left, seed)
        if not len(after_it.cells):
            return "no cell is left that could change a choice", plan.anchors
        _keep(state, after_it, rounds, seed)


async def _ask(state: _State, plan: Round, budget_usd: float, buy: Buy, grade: GradeAll) -> bool:
    """Ask for the round's cells; false where the budget ended it early.

    The budget is looked at between steps that the plan alone sets, by the bill up to there: a run
    that was killed and went on ends its last round at the same cell as one that was not.
    """
    keys = [state.key(cell) for cell in plan.cells]
    paid = state.spent_usd - state.bill(keys)
    at = 0
    while at < len(keys):
        left = budget_usd - paid - state.bill(keys[:at])
        if left <= 0:
            return False
        upto = at + _how_many(state, left)
        cells = [
            (state.prompts[state.row[prompt_id]], model)
            for prompt_id, model in keys[at:upto]
            if (prompt_id, model) not in state.answers and (prompt_id, model) not in state.failed
        ]
        at = upto
        if cells:
            await _buy(state, cells, buy, grade)
    return True


async def _buy(
    state: _State, cells: Sequence[tuple[Prompt, str]], buy: Buy, grade: GradeAll
) -> None:
    new: list[Answer] = []
    for answer in await buy(cells):
        if answer.state is AnswerState.FAILED:
            state.failed.add((answer.prompt_id, answer.model))
        else:
            state.answers[answer.prompt_id, answer.model] = answer
            new.append(answer)
    state.scores.update(await grade(new))


def _how_many(state: _State, left_usd: float) -> int:
    """Whole steps whose bill fits into what is left even if each cell is as dear as any yet."""
    dearest = max((answer.cost_usd for answer in state.answers.values()), default=0.0)
    if len(state.answers) < STEP:
        return STEP
    return STEP * max(1, int(min(left_usd / max(dearest, 1e-12), 1e9)) // STEP)


def _look(
    state: _State,
    plan: Round,
    held: Holding,
    before: Predictions | None,
    after: Predictions,
    seed: int,
    make: Callable[[], BaseRouter],
) -> Look:
    data = held.data
    anchors = anchor_order(len(data), seed)[: plan.anchors]
    whole = np.zeros(held.asked.shape, dtype=np.bool_)
    whole[anchors] = True
    random = Holding.of(data, whole & held.asked)
    alone = after
    if plan.number and np.isfinite(random.data.scores).any():
        alone = out_of_fold(make, random.data, seed)
    step = movement(before, after, data, anchors, seed) if before is not None else None
    lead = movement(alone, after, data, anchors, seed)
    return Look(
        round=plan.number,
        spent_usd=state.spent_usd,
        cells=int(np.isfinite(data.costs).sum()),
        anchors=plan.anchors,
        aiq=lead.aiq if lead else None,
        gain=step.gain if step else None,
        std=step.std if step else None,
        random_usd=random.spent_usd,
        random_aiq=lead.aiq - lead.gain if lead else None,
    )


def _why(state: _State, held: Holding, left_usd: float) -> str:
    """Why to stop; empty for going on."""
    if held.asked.all():
        return "every cell is bought"
    if settled([look.movement for look in state.looks]):
        last = state.looks[-1]
        return (
            f"the frontier no longer moves: the last two rounds changed AIQ within their noise "
            f"(last {last.gain:+.4f} ± {last.std:.4f})"
        )
    return "" if left_usd > 0 else "the budget is spent"


def _keep(state: _State, plan: Round, rounds: Store, seed: int) -> None:
    cells = [
        [*state.key(cell), round(float(chance), 9)]
        for cell, chance in zip(plan.cells, plan.probabilities, strict=True)
    ]
    expected = plan.expected_usd if np.isfinite(plan.expected_usd) else None
    rounds.append(
        {
            "kind": "plan",
            "round": plan.number,
            "seed": seed,
            "anchors": plan.anchors,
            "expected_usd": expected,
            "cells": cells,
        }
    )
    state.plans.append(plan)


def _recall(state: _State, rounds: Store, seed: int) -> None:
    """The plans and looks of a run before."""
    for row in rounds.rows():
        try:
            if row["kind"] == "look":
                state.looks.append(
                    msgspec.convert({k: v for k, v in row.items() if k != "kind"}, Look)
                )
                continue
            if row["seed"] != seed:
                raise ConfigError(
                    f"this folder's rounds were drawn with --seed {row['seed']}, not {seed}; "
                    "give the same one, or another folder"
                )
            state.plans.append(_plan(state, row))
        except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
            raise DataError(
                f"rounds journal: a row does not fit these prompts and models ({error}); "
                "give the ones that the folder was begun with, or another folder"
            ) from error


def _plan(state: _State, row: Mapping[str, Any]) -> Round:
    cells = [(state.row[prompt], state.column[model]) for prompt, model, _ in row["cells"]]
    chances = [float(chance) for _, _, chance in row["cells"]]
    expected = row["expected_usd"]
    return Round(
        number=int(row["round"]),
        anchors=int(row["anchors"]),
        cells=np.array(cells, dtype=np.intp).reshape(-1, 2),
        probabilities=np.array(chances, dtype=np.float64),
        expected_usd=float("nan") if expected is None else float(expected),
    )
