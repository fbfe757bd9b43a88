"""How a model's answers came out: cut off, empty, refused, or nothing a grader could read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from routewright.data.responses import Response
from routewright.evaluation.description import AnswerRates
from routewright.types import AnswerState

_OPENING = 240  # characters; a refusal comes first
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:very |so |really )?sorry,? (?:but )?(?:i|as an ai)\b"
    r"|i (?:cannot|can't|can not|won't|will not|am unable to|am not able to|must decline to) "
    r"(?:assist|help|comply|fulfil|provide|answer|create|write|generate|do that|engage|discuss)"
    r"|i(?:'m| am) (?:unable|not able) to (?:assist|help|comply|fulfil|provide|answer|create)"
    r"|as an ai(?: language)? model,? i (?:cannot|can't|do not|don't|am unable|am not able))",
    re.IGNORECASE,
)
_NOTHING_READ = re.compile(r"^(?:no |empty answer)")


def is_refusal(text: str) -> bool:
    """Whether an answer opens with the phrases of a refusal; English alone is known."""
    return bool(_REFUSAL.search(text[:_OPENING].replace("’", "'")))


def answer_rates(models: Sequence[str], responses: Sequence[Response]) -> tuple[AnswerRates, ...]:
    """The rates of each model that has answers, in the order of ``models``."""
    by_model: dict[str, list[Response]] = {}
    for response in responses:
        by_model.setdefault(response.model, []).append(response)
    return tuple(_rates(name, by_model[name]) for name in models if name in by_model)


def _rates(model: str, answers: Sequence[Response]) -> AnswerRates:
    states = [answer.state for answer in answers if answer.state]
    judges = [answer for answer in answers if answer.judge]
    verified = [answer for answer in judges if answer.judge.startswith("verify:")]
    return AnswerRates(
        model=model,
        answers=len(answers),
        truncated=_share(state == AnswerState.TRUNCATED for state in states),
        empty=_share(not answer.response.strip() for answer in answers),
        failed=_share(state == AnswerState.FAILED for state in states),
        refused=_share(
            answer.state == AnswerState.REFUSED or is_refusal(answer.response) for answer in answers
        ),
        unreadable=_share(bool(_NOTHING_READ.match(answer.reason)) for answer in verified),
        ungraded=_share(answer.mark is None for answer in judges),
    )


def _share(cases: Iterable[bool]) -> float:
    """Share of the cases that are true; NaN without cases."""
    known = list(cases)
    return sum(known) / len(known) if known else math.nan
