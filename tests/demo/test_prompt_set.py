"""The committed prompt set is the one the generators make, and every reference can be graded."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from demo.prompts import arithmetic, build, code_output, code_writing, multiple_choice
from demo.prompts.record import PromptRecord

COMMITTED = Path(__file__).resolve().parents[2] / "demo" / "prompts.jsonl"
GRADERS = {
    "numeric",
    "choice",
    "exact",
    "contains",
    "label",
    "list",
    "json",
    "code",
    "translation",
    "format",
    "rubric",
}
CHECKS = {
    "words",
    "sentences",
    "lines",
    "bullets",
    "numbered",
    "starts_with",
    "ends_with",
    "contains",
    "excludes",
    "lowercase",
    "uppercase",
    "no_commas",
    "json_keys",
    "each_line_starts_with",
    "regex",
}
NUMBER = re.compile(r"-?\d+(\.\d+)?(/\d+)?(±\d+(\.\d+)?)?")


@pytest.fixture(scope="module")
def records() -> list[PromptRecord]:
    return build.build_records()


def by_grader(records: list[PromptRecord], grader: str) -> list[PromptRecord]:
    found = [record for record in records if record.grader == grader]
    assert found
    return found


def test_building_again_gives_the_committed_file(records: list[PromptRecord]) -> None:
    assert COMMITTED.read_bytes() == build.rendered(records).encode("utf-8")


def test_lines_have_the_agreed_fields_in_order() -> None:
    fields = ["prompt_id", "task", "difficulty", "prompt", "grader", "reference", "max_tokens"]
    for line in COMMITTED.read_text(encoding="utf-8").splitlines():
        assert list(json.loads(line)) == fields


def test_size_and_variety(records: list[PromptRecord]) -> None:
    assert 640 <= len(records) <= 690
    assert len({record.task for record in records}) >= 14
    assert {record.grader for record in records} == GRADERS
    shares = Counter(record.difficulty for record in records)
    assert shares["easy"] / len(records) == pytest.approx(0.40, abs=0.05)
    assert shares["hard"] / len(records) == pytest.approx(0.25, abs=0.05)


def test_identifiers_are_unique_and_named_after_the_task(records: list[PromptRecord]) -> None:
    assert len({record.prompt_id for record in records}) == len(records)
    for record in records:
        assert re.fullmatch(rf"{record.task}-\d{{3}}", record.prompt_id)


def test_no_two_prompts_are_alike(records: list[PromptRecord]) -> None:
    assert len({build.normalise(record.prompt) for record in records}) == len(records)
    assert build.alike_pairs(records) == []


def test_alike_prompts_would_be_noticed() -> None:
    first = PromptRecord("a-001", "a", "easy", "Tom has 3 red cars. How many?", "numeric", "3", 9)
    second = PromptRecord("a-002", "a", "easy", "Tom has 5 red cars. How many?", "numeric", "5", 9)
    assert build.alike_pairs([first, second]) == [("a-001", "a-002")]


def test_prompts_and_answers_are_short(records: list[PromptRecord]) -> None:
    for record in records:
        assert len(record.prompt.split()) <= 150, record.prompt_id
        assert 16 <= record.max_tokens <= 192, record.prompt_id
        assert record.reference
        assert record.reference == record.reference.strip()


def test_numeric_references_are_numbers(records: list[PromptRecord]) -> None:
    for record in by_grader(records, "numeric"):
        assert NUMBER.fullmatch(record.reference), record


def test_word_problems_have_whole_or_money_answers() -> None:
    for record in arithmetic.make():
        assert re.fullmatch(r"\d+(\.\d{1,2})?", record.reference), record


def test_alternatives_are_not_empty(records: list[PromptRecord]) -> None:
    for grader in ("exact", "contains", "translation"):
        for record in by_grader(records, grader):
            alternatives = record.reference.split(" | ")
            assert all(text and text == text.strip() for text in alternatives), record
            assert len(set(alternatives)) == len(alternatives), record


def test_labels_are_among_their_options(records: list[PromptRecord]) -> None:
    for record in by_grader(records, "label"):
        parsed = json.loads(record.reference)
        assert list(parsed) == ["label", "options"]
        assert parsed["label"] in parsed["options"], record


def test_yes_and_no_are_both_frequent(records: list[PromptRecord]) -> None:
    counts = Counter(
        json.loads(record.reference)["label"] for record in records if record.task == "logic"
    )
    assert min(counts["yes"], counts["no"]) >= 8


def test_choice_letters_are_balanced(records: list[PromptRecord]) -> None:
    counts = Counter(record.reference for record in by_grader(records, "choice"))
    assert set(counts) == set("ABCD")
    assert max(counts.values()) - min(counts.values()) <= 1


def test_choice_letters_point_at_the_right_options() -> None:
    for item, record in zip(multiple_choice.ITEMS, multiple_choice.make(), strict=True):
        assert f"\n{record.reference}) {item[2][0]}\n" in record.prompt
        assert len(set(item[2])) == 4


def test_list_items_all_appear_in_the_prompt(records: list[PromptRecord]) -> None:
    for record in by_grader(records, "list"):
        items = record.reference.split(" > ")
        assert len(items) >= 3
        assert len(set(items)) == len(items), record
        assert all(item in record.prompt for item in items), record
        assert ", ".join(items) not in record.prompt, record


def test_number_lists_are_in_order(records: list[PromptRecord]) -> None:
    for record in by_grader(records, "list"):
        items = record.reference.split(" > ")
        if "digits" in record.prompt:
            assert items == sorted(items, key=lambda item: sum(map(int, item))), record
        elif all(re.fullmatch(r"-?\d+(\.\d+)?", item) for item in items):
            values = [float(item) for item in items]
            assert values in (sorted(values), sorted(values, reverse=True)), record
        elif re.search("alphabet", record.prompt, re.IGNORECASE):
            assert items == sorted(items), record


def test_json_references_are_objects_whose_keys_are_asked_for(
    records: list[PromptRecord],
) -> None:
    for record in by_grader(records, "json"):
        parsed: object = json.loads(record.reference)
        assert isinstance(parsed, dict)
        for key in cast(dict[str, Any], parsed):
            assert key in record.prompt, record


def test_code_references_are_asserts_on_the_named_function(records: list[PromptRecord]) -> None:
    for record in by_grader(records, "code"):
        name = re.search(r"`(\w+)\(", record.prompt)
        assert name
        lines = record.reference.splitlines()
        assert 3 <= len(lines) <= 5
        for line in lines:
            assert line.startswith("assert "), record
            assert f"{name[1]}(" in line, record
            compile(line, record.prompt_id, "exec")


def test_stored_solutions_pass_every_assert() -> None:
    for _, request, solution, asserts in code_writing.items():
        names: dict[str, Any] = {}
        exec(f"{solution}\n{asserts}", names)  # noqa: S102 - our own text
        assert request.startswith("`")


def test_code_outputs_are_one_line_each(records: list[PromptRecord]) -> None:
    assert len(code_output.SNIPPETS) == len(code_output.make())
    for record in records:
        if record.task == "code_output":
            assert "\n" not in record.reference
            assert " | " not in record.reference


def test_format_checks_are_known_and_their_patterns_compile(records: list[PromptRecord]) -> None:
    for record in by_grader(records, "format"):
        for check in json.loads(record.reference):
            assert check["check"] in CHECKS, record
            if "min" in check and "max" in check:
                assert check["min"] <= check["max"]
            if check["check"] == "regex":
                re.compile(check["pattern"])


def test_rubrics_are_one_to_three_sentences(records: list[PromptRecord]) -> None:
    rubrics = by_grader(records, "rubric")
    assert len(rubrics) == 40
    for record in rubrics:
        assert "A 5 " in record.reference
        assert 5 <= len(record.reference.split()) <= 60, record
