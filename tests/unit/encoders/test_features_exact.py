"""The features as the artefacts of before know them, by plain rules over the whole text."""

import json
import math
import re
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from routewright.encoders.features import text_features

DEMO = Path(__file__).parents[3] / "demo" / "prompts.jsonl"
ODD = (
    "",
    " \n ",
    " -5 - 3",
    "-5 A) b\nB) c C.",
    "A.",
    "f(A) (B). C: x(D) D)E",
    "größer Ärger Σίσυφος ΟΔΥΣΣΕΥΣ ١٢٣ 5×3 − 2 “q” «r»",
    "日本語テキスト only ไทย",
    "a\x1cb\x1donly",
    "for x in y; for\tx in z",
    "just the piano explanation, all\tof all of, nothing  else",
    "Answer: 1\na : 2\n output:3\nAnswer\n: 4",
    "def_ def print(def) classes class",
    'x == y === z "a": [1] `b`',
    "list_ _only my-list why? Why",
)
SNIPPETS = st.sampled_from(
    [
        "only ",
        "just the ",
        "A) ",
        "(B).",
        "for x in ",
        "-",
        "5 ",
        "==",
        "def ",
        "print(",
        "answer:",
        " a : ",
        "step by step",
        "É",
        "²",
        "٣",
        "“",
        "\n",
        "no explanation",
        "each,",
        "x",
        ":",
        "\t",
    ]
)


def by_plain_rules(text):
    chars = max(len(text), 1)
    low = text.lower()
    words = text.split()
    parts = set(re.findall(r"\w+", low))
    lines = text.strip().split("\n")
    numbers = re.findall(r"\d+", text)
    digits = sum(map(len, numbers))
    spaces = sum(map(str.isspace, text))
    # Superscripts count as letters do not: only ASCII ones and what str.isalpha calls so.
    letters = sum(map(str.isalpha, text))
    capitals = sum(map(str.isupper, text))

    def count(signs):
        return sum(map(text.count, signs))

    def asks(asked, *phrases):
        return float(not parts.isdisjoint(asked.split()) or any(each in low for each in phrases))

    minus = len(re.findall(r"(?:(?<=\))|(?<=\s)|(?<=\d))-(?=[\s\d(])", text))
    code = count("{};") + text.count("==") + len(re.findall(r"(?<!\w)for \w+ in\b", text))
    code_words = ["def", "return", "print", "import", "class", "function", "var", "SELECT"]
    code += sum(len(re.findall(rf"(?<!\w){word}(?!\w)", text)) for word in code_words)
    shots = re.findall(r"^\s*(?:answer|a|output)\s*:\s*\S", low, re.MULTILINE)
    only = ("just the ", "nothing else", "no explanation", "without explan")
    return [
        math.log1p(len(text)),
        math.log1p(len(words)),
        math.log1p(len(lines)),
        (len(text) - spaces) / max(len(words), 1),
        digits / chars,
        capitals / chars,
        sum(not each.isascii() for each in text) / chars,
        (len(text) - letters - spaces - digits) / chars,
        math.log1p(len(numbers)),
        float(min(max(map(len, numbers), default=0), 30)),
        math.log1p(count("+*/=<>^×÷%−") + minus),
        math.log1p(count("?")),
        math.log1p(code),
        float("```" in text or "\n    " in text),
        math.log1p(len(re.findall(r"(?:^|(?<=\()|(?<=\s))[A-J][).:](?=\s)", text))),
        math.log1p(count("{}[]") + text.count('":')),
        math.log1p(count('"“”«»`')),
        asks("only alone", *only, "single word", "single letter"),
        asks(
            "explain why reason reasons reasoning reasoned",
            "step by step",
            "show your work",
        ),
        asks("write compose draft implement translate rewrite summarise summarize"),
        float("\n" in text and len(shots) > 1),
        asks("list sort order each comma separated", "all of"),
        math.log1p(len(lines[-1])),
        math.log1p(len(set(words))),
    ]


def same(texts):
    plain = np.array([by_plain_rules(text) for text in texts], dtype=np.float32)
    told = text_features(texts)
    wrong = np.argwhere(told != plain)
    assert not len(wrong), [(texts[row], column) for row, column in wrong[:5]]


def test_what_is_remembered_of_words_adds_up_to_the_whole_text():
    prompts = [json.loads(line)["prompt"] for line in DEMO.read_text().splitlines()]
    same([*ODD, *(text for text in prompts if len(text) <= 8000)])


@settings(max_examples=150, deadline=None)
@given(st.lists(SNIPPETS, max_size=12).map("".join))
def test_no_joint_of_words_is_counted_otherwise(text):
    same([text])


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_nor_any_other_text(text):
    same([text])
