"""How well small open LLMs judge: their marks against the verifiers, and what position is worth.

Real LLMs on this machine grade answers of demo/recorded that a program has verified, without being
told what it said: the answer, the request and the reference, as ``routewright judge`` shows them.
Then they compare pairs of answers, each in both orders. What they said is kept in a journal, so a
run that was stopped goes on. The verifiers stand in for the person of an audit at the end.

    python benchmarks/judge_agreement.py --judge qwen2.5-coder-0.5b-instruct=120/18 \
        --judge qwen2.5-coder-1.5b-instruct=60/8 > benchmarks/results/judge_agreement.txt
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from routewright.catalog import find_model
from routewright.data import RoutingData
from routewright.data.journal import Journal
from routewright.data.responses import read_responses
from routewright.errors import UsageError
from routewright.judge.agreement import kappa_with_interval
from routewright.judge.correct import correct
from routewright.judge.llm import LlmJudge
from routewright.judge.pairs import Pair, PairJudge, draw_pairs, judge_pairs
from routewright.judge.panel import panel
from routewright.judge.run import Key, Verdict, judge_answers, key_of
from routewright.judge.sample import Graded, audit_order
from routewright.judge.votes import length_preference, position, votes
from routewright.metrics.bootstrap import Estimate
from routewright.providers.local import LocalProvider
from routewright.types import Answer, AnswerState, Prompt, Usage

RECORDED = Path("demo/recorded")

Truth = dict[Key, float]
"""The verified mark of each answer."""


def interval(found: Estimate) -> str:
    return f"{found.value:6.3f}  [{found.low:6.3f}, {found.high:6.3f}]"


async def judged(
    name: str, answers: list[Answer], pairs: list[Pair], prompts: dict[str, Prompt], folder: Path
) -> tuple[list[Verdict], list[Pair], PairJudge]:
    """Ask one judge for everything that the journals lack."""
    provider, model = LocalProvider(), find_model(name)
    judge, comparer = LlmJudge(provider, model), PairJudge(provider, model)

    def tick(_: object) -> None:
        sys.stderr.write(f"{name}\n")

    try:
        with Journal(folder / f"{name}.grades") as store:
            marks = await judge_answers(
                prompts.values(),
                answers,
                judge,
                store,
                audit={key_of(answer) for answer in answers},
                concurrency=1,
                on_verdict=tick,
            )
        with Journal(folder / f"{name}.pairs") as store:
            await judge_pairs(pairs, comparer, store, concurrency=1, on_look=tick)
    finally:
        await provider.aclose()
    return marks, pairs, comparer


def show_marks(name: str, marks: list[Verdict], truth: Truth) -> None:
    given = [(v, v.mark) for v in marks if v.mark is not None]
    told = Counter(mark for _, mark in given)
    print(f"{name}: {len(marks)} answers, {len(marks) - len(given)} without a mark")
    if not given:
        return
    verified = [truth[v.key] for v, _ in given]
    own = [mark for _, mark in given]
    kappa = kappa_with_interval(verified, own, [v.prompt_id for v, _ in given])
    spread = ", ".join(f"{mark:g}: {told[mark]}" for mark in sorted(told))
    right = np.mean([(a >= 2.5) == (b >= 2.5) for a, b in zip(verified, own, strict=True)])
    print(f"  marks given        {spread}")
    print(f"  mean mark          {np.mean(own):.2f}, verified {np.mean(verified):.2f}")
    print(f"  right or wrong     {right:.3f} agree (a mark of 2.5 or more passes)")
    print(f"  weighted kappa     {interval(kappa)}\n")


def show_pairs(
    name: str,
    pairs: list[Pair],
    judge: PairJudge,
    truth: Truth,
    at: Path,
) -> None:
    with Journal(at) as store:
        looks = asyncio.run(judge_pairs(pairs, judge, store))
    found, where = votes(pairs, looks), position(looks)
    silent = sum(look.won is None for look in looks)
    print(f"{name}: {len(pairs)} pairs, {len(looks)} looks, {silent} without a verdict")
    if where is not None:
        print(f"  orders agree       {interval(where.consistent)}  of {where.pairs} pairs")
        print(f"  first wins         {interval(where.first)}  .5 is fair")
        print(
            f"  always the first   {where.first_always:6.3f}; the second {where.second_always:.3f}"
        )
    apart = [
        (vote.won, truth[key_of(vote.pair.one)] > truth[key_of(vote.pair.other)])
        for vote in found
        if truth[key_of(vote.pair.one)] != truth[key_of(vote.pair.other)]
    ]
    if apart:
        right = np.mean([0.5 if won == 0.5 else float((won == 1) == one) for won, one in apart])
        ties = sum(won == 0.5 for won, _ in apart)
        print(f"  right verdicts     {right:6.3f}  of {len(apart)} votes ({ties} ties count half)")
    length = length_preference(found)
    if length is not None:
        print(f"  longer by 1 sd     {interval(length.slope)}")
    print()


def show_correction(marks: list[Verdict], truth: Truth, n: int) -> None:
    """The verifiers play the person: they grade n answers of each model, we know the rest too."""
    given = {v.key: v.mark for v in marks if v.mark is not None}
    order = audit_order([Graded(key, "", mark) for key, mark in given.items()])
    size = len({key[1] for key in given}) * n
    if size >= len(given):
        print(f"  {len(given)} marks: too few to audit {n} of each model and have some left")
        return
    human = {key: truth[key] for key in order[:size]}
    try:
        corrected = correct(given, human)
    except UsageError as error:
        print(f"  no correction: {error}")
        return
    print(f"  {'model':32} judge  corrected            verified")
    for each in corrected:
        real = np.mean([truth[key] for key in given if key[1] == each.model])
        if each.mean is None:
            continue
        print(
            f"  {each.model:32} {each.judge_mean:5.2f}  {each.mean.value:5.2f} "
            f"[{each.mean.low:5.2f}, {each.mean.high:5.2f}]  {real:5.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", action="append", required=True, help="MODEL=ANSWERS/PAIRS")
    parser.add_argument("--journals", type=Path, default=Path("runs/judge_agreement"))
    parser.add_argument("--audited", type=int, default=30, help="Of each model, by the verifiers.")
    chosen = parser.parse_args()
    prompts = {prompt.id: prompt for prompt in RoutingData.load(RECORDED)}
    responses = [r for r in read_responses(RECORDED) if r.judge.startswith("verify:")]
    answers = {
        (r.prompt_id, r.model, 0): Answer(
            r.prompt_id, r.model, r.response, AnswerState(r.state), Usage(), 0.0, 0.0
        )
        for r in responses
    }
    truth = {(r.prompt_id, r.model, 0): r.mark for r in responses if r.mark is not None}
    order = audit_order([Graded(k, prompts[k[0]].task, mark) for k, mark in truth.items()])
    apart = [
        pair
        for pair in draw_pairs(prompts.values(), answers.values(), seed=1)
        if truth[key_of(pair.one)] != truth[key_of(pair.other)]
    ]
    wanted = {
        name: tuple(int(size) for size in sizes.split("/"))
        for name, sizes in (given.rsplit("=", 1) for given in chosen.judge)
    }
    chosen.journals.mkdir(parents=True, exist_ok=True)

    async def ask() -> dict[str, tuple[list[Verdict], list[Pair], PairJudge]]:
        runs = [
            judged(
                name, [answers[k] for k in order[:size]], apart[:pairs], prompts, chosen.journals
            )
            for name, (size, pairs) in wanted.items()
        ]
        return dict(zip(wanted, await asyncio.gather(*runs), strict=True))

    found = asyncio.run(ask())
    print("Marks from 0 to 5 against the verifiers\n")
    for name, (marks, _, _) in found.items():
        show_marks(name, marks, truth)
    if len(found) > 1:
        keys = [{v.key for v in marks} for marks, _, _ in found.values()]
        both = keys[0].intersection(*keys[1:])
        members = [[v for v in marks if v.key in both] for marks, _, _ in found.values()]
        for way in ("median", "mean") if len(members) > 2 else ("mean",):
            show_marks(f"panel, {way} of {len(members)}", panel(members, way), truth)
        for name, own in zip(found, members, strict=True):
            show_marks(f"{name} on the panel's answers", own, truth)
    print("Pairs of answers that the verifiers tell apart, each in both orders\n")
    for name, (_, pairs, judge) in found.items():
        show_pairs(name, pairs, judge, truth, chosen.journals / f"{name}.pairs")
    print(f"Mean marks corrected by an audit of {chosen.audited} answers a model\n")
    for name, (marks, _, _) in found.items():
        print(f"{name}:")
        show_correction(marks, truth, chosen.audited)
        print()


if __name__ == "__main__":
    main()
