"""The page of a benchmark run: what it says, that it loads nothing, that names stay names."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from routewright.bench.page import figures
from routewright.bench.page.columns import COLUMNS
from routewright.bench.page.drawings import drawing
from routewright.bench.page.report import write_report
from routewright.bench.results import Leaderboard
from routewright.bench.verdicts import verdict
from routewright.evaluation.results import Finding
from routewright.evaluation.table import interval
from routewright.metrics.bootstrap import Estimate
from tests.unit.bench.boards import EVIL, EVIL_TASK, MODELS, NEVER, ROUTERS, UNKNOWN, board


class Page(HTMLParser):
    """Tags with their attributes, scripts, and the text of every element with an id or a class."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text("utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.articles: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "article":
            self.articles.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.words.append(data)
            if "article" in self.open:
                self.articles[-1] += f" {data}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def run() -> Leaderboard:
    return board()


@pytest.fixture(scope="module")
def page(run: Leaderboard, tmp_path_factory: pytest.TempPathFactory) -> Page:
    target = tmp_path_factory.mktemp("report") / "deep" / "leaderboard.html"
    assert write_report(run, target) == target
    return Page(target)


def test_the_page_is_one_file_that_loads_nothing(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img", "form")
        assert "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
    style = page.source[page.source.index("<style>") : page.source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_scripts_of_the_page_may_run(page: Page) -> None:
    policy = next(a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    said = str(policy["content"])
    assert "default-src 'none'" in said
    assert "script-src 'sha256-" in said
    scripts = [
        script
        for script, attrs in zip(page.scripts, page.all("script"), strict=True)
        if attrs.get("type") != "application/json"
    ]
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in said


def test_names_stay_names(run: Leaderboard, page: Page) -> None:
    assert not any("alert('model')" in script for script in page.scripts[1:])
    assert "<script>alert" not in page.source
    assert EVIL not in page.source
    assert EVIL_TASK not in page.source
    for name in (EVIL, EVIL_TASK, *MODELS):
        assert name in html.unescape(page.source)
    assert "{{ 7*7 }}" in page.text
    assert "It flatters <b>zero</b>." in page.text
    assert json.loads(page.scripts[0]) == drawing(run)
    assert "<" not in page.scripts[0]


def test_headings_tables_and_choices_can_be_read_aloud(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table")) > 0
    assert all(attrs.get("scope") for attrs in page.all("th"))
    assert all(attrs.get("aria-label") for attrs in page.all("select"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        assert attrs.get("aria-labelledby") in (None, *ids)


def test_the_header_says_what_was_run(page: Page) -> None:
    for words in (
        "Routewright 0.1.0, 2026-01-31",
        "stack, knn-20, ridge, matrix-factorisation, length",
        "many-models, two & two",
        "0, 1, 2, 3, 4",
        "Bootstrap replicates 2,000",
        "Claims under Holm 24",
    ):
        assert words in page.text
    assert "▲ above zero 7 of 30 ▼ below zero 4 of 30 ○ can’t be told 19 of 30" in page.text


def test_losses_stand_beside_wins(run: Leaderboard, page: Page) -> None:
    told = " ".join(page.articles[0].split())
    above, below = told.index("▲ above zero"), told.index("▼ below zero")
    untold = told.index("○ can’t be told")
    for name in ("stack", "knn-20", "ridge"):
        assert above < told.index(name) < below
    assert below < told.index(EVIL) < untold
    assert untold < told.index("matrix-factorisation")
    losing = run.sections[0].standing(EVIL)
    assert " ".join(interval(losing.minus_zero, signed=True).split()) in told


def test_a_regime_that_was_not_run_is_named_with_its_reason(page: Page) -> None:
    assert "temporal Not run: no prompt has a date" in " ".join(page.articles[2].split())
    assert "two & two, leave-one-task-out all prompts are of one task" in page.text
    assert "knn-20: the new model has 300 labels only" in page.text


def test_no_claim_stands_beside_a_control_above_zero(run: Leaderboard, page: Page) -> None:
    section = run.sections[-1]
    told = verdict(section)
    assert [each.name for each in told.controls] == ["shuffled labels"]
    assert told.above == told.below == told.errors == ()
    assert {each.name for each in told.untold} == set(ROUTERS)
    assert "No claim stands here: the control shuffled labels" in page.articles[-1]
    # The finding alone does it, too: its author may know of a control that has no standing.
    finding = Finding("RT011", "error", "negative control above zero", "")
    assert verdict(replace(run.sections[0], findings=(finding,))).above == ()


def test_a_summary_names_each_error_once_and_what_it_shows_anyway_never(run: Leaderboard) -> None:
    twice = [Finding("RT001", "error", "test prompts found in training", x) for x in ("a", "b")]
    section = run.sections[0]
    told = verdict(replace(section, findings=(*twice, *section.findings)))
    assert [finding.code for finding in told.errors] == ["RT001"]


@pytest.mark.parametrize(
    ("p_holm", "gain", "word"),
    [
        (0.05, 0.01, "above"),
        (0.0, 0.01, "above"),
        (0.05, -0.01, "below"),
        (0.0501, 0.01, "untold"),
        (math.nan, 0.01, "untold"),
        (0.001, math.nan, "untold"),
    ],
)
def test_a_claim_needs_its_corrected_p(
    run: Leaderboard, p_holm: float, gain: float, word: str
) -> None:
    section = run.sections[0]
    one = replace(
        section.standing("stack"), p_holm=p_holm, minus_zero=Estimate(gain, gain - 1, gain + 1)
    )
    told = verdict(replace(section, standings=(one,)))
    assert told.word(one) == word
    assert told.word(section.standing("zero")) is None


def test_a_baseline_is_told_of_but_claims_nothing(run: Leaderboard, tmp_path: Path) -> None:
    section = run.sections[0]
    baseline = replace(section.standing("length"), p_value=None, p_holm=None)
    standings = (*(s for s in section.standings if s.name != "length"), baseline)
    told = verdict(replace(section, standings=standings))
    assert told.unclaimed == (baseline,)
    assert told.word(baseline) is None
    one = replace(run, sections=(replace(section, standings=standings),))
    page = Page(write_report(one, tmp_path / "r.html"))
    assert "of 5" in page.text
    assert "without a claim: length −.001 [−.010, +.008]." in page.articles[0]


def test_every_figure_of_every_policy_is_in_the_table(run: Leaderboard, page: Page) -> None:
    for section in run.sections:
        for standing in section.standings:
            assert interval(standing.aiq) in page.text
            assert figures.per_1000(standing.cost_usd) in page.text
    headings = [words for words in page.words if words in {c.heading for c in COLUMNS}]
    assert {column.heading for column in COLUMNS} == set(headings)
    for column in COLUMNS:
        assert column.meaning[1:] in page.text
    for text in ("5 of 5", "< .001", "12.3 s", "0.212 ms", "4.81 MB", "never", "62 % [51 %, 93 %]"):
        assert text in page.text


def test_a_model_under_a_second_name_is_a_baseline_and_no_second_dot(
    run: Leaderboard, page: Page
) -> None:
    start, end = page.text.index("Baselines and bounds"), page.text.index("Controls, which")
    assert "cheapest" in page.text[start:end]
    drawn = drawing(run)["sections"][0]["policies"]
    assert [p["name"] for p in drawn if p["kind"] == "model"].count("cheapest") == 0


def test_what_is_undefined_is_no_number(run: Leaderboard, page: Page) -> None:
    assert not re.search(r"\b(nan|inf|None|null)\b", page.text)
    json.loads(page.scripts[0], parse_constant=pytest.fail)
    drawn = drawing(run)["sections"][0]["policies"]
    length = next(p for p in drawn if p["name"] == "length")
    assert length["pair"]["marks"][1][0] is None
    assert length["pair"]["curve"] == []


def test_the_drawing_counts_dollars_per_1000_and_keeps_a_routers_colour(run: Leaderboard) -> None:
    drawn = drawing(run)["sections"]
    stack = run.sections[0].standing("stack")
    policy: dict[str, Any] = next(p for p in drawn[0]["policies"] if p["name"] == "stack")
    assert policy["at"][0] == pytest.approx(1000 * stack.cost_usd.value, rel=1e-4)
    assert policy["frontier"][-1] == pytest.approx(
        [1000 * stack.frontier[-1][0], stack.frontier[-1][1]], rel=1e-4
    )
    assert [task for task, _ in policy["tasks"]] == list(stack.task_frontiers)
    roles = {(p["name"], p["role"]) for s in drawn for p in s["policies"] if p["kind"] == "router"}
    assert roles == {(name, f"router{at}") for at, name in enumerate(ROUTERS)}
    assert drawn[2] == {"tasks": [], "policies": [], "pair": None}


def test_a_run_of_nothing_still_has_a_page(run: Leaderboard, tmp_path: Path) -> None:
    nothing = replace(run, sections=(), routers=(), seeds=(), claims=0)
    assert "▲ above zero 0 of 0" in Page(write_report(nothing, tmp_path / "a.html")).text
    left_out = replace(run, sections=(run.sections[2],))
    assert "Not run: no prompt has a date" in Page(write_report(left_out, tmp_path / "b.html")).text


def test_figures_have_one_form() -> None:
    assert figures.height(Estimate(0.5, 0.25, 1.0)) == ".500 [.250, 1.000]"
    assert figures.height(Estimate(-0.0001, -0.02, 0.5), signed=True) == "+.000 [−.020, +.500]"
    assert figures.height(Estimate(0.5, math.nan, math.nan)) == ".500"
    assert figures.height(UNKNOWN) == "–"
    assert figures.part(NEVER) == "never"
    assert figures.part(Estimate(0.4, 0.35, math.inf)) == "40 % [35 %, never]"
    assert figures.per_1000(Estimate(0.0042, 0.004, 0.005)) == "4.20 [4.00, 5.00]"
    assert [figures.number(v) for v in (None, math.nan, math.inf, -0.5, 2.0)] == [
        "–",
        "–",
        "never",
        "−.500",
        "2.000",
    ]
    assert [figures.p_value(v) for v in (None, 0.0005, 0.0499, 1.0)] == [
        "–",
        "< .001",
        ".050",
        "1.000",
    ]
    assert [figures.size(v) for v in (None, 0, 999, 4_812_345)] == ["–", "0 B", "999 B", "4.81 MB"]
    assert figures.percent(math.nan) == "–"
    assert figures.seconds(math.nan) == figures.milliseconds(math.inf) == "–"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_lines_stand_out_in_both_schemes(scheme: str) -> None:
    style = files("routewright.bench.page").joinpath("leaderboard.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    block = light if scheme == "light" else dark
    colours: dict[str, str] = dict(re.findall(r"--(\w+): (#\w{6})", block))
    for ground in ("page", "card"):
        for text in ("ink", "soft", "accent", "above", "below", "untold", "model"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for line in ("edge", "zero", "oracle", "random", "control", *(f"r{at}" for at in range(8))):
        assert contrast(colours[line], colours["card"]) >= 3, line
