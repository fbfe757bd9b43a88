"""Duplicates are found through light edits; templates don't make everything one."""

from __future__ import annotations

import os
import random
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.duplicates import find_duplicates, match, normalise, similarity, united
from routewright.data.splits import split

HOME = os.environ.get("ROUTEWRIGHT_DATA", "")
EXAMPLES = "Answer with one letter.\n\nWhich of these is a river?\nA) Nile\nB) Etna\nAnswer:\nA\n\n"


def corpus(size: int, *, words: int = 60, seed: int = 0) -> list[str]:
    """Texts of words as frequent as a language's, in sentences."""
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgk"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(6000)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    texts: list[str] = []
    for _ in range(size):
        drawn = rng.choices(vocabulary, cum_weights=weights, k=rng.randint(words, 2 * words))
        marks = ["." if rng.random() < 0.1 else "," if rng.random() < 0.1 else "" for _ in drawn]
        texts.append(" ".join(map("".join, zip(drawn, marks, strict=True))).capitalize() + "?")
    return texts


def spaced(text: str, rng: random.Random) -> str:
    return "  " + "".join(rng.choice((" ", "\n", " \t ")) if c == " " else c for c in text)


def shouted(text: str, rng: random.Random) -> str:
    return text.upper()


def one_word_changed(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    if len(words) < 60:  # of a short question another word makes another question
        return shouted(text, rng)
    words[rng.randrange(len(words))] = "zanzibar"
    return " ".join(words)


def marks_moved(text: str, rng: random.Random) -> str:
    words = [word.strip(".,?") for word in text.split(" ")]
    return " ".join(word + rng.choice(("", "", "", ",", ";", ".")) for word in words)


EDITS = (lambda text, rng: text, spaced, shouted, one_word_changed, marks_moved)


def leaked(test: list[str], share: float, seed: int) -> tuple[list[int], list[str]]:
    """Which test prompts leak, and what of them stands in training: every edit in turn."""
    rng = random.Random(seed)
    rows = sorted(rng.sample(range(len(test)), round(share * len(test))))
    return rows, [EDITS[i % len(EDITS)](test[row], rng) for i, row in enumerate(rows)]


def check_leakage(test: list[str], train: list[str]) -> tuple[float, float, float]:
    """Share of leaks found, share found at the right row, share of false alarms.

    A test prompt that was a duplicate of a leaked one before is neither.
    """
    clusters = find_duplicates(test)
    rows, copies = leaked(test, 0.05, seed=1)
    found = match(test, [*train, *copies])
    hits = found.kind[rows] != ""
    right = found.nearest[rows] == len(train) + np.arange(len(rows))
    others = ~np.isin(clusters, clusters[rows])
    return float(hits.mean()), float(right.mean()), float((found.kind[others] != "").mean())


@pytest.mark.parametrize("prefix", ["", EXAMPLES, "Question: answer briefly and only in verse. "])
def test_leaked_prompts_are_found_and_no_others(prefix: str) -> None:
    texts = [prefix + text for text in corpus(2400)]
    found, right, alarms = check_leakage(texts[:800], texts[800:])
    assert found >= 0.95
    assert right >= 0.95
    assert alarms <= 0.005
    assert match(texts[:800], texts[800:]).share <= 0.005


def test_each_way_of_copying_has_its_kind() -> None:
    texts = corpus(400)
    rng = random.Random(3)
    copies = [edit(texts[i], rng) for i, edit in enumerate(EDITS)]
    found = match(texts[:10], [*texts[100:], *copies])
    assert found.kind.tolist() == ["exact", "exact", "exact", "near", "exact"] + [""] * 5
    assert found.nearest.tolist() == [300, 301, 302, 303, 304] + [-1] * 5
    assert found.cosine[:3].tolist() == [1.0] * 3
    assert 0.95 <= found.cosine[3] < 1.0
    assert not found.cosine[5:].any()
    assert found.share == 0.5


def test_of_several_counterparts_the_most_similar_wins_and_the_first_of_equals() -> None:
    base = corpus(40, words=90)
    words = base[0].split(" ")
    twice = " ".join([*words[:20], "apple", *words[21:50], "pear", *words[51:]])
    once = " ".join([*words[:20], "apple", *words[21:]])
    found = match([base[0]], [*base[1:], twice, once, once])
    assert found.kind.tolist() == ["near"]
    assert found.nearest.tolist() == [40]


@pytest.mark.parametrize(
    "template",
    [
        "A shop sells apples at the market. Read the task with care, think step by step, give the "
        "reasons for every step and close with the number alone. How much is {a} plus {b}?",
        EXAMPLES + "Which number is larger?\nA) {a}\nB) {b}\nAnswer:",
    ],
)
@pytest.mark.parametrize("size", [12, 60, 600])
def test_instances_of_one_template_are_different_prompts(template: str, size: int) -> None:
    rng = random.Random(size)
    pairs = {(rng.randrange(10_000), rng.randrange(10_000)) for _ in range(size)}
    texts = [template.format(a=a, b=b) for a, b in sorted(pairs)]
    assert len(set(find_duplicates(texts).tolist())) == len(texts)
    half = len(texts) // 2
    assert match(texts[:half], texts[half:]).share == 0


def test_a_duplicate_within_a_template_is_still_found() -> None:
    questions = corpus(200, words=20, seed=2)
    texts = [EXAMPLES + question + "\nAnswer:" for question in questions]
    texts.append(EXAMPLES + questions[7].upper() + "\nAnswer:")
    texts.append(questions[9])  # the same question without the examples
    clusters = find_duplicates(texts)
    assert clusters[200] == clusters[7]
    assert clusters[201] == clusters[9]
    assert clusters.max() == 199


def test_a_question_that_another_prompt_quotes_is_its_near_duplicate() -> None:
    texts = corpus(100, words=40)
    quoting = f"My teacher asked me this and I am at a loss. {texts[3]} Explain it to me, please."
    clusters = find_duplicates([*texts, quoting])
    assert clusters[100] == clusters[3]
    assert clusters.max() == 99


def test_clusters_follow_chains_and_are_counted_by_appearance() -> None:
    texts = corpus(50, words=120)
    words = texts[1].split(" ")
    steps = [texts[1]]
    for at in range(5, 115, 10):  # every step changes one word; the ends differ in eleven
        words[at] = f"changed{at}"
        steps.append(" ".join(words))
    clusters = find_duplicates([texts[0], *steps[:3], texts[2], "  " + texts[0]])
    assert clusters.tolist() == [0, 1, 1, 1, 2, 0]
    assert match([steps[0]], [steps[-1], *texts[2:]]).kind.tolist() == [""]


def test_the_order_of_texts_decides_nothing() -> None:
    texts = corpus(120)
    texts += [EDITS[i % 5](text, random.Random(i)) for i, text in enumerate(texts[:40])]
    order = np.random.default_rng(0).permutation(len(texts))
    straight, mixed = find_duplicates(texts), find_duplicates([texts[i] for i in order])
    for row in range(len(texts)):
        together = {int(i) for i in np.flatnonzero(straight == straight[row])}
        at = int(np.flatnonzero(order == row)[0])
        assert together == {int(order[i]) for i in np.flatnonzero(mixed == mixed[at])}


def test_a_stricter_cosine_finds_fewer() -> None:
    texts = corpus(60, words=20)  # too short for runs of 13 words to survive a change
    words = texts[0].split(" ")
    copy = " ".join([*words[:9], "zanzibar", *words[10:20]])
    texts[0] = " ".join(words[:20])
    assert match([texts[0]], [*texts[1:], copy], cosine=0.85).kind.tolist() == ["near"]
    assert match([texts[0]], [*texts[1:], copy], cosine=0.99).kind.tolist() == [""]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2 + 2?", "what  is 2 +\n2 ??"),
        ("“Straße” — say it.", '"STRASSE" — say it'),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("¿Qué hora es?", "qué hora es"),
        ("Wait… what?!", "wait what"),
    ],
)
def test_normalising_forgets_accidents(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 5!?", "What is 5?"),
        ("x - 3", "x + 3"),
        (".5", "5"),
        ("f(x)", "fx"),
        ("resume", "résumé"),
        ("1,000", "1.000"),
    ],
)
def test_normalising_keeps_what_matters(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_texts_without_content_are_nobodys_duplicates() -> None:
    assert find_duplicates(["", " ", "?", "a", "A"]).tolist() == [0, 1, 2, 3, 3]
    assert match(["", "a"], ["", "A"]).kind.tolist() == ["", "exact"]


def test_nothing_has_no_duplicates() -> None:
    assert find_duplicates([]).tolist() == []
    assert match([], ["a"]).kind.tolist() == []
    assert match(["a"], []).nearest.tolist() == [-1]
    assert match([], []).share == 0.0
    assert np.isnan(similarity([], ["a"]))


def test_odd_texts_are_taken() -> None:
    texts = ["\ud800 lone", "漢字だけの文章です", "🦊" * 5000, "word " * 100_000, "x"]
    assert find_duplicates([*texts, *texts]).tolist() == [*range(5), *range(5)]


def test_similarity_is_one_with_itself_and_falls_with_distance() -> None:
    one, other = corpus(150, seed=0), corpus(150, seed=9)
    assert similarity(one[:50], one) == pytest.approx(1.0, abs=1e-5)
    near, far = similarity(one[:50], one[50:]), similarity(one[:50], other)
    assert 0 < far < near < 0.9


def test_similarity_is_the_mean_of_the_best_cosines() -> None:
    # "ab" and "cd" share no n-gram; each has one word and the letter run " ab ", of equal weight.
    assert similarity(["ab", "cd"], ["ab"]) == pytest.approx(0.5)
    # "ab cd": words ab, cd, the pair, and four runs; of these 7 "ab" shares two.
    assert similarity(["ab"], ["ab cd"]) == pytest.approx(2 / np.sqrt(2 * 7), abs=1e-6)


def test_united_joins_chains() -> None:
    left, right = np.array([4, 1, 0]), np.array([1, 3, 2])
    assert united(6, left, right).tolist() == [0, 1, 0, 1, 1, 5]


@pytest.mark.parametrize("name", ["routellm_mmlu", "routerbench"])
def test_leaks_into_recorded_benchmarks_are_found(name: str) -> None:
    if not HOME or not (Path(HOME) / name).is_dir():
        pytest.skip(f"ROUTEWRIGHT_DATA names no folder that holds {name}")
    data = RoutingData.load(Path(HOME) / name)
    texts = [prompt.text for prompt in data]
    clusters = find_duplicates(texts)
    train, test = split(data, holdout=0.3, seed=0, groups=clusters.astype(np.str_))
    held = [texts[i] for i in test]
    found, _, alarms = check_leakage(held, [texts[i] for i in train])
    assert found >= 0.95
    assert alarms <= 0.005
