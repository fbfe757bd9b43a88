import numpy as np
import pytest

from routewright.encoders import FEATURES, TextSpace
from routewright.types import Prompt

PROMPTS = [Prompt.from_text(str(i), f"question {i} about {'cats' * (i % 3)}") for i in range(12)]


def test_features_are_standardised_by_the_training_prompts():
    view = TextSpace("hashed:4").fit(PROMPTS).view(PROMPTS)
    assert np.allclose(view.features.mean(axis=0), 0, atol=1e-6)
    spread = view.features.std(axis=0)
    assert np.all((np.abs(spread - 1) < 1e-5) | (spread < 1e-6))


def test_a_prompt_unlike_any_other_stays_within_reach():
    view = TextSpace("hashed:4").fit(PROMPTS).view([Prompt.from_text("x", "9" * 1_000_000)])
    assert np.abs(view.features).max() <= 5
    assert view.chars.tolist() == [1_000_000]


def test_without_dimensions_there_are_features_alone():
    view = TextSpace("").fit(PROMPTS).view(PROMPTS)
    assert view.embeddings.shape == (12, 0)
    assert view.design.shape == (12, len(FEATURES))


def test_wide_characters_are_counted():
    view = TextSpace("").fit(PROMPTS).view([Prompt.from_text("x", "naïve café")])
    assert view.wide_chars.tolist() == [2]


def test_restored_sees_the_same():
    space = TextSpace("hashed:4").fit(PROMPTS)
    again = TextSpace.restore(space.state())
    assert np.array_equal(again.view(PROMPTS).design, space.view(PROMPTS).design)


def test_features_of_another_version_are_refused():
    state = TextSpace("").fit(PROMPTS).state()
    with pytest.raises(ValueError, match="text features"):
        TextSpace.restore(state | {"mean": state["mean"][:-1]})


def test_it_remembers_what_it_was_fitted_on_by_eight_bytes_a_text():
    space = TextSpace("").fit([*PROMPTS, PROMPTS[0], Prompt.from_text("e", "")])
    assert space.state()["fitted_on"].nbytes == 8 * 13
    again = TextSpace.restore(space.state())
    asked = [
        Prompt.from_text("same", "Question  3 ABOUT "),
        Prompt.from_text("new", "question 99 about"),
        Prompt.from_text("none", "  "),
    ]
    assert again.met(asked).tolist() == [True, False, False]


def test_a_state_of_before_digests_were_kept_remembers_nothing():
    state = TextSpace("").fit(PROMPTS).state()
    del state["fitted_on"]
    old = TextSpace.restore(state)
    assert old.met(PROMPTS) is None
    assert "fitted_on" not in old.state()


@pytest.mark.parametrize("forged", [np.zeros(3), np.zeros((2, 2), np.uint64)])
def test_what_cannot_be_digests_is_refused(forged):
    state = TextSpace("").fit(PROMPTS).state()
    with pytest.raises(ValueError, match="digests"):
        TextSpace.restore(state | {"fitted_on": forged})
