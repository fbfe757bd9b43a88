"""The bound of Clopper and Pearson, held against the binomial distribution itself."""

from __future__ import annotations

from math import comb

import pytest

from routewright.metrics.proportion import most_likely_share


@pytest.mark.parametrize(("count", "of"), [(0, 1), (0, 299), (1, 10), (7, 300), (50, 60)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_at_the_bound_so_few_would_hardly_be_seen(count, of, confidence):
    """P(X <= count) at the bound is what is left of the confidence, by definition."""
    p = most_likely_share(count, of, confidence)
    seen = sum(comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(count + 1))
    assert seen == pytest.approx(1 - confidence)


def test_no_case_and_nothing_but_cases_bound_nothing():
    assert most_likely_share(0, 0) == 1.0
    assert most_likely_share(5, 5) == 1.0


@pytest.mark.parametrize("given", [(-1, 5, 0.9), (6, 5, 0.9), (1, 5, 0.0), (1, 5, 1.0)])
def test_what_cannot_be_is_refused(given):
    with pytest.raises(ValueError, match=" of "):
        most_likely_share(*given)
