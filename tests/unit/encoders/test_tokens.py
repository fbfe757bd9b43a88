"""Words of plain texts, and what is remembered of them."""

import string

from hypothesis import given
from hypothesis import strategies as st

from routewright.encoders.tokens import Remembered, plain_tokens, plain_words


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=80))
def test_the_quick_cut_finds_the_words_of_the_thorough_one(text):
    wordy = {*string.ascii_lowercase, *string.digits, "_"}
    assert plain_words(text) == tuple(each for each in plain_tokens(text) if each[0] in wordy)


def test_no_word_is_remembered_that_is_none_and_a_full_memory_starts_again():
    made: list[str] = []
    memory = Remembered(lambda word: made.append(word) or len(word), most=2)
    assert [memory[word] for word in ("a", "a", "b" * 101, "b" * 101)] == [1, 1, 101, 101]
    assert made == ["a", "b" * 101, "b" * 101]
    assert [memory["bb"], memory["ccc"]] == [2, 3]
    assert list(memory) == ["ccc"]
