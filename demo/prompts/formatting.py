"""Instructions about the form of an answer, checked by counting and matching.

Content hardly matters here; each check states one thing the prompt asks for.
"""

import json

from demo.prompts.record import Collector, Difficulty, PromptRecord

Check = dict[str, str | int | list[str]]


def words(low: int, high: int) -> Check:
    """Check the number of words."""
    return {"check": "words", "min": low, "max": high}


def sentences(low: int, high: int) -> Check:
    """Check the number of sentences."""
    return {"check": "sentences", "min": low, "max": high}


def lines(count: int) -> Check:
    """Check the number of lines that are not empty."""
    return {"check": "lines", "min": count, "max": count}


def bullets(count: int) -> Check:
    """Check the number of bullet points."""
    return {"check": "bullets", "min": count, "max": count}


def numbered(count: int) -> Check:
    """Check the number of numbered lines."""
    return {"check": "numbered", "min": count, "max": count}


def text(check: str, value: str) -> Check:
    """Check a piece of text in a named place."""
    return {"check": check, "text": value}


def plain(check: str) -> Check:
    """Check a property that takes no argument."""
    return {"check": check}


def keys(*names: str) -> Check:
    """Check the keys of a JSON object."""
    return {"check": "json_keys", "keys": list(names)}


def regex(pattern: str) -> Check:
    """Check that a pattern is found."""
    return {"check": "regex", "pattern": pattern}


