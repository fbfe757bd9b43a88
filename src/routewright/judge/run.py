"""The stage: answers in, verdicts out. What a program can verify costs nothing and comes first;
the rest is asked of an LLM judge once, and kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from routewright.data.responses import Response
from routewright.errors import DataError, UpstreamError
from routewright.judge.graders import is_verifiable, verify
from routewright.judge.llm import UngradedError
from routewright.protocols import Judge, Store
from routewright.types import Answer, Grade, Prompt

CODE_WORKERS = 2
CONCURRENCY = 4

Key = tuple[str, str, int]
"""Which answer: (prompt id, model, sample)."""


@dataclass(frozen=True)
class Verdict:
    """A judge's word on one answer; ``mark`` is None where the judge's reply held none.

    An ungraded answer is a missing label: it has no score, and must not be read as a bad one.
    """

    prompt_id: str
    model: str
    mark: float | None
    reason: str
    judge: str
    sample: int = 0

    @property
    def score(self) -> float | None:
        """The mark on the scale of scores, in [0, 1]; None where the answer is ungraded."""
        return None if self.mark is None else self.mark / 5.0

    @property
    def key(self) -> Key:
        """Which answer this is about."""
        return self.prompt_id, self.model, self.sample

    def row(self) -> dict[str, Any]:
        """The verdict as a row of a journal."""
        return {
            "prompt_id": self.prompt_id,
            "model": self.model,
            "mark": self.mark,
            "score": self.score,
            "reason": self.reason,
            "judge": self.judge,
            "sample": self.sample,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Verdict:
        """The verdict that ``row`` wrote.

        Raises:
            DataError: a field is missing or the mark is not from 0 to 5.
        """
        try:
            mark = None if row["mark"] is None else float(row["mark"])
            texts = [str(row[name]) for name in ("prompt_id", "model", "reason", "judge")]
            sample = int(row.get("sample", 0))
        except (KeyError, TypeError, ValueError):
            raise DataError(f"not a verdict: row with fields {', '.join(map(str, row))}") from None
        if mark is not None and not 0 <= mark <= 5:
            raise DataError(f"verdict on {texts[0]!r}: mark {mark} is not between 0 and 5")
        return cls(texts[0], texts[1], mark, texts[2], texts[3], sample)


def key_of(answer: Answer | Response) -> Key:
    """Which answer this is."""
    return answer.prompt_id, answer.model, answer.sample


def verify_rows(prompts: Iterable[Prompt], answers: Iterable[Answer]) -> list[Verdict]:
    """Verdicts on the answers that a program can verify, in the order of the answers.

    Code runs in sandboxes, two at a time.

    Raises:
        DataError: an answer without its prompt, an unknown grader, an unreadable reference.
    """
    return verify_pairs(verifiable_pairs(prompts, answers))


def verifiable_pairs(
    prompts: Iterable[Prompt], answers: Iterable[Answer]
) -> list[tuple[Prompt, Answer]]:
    """The answers that a program can verify, each with its prompt, in the order of the answers.

    Raises:
        DataError: an answer without its prompt, or an unknown grader.
    """
    return [pair for pair in _paired(prompts, answers) if is_verifiable(pair[0])]


def verify_pairs(wanted: Sequence[tuple[Prompt, Answer]]) -> list[Verdict]:
    """Verdicts on prompts and answers that are verifiable, in their order.

    Raises:
        DataError: an unreadable reference.
    """
    with ThreadPoolExecutor(CODE_WORKERS) as pool:
        # Only sandboxed code waits; threads would slow the other graders down.
        running = {
            place: pool.submit(verify, *pair)
            for place, pair in enumerate(wanted)
            if pair[0].grader == "code"
        }
        return [
            _verdict(
                answer, running[place].result() if place in running else verify(prompt, answer)
            )
            for place, (prompt, answer) in enumerate(wanted)
        ]


async def judge_answers(
    prompts: Iterable[Prompt],
    answers: Iterable[Answer],
    judge: Judge,
    store: Store,
    *,
    audit: Collection[Key] = (),
    retry_ungraded: bool = False,
    concurrency: int = CONCURRENCY,
    on_verdict: Callable[[Verdict], None] = lambda _: None,
) -> list[Verdict]:
    """The judge's verdicts on the answers that no program verifies, in the order of the answers.

    Each verdict is appended to the store as it comes, with a digest of what was judged: a run
    that was killed asks again for nothing it has, and an answer that has changed since is asked
    for anew. Ungraded answers are kept as such.

    Args:
        prompts: every prompt that has an answer.
        answers: the answers to judge.
        judge: grades; its name keeps its verdicts apart from other judges'.
        store: where verdicts are kept.
        audit: verifiable answers that the judge shall grade too, to compare it with the key.
        retry_ungraded: ask again for answers that the judge left ungraded before.
        concurrency: calls to the judge at one time.
        on_verdict: told of each verdict, those kept from before included.

    Raises:
        DataError: an answer without its prompt, or an unknown grader.
        UpstreamError: some calls failed; what was judged is kept, and running again resumes.
    """
    wanted = [
        (prompt, answer)
        for prompt, answer in _paired(prompts, answers)
        if not is_verifiable(prompt) or key_of(answer) in audit
    ]
    known = _known(store, judge.name, retry_ungraded)
    slots = asyncio.Semaphore(concurrency)
    failures: list[UpstreamError] = []

    async def ask(prompt: Prompt, answer: Answer) -> Verdict | None:
        digest = digest_of(prompt, answer)
        if digest in known:
            on_verdict(known[digest])
            return known[digest]
        async with slots:
            try:
                verdict = await _ask(judge, prompt, answer)
            except UpstreamError as error:
                failures.append(error)
                return None
            store.append({**verdict.row(), "digest": digest})
            on_verdict(verdict)
            return verdict

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(prompt, answer)) for prompt, answer in wanted]
    if failures:
        raise UpstreamError(
            f"{len(failures)} of {len(wanted)} answers could not be judged (first: {failures[0]}); "
            "the others are kept: run again to resume"
        ) from failures[0]
    return [verdict for task in tasks if (verdict := task.result()) is not None]


async def _ask(judge: Judge, prompt: Prompt, answer: Answer) -> Verdict:
    try:
        (given,) = await judge.grade(prompt, [answer])
    except UngradedError as error:
        return Verdict(answer.prompt_id, answer.model, None, str(error), judge.name, answer.sample)
    return _verdict(answer, given)


def paired_marks(
    one: Iterable[Verdict], other: Iterable[Verdict]
) -> tuple[list[float], list[float]]:
    """The marks of two judges on the answers that both graded, ready for ``weighted_kappa``."""
    marks = {verdict.key: verdict.mark for verdict in other if verdict.mark is not None}
    both = [(v.mark, marks[v.key]) for v in one if v.mark is not None and v.key in marks]
    return [ours for ours, _ in both], [theirs for _, theirs in both]


def _paired(prompts: Iterable[Prompt], answers: Iterable[Answer]) -> list[tuple[Prompt, Answer]]:
    known = {prompt.id: prompt for prompt in prompts}
    pairs: list[tuple[Prompt, Answer]] = []
    for answer in answers:
        if answer.prompt_id not in known:
            raise DataError(
                f"answer of {answer.model!r} to prompt {answer.prompt_id!r}: no such prompt; "
                "give the prompt file that the answers were collected from"
            )
        pairs.append((known[answer.prompt_id], answer))
    return pairs


def _verdict(answer: Answer, given: Grade) -> Verdict:
    if not (math.isfinite(given.mark) and 0 <= given.mark <= 5):
        raise DataError(f"judge {given.judge!r} gave {given.mark}: marks run from 0 to 5")
    return Verdict(
        answer.prompt_id, answer.model, given.mark, given.reason, given.judge, answer.sample
    )


def kept_verdicts(
    prompts: Iterable[Prompt], answers: Iterable[Answer], judge: str, store: Store
) -> list[Verdict]:
    """What a judge said before of these very answers, in their order.

    Args:
        prompts: every prompt that has an answer.
        answers: as they are now; what was said of an older text does not count.
        judge: its model, or its full name where it was asked in several versions.
        store: where verdicts are kept.

    Raises:
        DataError: it said nothing, or several versions of it did; they are named.
    """
    rows = [row for row in store.rows() if _is_by(str(row.get("judge")), judge)]
    names = sorted({str(row["judge"]) for row in rows})
    if len(names) != 1:
        told = f"in several versions: {', '.join(names)}; give one" if names else "nothing yet"
        raise DataError(f"judge {judge!r} graded these answers {told}")
    known = {str(row.get("digest")): Verdict.from_row(row) for row in rows}
    digests = [digest_of(prompt, answer) for prompt, answer in _paired(prompts, answers)]
    return [known[digest] for digest in digests if digest in known]


def _is_by(name: str, judge: str) -> bool:
    return name == judge or (name.startswith("llm:") and name[4:].rpartition(":")[0] == judge)


def _known(store: Store, judge: str, retry_ungraded: bool) -> dict[str, Verdict]:
    kept: dict[str, Verdict] = {}
    for row in store.rows():
        if row.get("judge") == judge and not (retry_ungraded and row.get("mark") is None):
            kept[str(row.get("digest"))] = Verdict.from_row(row)
    return kept


def digest_of(prompt: Prompt, answer: Answer) -> str:
    """Names exactly what is judged, so that a changed answer or reference is judged anew."""
    turns: Sequence[str] = [part for m in prompt.messages for part in (m.role, m.text)]
    parts = [prompt.id, prompt.reference, *turns, answer.model, answer.state, answer.text]
    parts += [str(answer.sample)] if answer.sample else []
    joined = "\x00".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest()[:32]
