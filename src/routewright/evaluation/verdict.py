"""The one line an operator reads first."""

from __future__ import annotations

from routewright.evaluation.results import Row


def verdict(router: Row, best: Row, instead: str) -> tuple[bool, str]:
    """Whether routing pays, and the line that says so.

    Routing pays where the interval of the difference to the zero router lies above 0: only then
    does looking at the prompt beat mixing models blindly. Quality and cost in the line are those of
    the recommended setting, so that they can be had by setting the knob.

    Args:
        router: the router that is judged.
        best: the single model with the highest mean score.
        instead: the single model to use otherwise.
    """
    gain = router.minus_zero
    if not gain.above_zero:
        where = "below" if gain.high < 0 else "not above"
        return False, (
            f"do not route: use model {instead}; {router.name} is {where} a blind mix of models "
            f"({gain.value:+.4f} AIQ, 95 % interval {gain.low:+.4f} to {gain.high:+.4f})"
        )
    quality = router.score.value / best.score.value if best.score.value > 0 else 1.0
    paid, reference = router.cost_usd.value, best.cost_usd.value
    price = (
        f"{_percent(paid / reference)} of its cost" if reference > 0 else f"${paid:.3g} a prompt"
    )
    return True, (
        f"routing pays: {router.name} reaches {_percent(quality)} of the best model's "
        f"({best.name}) quality at {price}"
    )


def _percent(share: float) -> str:
    """A share in per cent, rounded so that 99.96 % never reads as 100 %."""
    digits = 1 if share >= 0.1 else 2
    shown = round(100 * share, digits)
    if shown == 100 and share < 1 - 1e-9:
        shown = 100 - 10**-digits
    return f"{shown:g} %"
