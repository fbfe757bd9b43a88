"""Made-up words say which block they are of, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from routewright.errors import ConfigError
from routewright.types import Prompt
from routewright.worlds import Language
from routewright.worlds.views import all_counts, chances, posterior


def test_words_are_distinct_plain_and_follow_the_seed() -> None:
    words = Language(5, words_each=100, seed=3).words
    assert len(np.unique(words)) == 500
    assert all(word.isalpha() and word.islower() for word in words.flat)
    assert np.array_equal(Language(5, words_each=100, seed=3).words, words)
    assert not np.array_equal(Language(5, words_each=100, seed=4).words, words)


def test_what_is_written_is_read() -> None:
    language = Language(3, length=200)
    speech = np.array([[1.0, 0, 0], [0, 0.5, 0.5], [0.2, 0.3, 0.5]])
    texts = language.write(speech, np.random.default_rng(0))
    counts = language.read(Prompt.from_text(str(i), text) for i, text in enumerate(texts))
    assert counts.sum(axis=1).tolist() == [200] * 3
    assert counts[0].tolist() == [200, 0, 0]
    np.testing.assert_allclose(counts / 200, speech, atol=0.1)
    assert language.read([]).shape == (0, 3)


def test_all_ways_to_deal_out_words_are_listed_with_their_chances() -> None:
    ways = all_counts(4, 3)
    assert len(ways) == len(np.unique(ways, axis=0)) == 15
    assert (ways.sum(axis=1) == 4).all()
    assert (ways >= 0).all()
    speech, shares = np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]]), np.array([0.25, 0.75])
    chance = chances(ways, speech, shares)
    assert chance.sum() == pytest.approx(1)
    alike = (ways == [2, 2, 0]).all(axis=1)
    assert chance[alike] == pytest.approx(6 * (0.25 * 0.06**2 + 0.75 * 0.24**2))
    # The prior is what beliefs are on average.
    np.testing.assert_allclose(chance @ posterior(ways, speech, shares), shares, rtol=1e-12)


def test_beliefs_are_certain_where_words_rule_the_rest_out_and_prior_where_they_rule_out_all() -> (
    None
):
    speech, shares = np.array([[1.0, 0, 0], [0, 1.0, 0]]), np.array([0.3, 0.7])
    beliefs = posterior(np.array([[2, 0, 0], [0, 2, 0], [1, 1, 0], [0, 0, 2]]), speech, shares)
    np.testing.assert_allclose(beliefs, [[1, 0], [0, 1], [0.3, 0.7], [0.3, 0.7]])


def test_a_language_has_words() -> None:
    with pytest.raises(ConfigError, match="words_each must be 1"):
        Language(1, words_each=0)
    with pytest.raises(ConfigError, match="ask for fewer"):
        Language(1_000, words_each=1_000)
