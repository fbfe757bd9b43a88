import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from routewright.analysis import COLUMNS, DOMAINS, NEEDS, TASKS, analyse, columns
from routewright.analysis.cues import count_cues
from routewright.analysis.language import LANGUAGES
from routewright.routers.check import STRANGE_TEXTS
from routewright.types import Analysis

DEMO = Path(__file__).parents[3] / "demo" / "prompts.jsonl"
DEMO_TASKS = {
    "arithmetic": "maths",
    "multiple_choice": "multiple-choice",
    "code_writing": "code-writing",
    "code_output": "code-reading",
    "translation": "translation",
    "sentiment": "classification",
    "extraction": "extraction",
    "facts": "question",
}


@pytest.mark.parametrize(
    ("text", "task", "domain"),
    [
        ("Is this clause enforceable if the tenant sued the landlord?", "question", "law"),
        ("Which antibiotic is given to a patient with pneumonia?", "question", "medicine"),
        ("Tom has 3 bags of 12 apples and gives 5 away. How many are left?", "maths", "maths"),
        ("Write a Python function that reverses a linked list.", "code-writing", "computing"),
        ("What is the output of this code?\nprint(1 + 2)", "code-reading", "computing"),
        ("Translate to German: the house is red", "translation", "language"),
        ("Summarize the following article in two lines: ...", "rewriting", "language"),
        ("Classify the review as positive or negative: great food", "classification", "general"),
        ("Write a short story about a dragon", "chat", "language"),
        ("Which gas?\nA. helium\nB. argon\nC. neon\nD. xenon", "multiple-choice", "science"),
        ("Knights always tell the truth, knaves always lie. Who is a knave?", "puzzle", "general"),
        ('Book it.\n\nTools: [{"name": "book", "parameters": {}}]', "tool-call", "general"),
        ("Was utilitarianism fair to Kant's moral philosophy?", "question", "philosophy"),
    ],
)
def test_the_task_and_the_domain_are_told(text, task, domain):
    told = analyse(text)
    assert (told.task, told.domain) == (task, domain)


def test_it_knows_most_tasks_of_the_demo():
    rows = [json.loads(line) for line in DEMO.read_text().splitlines()]
    right, total = Counter(), Counter()
    for row in rows:
        if row["task"] in DEMO_TASKS:
            total[row["task"]] += 1
            right[row["task"]] += analyse(row["prompt"]).task == DEMO_TASKS[row["task"]]
    assert right.total() / total.total() > 0.8
    assert min(right[task] / total[task] for task in total) > 0.5, right


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"),
        ("Was ist die Hauptstadt von Frankreich?", "de"),
        ("Quelle est la capitale de l'Allemagne ?", "fr"),
        ("¿Cuál es la capital de Alemania?", "es"),
        ("Qual è la capitale della Germania?", "it"),
        ("Qual é a capital da Alemanha e quem não sabe?", "pt"),
        ("Wat is de hoofdstad van Duitsland?", "nl"),
        ("Vad är huvudstaden i Tyskland?", "sv"),
        ("Jaka jest stolica Niemiec?", "pl"),
        ("Almanya'nın başkenti neresi ve kaç kişi yaşar?", "tr"),
        ("Thủ đô của nước Đức là gì?", "vi"),
        ("Какая столица Германии?", "ru"),
        ("Яка столиця Німеччини?", "uk"),
        ("ما هي عاصمة ألمانيا؟", "ar"),
        ("ドイツの首都は何ですか。", "ja"),
        ("德国的首都是哪里？", "zh"),
        ("독일의 수도는 어디입니까?", "ko"),
        ("जर्मनी की राजधानी क्या है?", "hi"),
        ("Ποια είναι η πρωτεύουσα;", "el"),
        ("מהי בירת גרמניה?", "he"),
        ("x = 3", "en"),
        ("1 + 1 = ?", "und"),
        ("", "und"),
    ],
)
def test_the_language_is_told(text, language):
    assert analyse(text).language == language


def test_a_quoted_foreign_word_does_not_change_the_language():
    assert analyse('What does the German word "Schadenfreude" mean in English?').language == "en"


def test_needs_follow_from_task_and_words():
    assert analyse("Write a Python function that sorts a list.").needs == ("code",)
    assert analyse("Solve for x: 3x + 5 = 20").needs == ("reasoning", "maths")
    assert "tools" in analyse('Tools: {"name": "f", "parameters": {}}\ncall it').needs
    assert analyse("Who wrote Hamlet?").needs == ()


@pytest.mark.parametrize("text", STRANGE_TEXTS)
def test_any_text_gets_an_analysis_in_known_words(text):
    told = analyse(text)
    assert told.task in TASKS
    assert told.domain in DOMAINS
    assert told.language in LANGUAGES
    assert set(told.needs) <= set(NEEDS)
    assert (told.difficulty, told.expected_tokens, told.source) == (None, None, "built-in")


def test_a_term_counts_once_a_prompt():
    once, _ = count_cues("the plaintiff")
    assert count_cues("the plaintiff and the plaintiff")[0] == once
    assert once["domain", "law"] == 3


def test_a_megabyte_costs_no_more_than_a_page():
    page, megabyte = "the court ruled. " * 250, "the court ruled. " * 60_000
    analyse(page)
    times = []
    for text in (page, megabyte):
        started = time.perf_counter()
        for _ in range(5):
            analyse(text)
        times.append(time.perf_counter() - started)
    assert times[1] < 20 * times[0]  # reading it all would take 240 times as long


def test_columns_say_what_the_analysis_says():
    told = Analysis("maths", "law", "de", ("code",), difficulty=0.25, expected_tokens=np.e - 1)
    row = dict(zip(COLUMNS, columns([told])[0], strict=True))
    on = {name for name, value in row.items() if value}
    assert on == {
        *("task maths", "domain law", "needs code", "not English"),
        *("difficulty", "log_expected_tokens"),
    }
    assert (row["difficulty"], row["log_expected_tokens"]) == (0.25, pytest.approx(1.0))
    assert columns([]).shape == (0, len(COLUMNS))
