"""Registry, pages and index say the same."""

import re
from pathlib import Path

import pytest

from routewright.evaluation.checks import CHECKS

FOLDER = Path(__file__).parents[4] / "docs" / "checks"


def test_codes_are_given_once_and_in_order():
    codes = [each.code for each in CHECKS]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"RT\d{3}", code) for code in codes)


def test_every_check_has_a_page_and_every_page_a_check():
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
    assert pages == {each.code for each in CHECKS}


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.code)
def test_the_page_tells_what_the_check_is(each):
    assert each.page == f"docs/checks/{each.code}.md"
    text = (FOLDER / f"{each.code}.md").read_text("utf-8")
    assert text.startswith(f"# {each.code}: {each.title}\n\nSeverity: {each.severity}\n")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    titles = [part.partition("\n")[0] for part in parts]
    assert titles == ["Why it matters", "What to do", "How it is computed"]
    assert "\nSource: " in parts[-1]
    assert 15 <= text.count("\n") <= 30


def test_links_between_pages_lead_somewhere():
    for page in FOLDER.glob("*.md"):
        for target in re.findall(r"\]\((RT\d+\.md)\)", page.read_text("utf-8")):
            assert (FOLDER / target).is_file(), (page.name, target)


def test_the_index_lists_every_check():
    index = (FOLDER / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\((\w+\.md)\) \| (\w+) \| (.+) \|$", index, re.MULTILINE)
    assert rows == [(c.code, f"{c.code}.md", c.severity, c.title) for c in CHECKS]
