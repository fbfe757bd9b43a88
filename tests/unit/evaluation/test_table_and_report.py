"""What a person sees: the table in the terminal and the page."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from routewright.evaluation import Estimate, Evaluation, Note, evaluate, print_table, write_report
from routewright.evaluation.table import dollars, interval, share
from tests.unit.evaluation.worlds import topics


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    data, router, means = topics(400, signal=True)
    return evaluate({"stack": router, "again": router}, data, train_means=means, replicates=100)


def printed(evaluation: Evaluation, width: int) -> str:
    out = io.StringIO()
    print_table(evaluation, Console(file=out, width=width))
    return out.getvalue()


def test_the_table_fits_100_columns_without_colour_and_cuts_no_figure(
    evaluation: Evaluation,
) -> None:
    text = printed(evaluation, 100)
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    assert "…" not in text
    for row in evaluation.rows:
        line = next(line for line in text.splitlines() if line.startswith(row.name + " "))
        assert f"{row.score.value:.3f}" in line
        assert interval(row.aiq) in line
    assert evaluation.verdict in " ".join(text.split())


def test_a_narrow_terminal_folds_names_and_cuts_no_figure(evaluation: Evaluation) -> None:
    text = printed(evaluation, 76)
    assert max(map(len, text.splitlines())) <= 76
    assert all(interval(row.aiq) in text for row in evaluation.rows)


def test_a_model_name_in_brackets_is_no_markup() -> None:
    data, router, _ = topics(60, signal=True)
    e = evaluate({"[bold]r": router}, data, replicates=20)
    assert any(line.startswith("[bold]r ") for line in printed(e, 100).splitlines())


@pytest.mark.parametrize(
    ("usd", "text"), [(0, "0"), (0.00123456, "0.00123"), (6.07, "6.07"), (12345.6, "12,346")]
)
def test_dollars_keep_three_digits_without_an_exponent(usd: float, text: str) -> None:
    assert dollars(usd) == text


def test_intervals_and_shares_read_as_in_a_paper() -> None:
    assert interval(Estimate(0.5, 0.25, 1.0)) == ".500 [.250, 1.000]"
    assert interval(Estimate(-0.01, -0.02, 0.5), signed=True) == "−.010 [−.020, +.500]"
    assert (share(0.434), share(float("inf"))) == ("43 %", "never")


class Page(HTMLParser):
    """Headings, links to elsewhere and the nesting of tags."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        if tag == "script":
            self.scripts.append("")
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text("utf-8"))
    page.close()
    assert page.open == []
    return page


def test_the_page_is_one_file_that_loads_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    path = write_report(evaluation, tmp_path / "deep" / "report.html")
    page = read(path)
    assert page.links == []
    assert "default-src 'none'" in path.read_text("utf-8")
    assert len(page.scripts) == 2
    assert "Plotly" in page.scripts[0]


def test_the_page_holds_verdict_figures_tasks_and_definitions(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    page = read(write_report(evaluation, tmp_path / "r.html"))
    text = " ".join(" ".join(page.text).split())
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert evaluation.verdict[1:] in text
    for row in evaluation.rows:
        assert interval(row.aiq) in text
    for task in evaluation.tasks:
        assert f"{task.router_score:.3f}" in text
    for word in ("Brier", "100 bootstrap replicates", "seed 0", "400 prompts", "zero_train"):
        assert word in text


def test_the_picture_holds_every_policy_in_dollars_per_1000(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    page = read(write_report(evaluation, tmp_path / "r.html"))
    found = re.search(r"^const traces = (.*);$", page.scripts[1], re.MULTILINE)
    assert found
    traces = json.loads(found[1])
    marks = next(t for t in traces if t["role"] == "model")
    assert marks["labels"] == ["small", "middle", "large"]
    assert marks["x"] == pytest.approx([1000 * r.cost_usd.value for r in evaluation.rows[:3]])
    assert {t["role"] for t in traces} == {"model", "zero", "oracle", "random", "router", "other0"}
    line = next(t for t in traces if t["role"] == "router" and t["kind"] == "line")
    assert (line["x"][-1], line["y"][-1]) == pytest.approx(
        (1000 * evaluation.row("stack").hull[-1][0], evaluation.row("stack").hull[-1][1])
    )
    assert len(line["x"]) == len(line["hover"]) == len(line["sizes"])


@pytest.mark.parametrize(
    ("worth_usd", "words"), [(0.5, "worth $0.500."), (float("inf"), "worth any price.")]
)
def test_a_fixed_knob_is_told(worth_usd: float, words: str, tmp_path: Path) -> None:
    data, router, _ = topics(60, signal=True)
    e = evaluate(router, data, worth_usd=worth_usd, replicates=20)
    assert words in "".join(read(write_report(e, tmp_path / "r.html")).text)


def test_names_and_notes_cannot_become_markup(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    data, router, _ = topics(60, signal=False)
    e = evaluate({evil: router}, data, replicates=20)
    note = Note(evil, {evil: evil, "weighted kappa": 0.71}, evil)
    page = read(write_report(e, tmp_path / "r.html", notes=[note]))
    assert len(page.scripts) == 2
    assert not any("<script>alert" in script for script in page.scripts)
    assert "0.71" in "".join(page.text)


def test_a_loss_is_written_as_plainly_as_a_win(tmp_path: Path) -> None:
    data, router, _ = topics(300, signal=False)
    e = evaluate(router, data, replicates=100)
    assert not e.pays
    text = "".join(read(write_report(e, tmp_path / "r.html")).text)
    assert "Do not route: use model large" in text