ITEMS: tuple[tuple[Difficulty, str, tuple[Check, ...]], ...] = (
    ("easy", "Say hello. Use at most ten words.", (words(1, 10),)),
    ("easy", "Write one sentence about dogs.", (sentences(1, 1),)),
    (
        "easy",
        "Repeat exactly this word and nothing else: sunflower",
        (words(1, 1), text("contains", "sunflower")),
    ),
    (
        "easy",
        "Write a short sentence that contains the word 'river'.",
        (text("contains", "river"), sentences(1, 2)),
    ),
    (
        "easy",
        "Copy this line: The sky is blue.",
        (text("contains", "the sky is blue"), words(4, 6)),
    ),
    ("easy", "Tell me about the sun in fewer than 40 words.", (words(1, 40),)),
    (
        "easy",
        "Begin your answer with the word 'Yes' and say why water is useful, in one sentence.",
        (text("starts_with", "yes"),),
    ),
    ("easy", "Write the word OK.", (text("contains", "ok"), words(1, 8))),
    (
        "easy",
        "Give me a sentence about trains with no commas in it.",
        (plain("no_commas"), words(3, 40)),
    ),
    (
        "easy",
        "Answer with a greeting that includes the name Olga.",
        (text("contains", "olga"), words(1, 30)),
    ),
    ("easy", "Write three colours, one on each line.", (lines(3),)),
    (
        "easy",
        "Write a question about food. It must end with a question mark.",
        (text("ends_with", "?"),),
    ),
    ("easy", "Output the number 42 and nothing else.", (regex(r"^\W*42\W*$"),)),
    ("easy", "List two fruits as bullet points, each line starting with '-'.", (bullets(2),)),
    ("easy", "Describe winter in one or two sentences.", (sentences(1, 2),)),
    ("easy", "Write a sentence that begins with 'My cat'.", (text("starts_with", "my cat"),)),
    (
        "medium",
        "Name three animals as a bulleted list with '-' in front. No other text.",
        (bullets(3), lines(3)),
    ),
    (
        "medium",
        "Write the sentence 'birds can fly' in capital letters only.",
        (plain("uppercase"), text("contains", "birds can fly")),
    ),
    ("medium", "Give four vegetables as a numbered list.", (numbered(4), lines(4))),
    (
        "medium",
        "Describe the sea using only lowercase letters, in one sentence.",
        (plain("lowercase"), sentences(1, 1)),
    ),
    (
        "medium",
        "Return a JSON object with the keys name and age for an invented person. JSON only.",
        (keys("name", "age"),),
    ),
    ("medium", "Write exactly two sentences about music.", (sentences(2, 2),)),
    ("medium", "Describe a forest in 15 to 25 words.", (words(15, 25),)),
    (
        "medium",
        "Explain what a key is for without using the word 'lock'. At most two sentences.",
        (text("excludes", "lock"), sentences(1, 2)),
    ),
    (
        "medium",
        "Write a one-sentence weather report that ends with the word 'sunshine'.",
        (text("ends_with", "sunshine"), sentences(1, 1)),
    ),
    (
        "medium",
        "Say something nice about bread. Start with 'Bread' and use at most 12 words.",
        (text("starts_with", "bread"), words(2, 12)),
    ),
    (
        "medium",
        "Give a time of day in the form HH:MM and nothing else.",
        (regex(r"^\W*\d\d:\d\d\W*$"),),
    ),
    (
        "medium",
        "Write two lines, each starting with the word 'Today'.",
        (lines(2), text("each_line_starts_with", "today")),
    ),
    (
        "medium",
        "Make up an email address at example.com. Only the address.",
        (regex(r"\S+@example\.com"), words(1, 1)),
    ),
    (
        "medium",
        "List five cities separated by semicolons, on one line, without commas.",
        (plain("no_commas"), lines(1), {"check": "contains", "text": ";", "min": 4}),
    ),
    (
        "medium",
        "Write a sentence of at most 15 words using both 'moon' and 'bicycle'.",
        (text("contains", "moon"), text("contains", "bicycle"), words(3, 15)),
    ),
    (
        "medium",
        (
            "Put the title 'My Garden' on the first line as a Markdown heading with one #, then add"
            " one sentence below it."
        ),
        (text("starts_with", "# my garden"), lines(2)),
    ),
    ("hard", "Write exactly seven words about the ocean.", (words(7, 7),)),
    (
        "hard",
        (
            "Write three bullet points with '-', each of them starting with the word 'Never'. No"
            " other lines."
        ),
        (bullets(3), lines(3), text("each_line_starts_with", "- never")),
    ),
    (
        "hard",
        "Describe a cup of tea in one sentence without using the letter 'e'.",
        (text("excludes", "e"), words(4, 40)),
    ),
    (
        "hard",
        (
            "Return only a JSON object with exactly the keys title, year and tags, where tags is a"
            " list of two strings."
        ),
        (keys("title", "year", "tags"), regex(r'"tags"\s*:\s*\[\s*"[^"]*"\s*,\s*"[^"]*"\s*\]')),
    ),
    (
        "hard",
        (
            "Write a four-line poem in lowercase letters, without commas, in which every line"
            " starts with 'the'."
        ),
        (lines(4), plain("lowercase"), plain("no_commas"), text("each_line_starts_with", "the")),
    ),
    (
        "hard",
        "Give exactly three sentences about winter, with 20 to 30 words in all.",
        (sentences(3, 3), words(20, 30)),
    ),
    (
        "hard",
        "Write the numbers from 1 to 5 on one line, joined by ' -> ', and nothing else.",
        (regex(r"^\W*1 -> 2 -> 3 -> 4 -> 5\W*$"),),
    ),
    (
        "hard",
        "Use the word 'time' at least three times in one sentence of at most 20 words.",
        ({"check": "contains", "text": "time", "min": 3}, sentences(1, 1), words(4, 20)),
    ),
    (
        "hard",
        (
            "Write, all in capital letters, a sentence that begins with the word 'Rain' and ends"
            " with the word 'roof'."
        ),
        (plain("uppercase"), text("starts_with", "rain"), regex(r"(?i)roof\W*$")),
    ),
    (
        "hard",
        (
            "Answer in exactly two lines: the first is a question, the second is its answer"
            " starting with 'Because'."
        ),
        (lines(2), regex(r"\?\s*\n\s*Because")),
    ),
    (
        "hard",
        (
            "List three sports as numbered lines in the form '1. Name - N players', with N a"
            " number. No other text."
        ),
        (numbered(3), lines(3), regex(r"1\. .+ - \d+ players")),
    ),
)


def make() -> list[PromptRecord]:
    """Return the formatting prompts."""
    out = Collector("formatting")
    for difficulty, prompt, checks in ITEMS:
        reference = json.dumps(list(checks), ensure_ascii=False)
        out.add(difficulty, prompt, "format", reference)
    return out.records
