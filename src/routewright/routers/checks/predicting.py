"""What ``predict`` promises: of any text, alone or together, and nothing changes by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from routewright.data.routing_data import MATRICES
from routewright.routers.checks.subject import (
    Subject,
    hold,
    same,
    sound,
    state_of,
    strange_prompts,
)


def check_not_fitted_refused(subject: Subject) -> None:
    """A router that was not fitted doesn't predict: RuntimeError says to fit it."""
    try:
        subject.make().predict(subject.data.prompts)
    except RuntimeError as error:
        hold("fit" in str(error), error)
    else:
        raise AssertionError("it predicted")


def check_predictions(subject: Subject) -> None:
    """Scores in [0, 1], costs and standard errors of 0 or more: float64, one row a prompt."""
    hold(subject.told.models == subject.data.models)
    sound(subject.told, len(subject.data), 3)


def check_expected(subject: Subject) -> None:
    """What a choice is made by, ``expected``, is to the bit what ``predict`` gives."""
    router = subject.fitted
    odd = () if subject.is_bound else strange_prompts()
    for prompt in (*subject.data.prompts[:5], *odd):
        told = router.predict([prompt])
        scores, costs = router.expected(prompt)
        hold(np.array_equal(scores, told.scores[0]), prompt.id)
        hold(np.array_equal(costs, told.costs[0]), prompt.id)


def check_strange_texts(subject: Subject) -> None:
    """Empty, huge, non-Latin and broken text, and talks of any form, give finite predictions."""
    odd = strange_prompts()
    sound(subject.asked(odd), len(odd), 3)


def check_strange_training(subject: Subject) -> None:
    """The same texts and talks may stand among the training prompts."""
    odd = strange_prompts()
    rows = np.arange(2 * len(odd)) % len(subject.data)
    cut = {name: getattr(subject.data, name)[rows] for name in MATRICES}
    plain = subject.data.prompts[: len(odd)]
    data = replace(subject.data, prompts=(*odd, *plain), **cut)
    sound(subject.predictions(data), len(data), 3)


def check_no_prompts(subject: Subject) -> None:
    """Predicting for no prompt gives empty matrices of the right width."""
    sound(subject.fitted.predict([]), 0, 3)


def check_batch_does_not_matter(subject: Subject) -> None:
    """A prompt's prediction does not depend on its company, to 1e-9."""
    for row, prompt in enumerate(subject.data.prompts):
        alone = subject.fitted.predict([prompt])
        for matrix in ("scores", "costs", "std"):
            gap = getattr(alone, matrix)[0] - getattr(subject.told, matrix)[row]
            hold(np.abs(gap).max() <= 1e-9, matrix)


def check_prediction_changes_nothing(subject: Subject) -> None:
    """``predict`` leaves the router as it was: asked again, it says the same."""
    before = state_of(subject.fitted)
    told = subject.fitted.predict(subject.data.prompts)
    told.scores[:], told.costs[:], told.std[:] = -1, -1, -1  # the caller's own from now on
    hold(state_of(subject.fitted) == before, "what was learned has changed")
    same(subject.fitted.predict(subject.data.prompts), subject.told)


def check_threads(subject: Subject) -> None:
    """Four threads that predict at once get what one gets."""
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(subject.fitted.predict, [subject.data.prompts] * 4))
    for told in together:
        same(told, subject.told)


CHECKS = (
    check_not_fitted_refused,
    check_predictions,
    check_expected,
    check_strange_texts,
    check_strange_training,
    check_no_prompts,
    check_batch_does_not_matter,
    check_prediction_changes_nothing,
    check_threads,
)
