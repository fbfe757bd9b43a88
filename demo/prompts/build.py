"""Writes the prompt file and refuses to do so when prompts are missing or alike.

Run `python -m demo.prompts.build` in the repository's root. The result depends on nothing but
the task modules, so building twice gives the same bytes.
"""

import re
from collections import Counter
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

from demo.prompts import (
    arithmetic,
    code_output,
    code_writing,
    dates,
    explain,
    extraction,
    facts,
    formatting,
    logic,
    multiple_choice,
    ordering,
    rewrite,
    sentiment,
    string_manipulation,
    translation,
    unit_conversion,
)
from demo.prompts.record import PromptRecord

TARGET = Path(__file__).resolve().parent.parent / "prompts.jsonl"
MAKERS = (
    arithmetic.make,
    unit_conversion.make,
    facts.make,
    multiple_choice.make,
    code_writing.make,
    code_output.make,
    translation.make,
    sentiment.make,
    extraction.make,
    ordering.make,
    logic.make,
    dates.make,
    formatting.make,
    string_manipulation.make,
    explain.make,
    rewrite.make,
)
FEWEST, MOST = 640, 690
ALIKE = 0.9
DIFFICULTIES = ("easy", "medium", "hard")


def build_records() -> list[PromptRecord]:
    """Return all records, task by task."""
    return [record for make in MAKERS for record in make()]


def normalise(text: str) -> str:
    """Return a prompt in a form in which spelling variants of the same prompt agree."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.casefold()))


def alike_pairs(records: list[PromptRecord]) -> list[tuple[str, str]]:
    """Return pairs of prompts that say nearly the same once digits are masked.

    Characters are compared only where half of the words are shared, since comparing
    characters is slow and could not reach the limit otherwise.
    """
    masked = [re.sub(r"\d", "0", normalise(record.prompt)) for record in records]
    words = [frozenset(text.split()) for text in masked]
    found: list[tuple[str, str]] = []
    for first, second in combinations(range(len(records)), 2):
        shared = len(words[first] & words[second])
        share = shared / (len(words[first]) + len(words[second]) - shared)
        if share < 0.5:
            continue
        matcher = SequenceMatcher(None, masked[first], masked[second], autojunk=False)
        if share >= ALIKE or matcher.ratio() >= ALIKE:
            found.append((records[first].prompt_id, records[second].prompt_id))
    return found


def problems(records: list[PromptRecord]) -> list[str]:
    """Return what stands against writing these records; empty when all is well."""
    found: list[str] = []
    if not FEWEST <= len(records) <= MOST:
        found.append(f"{len(records)} prompts, wanted {FEWEST} to {MOST}")
    counts = Counter(normalise(record.prompt) for record in records)
    found.extend(f"repeated prompt: {text}" for text, count in counts.items() if count > 1)
    found.extend(f"nearly the same: {one} and {other}" for one, other in alike_pairs(records))
    return found


def table(records: list[PromptRecord]) -> str:
    """Return the number of prompts by task and difficulty as text."""
    counts = Counter((record.task, record.difficulty) for record in records)
    rows = [f"{'task':<22}{'easy':>7}{'medium':>8}{'hard':>6}{'all':>6}"]
    for task in dict.fromkeys(record.task for record in records):
        easy, medium, hard = (counts[task, level] for level in DIFFICULTIES)
        rows.append(f"{task:<22}{easy:>7}{medium:>8}{hard:>6}{easy + medium + hard:>6}")
    totals = Counter(record.difficulty for record in records)
    easy, medium, hard = (totals[level] for level in DIFFICULTIES)
    rows.append(f"{'all':<22}{easy:>7}{medium:>8}{hard:>6}{len(records):>6}")
    return "\n".join(rows)


def rendered(records: list[PromptRecord]) -> str:
    """Return the contents of the prompt file."""
    return "".join(record.to_json_line() for record in records)


def main() -> None:
    """Build, check, write and report."""
    records = build_records()
    found = problems(records)
    print(table(records))
    if found:
        raise SystemExit("\n".join(found))
    TARGET.write_text(rendered(records), encoding="utf-8")


if __name__ == "__main__":
    main()
