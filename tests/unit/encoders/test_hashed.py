import subprocess
import sys

import numpy as np
import pytest

from routewright.encoders import hashed
from routewright.encoders.hashed import (
    HALF_CAP,
    HashedEncoder,
    letter_buckets,
    normalise,
    word_buckets,
)

TEXTS = [f"add {i} and {i + 1} please" for i in range(20)] + [
    f"translate the word {w} into french" for w in ("dog", "cat", "house", "tree", "river") * 4
]


@pytest.fixture(scope="module")
def encoder():
    return HashedEncoder(dimensions=8).fit(TEXTS)


def test_rows_have_unit_length_and_few_bytes(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 8)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_like_texts_are_near_and_unlike_ones_far(encoder):
    a, b, c = encoder.encode(["add 5 and 9 please", "add 71 and 3 please", "word sun in french"])
    assert a @ b > a @ c + 0.3


@pytest.mark.parametrize("text", ["", "   \n", "\x00", "שלום"])
def test_a_text_without_known_ngrams_is_a_zero_row(encoder, text):
    assert not encoder.encode([text]).any()


def test_white_space_case_and_digits_do_not_matter(encoder):
    one, other = encoder.encode(["Add 1 and 2\n\n please", "add  7 and 8\tplease "])
    assert np.array_equal(one, other)


def test_a_vector_depends_on_its_own_text_alone(encoder):
    together = encoder.encode(TEXTS)
    assert all(
        np.array_equal(encoder.encode([t])[0], v) for t, v in zip(TEXTS, together, strict=True)
    )


def test_the_middle_of_a_huge_text_is_not_read():
    head, tail = "a" * HALF_CAP, "b" * HALF_CAP
    assert normalise(head + "c" * 1_000_000 + tail) == f"{head} {tail}"


def test_hashes_are_the_same_in_every_process():
    asked = "Was it 42 cats?"
    code = (
        "from routewright.encoders.hashed import letter_buckets, word_buckets\n"
        f"print([b({asked!r}).tolist() for b in (word_buckets, letter_buckets)])"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed},
        )
        assert done.stdout.strip() == str(
            [word_buckets(asked).tolist(), letter_buckets(asked).tolist()]
        )


def test_ngrams_are_counted():
    words, letters = word_buckets("ab cd"), letter_buckets("ab cd")
    assert len(words) == 3  # ab, cd, ab cd
    assert len(letters) == 5 + 4 + 3  # runs in " ab cd "


def test_restored_encodes_the_same(encoder):
    again = HashedEncoder.restore(encoder.state())
    assert np.array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


def test_one_of_words_alone_reads_no_letters_when_restored(monkeypatch):
    encoder = HashedEncoder(dimensions=8, letters=False).fit(TEXTS)
    again = HashedEncoder.restore(encoder.state())
    monkeypatch.setattr(hashed, "letter_buckets", None)
    assert np.array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


@pytest.mark.parametrize("texts", [["one text"], ["same"] * 5, ["", ""]])
def test_texts_with_nothing_in_common_give_zero_rows_or_unit_rows(texts):
    lengths = np.linalg.norm(HashedEncoder().fit(texts).encode(texts), axis=1)
    assert np.isfinite(lengths).all()
    assert all(abs(v) < 1e-6 or abs(v - 1) < 1e-5 for v in lengths)
