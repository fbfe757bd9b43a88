"""Both reports in a real browser: Chromium, driven through Playwright, without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from routewright.bench.page.report import write_report as write_leaderboard
from routewright.evaluation import evaluate
from routewright.evaluation import write_report as write_evaluation
from routewright.evaluation.table import dollars
from tests.unit.bench.boards import EVIL, EVIL_TASK, MODELS, ROUTERS, SCORES, USD, board
from tests.unit.evaluation.worlds import topics

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: install Debian's package chromium, or set CHROMIUM"
)
WIDE, NARROW = 1400, 400
SIZE = {"width": WIDE, "height": 900}
FIRST = "0"  # number of the first section on the page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # As root Chromium starts without its sandbox only; it sees nothing but our own two files.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=root)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def leaderboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_leaderboard(board(), tmp_path_factory.mktemp("web") / "leaderboard.html")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, router, means = topics(400, signal=True)
    found = evaluate({"stack": router, "again": router}, data, train_means=means, replicates=50)
    return write_evaluation(found, tmp_path_factory.mktemp("web") / "evaluation.html")


@contextmanager
def opened(browser: Any, path: Path, **options: Any) -> Iterator[Any]:
    """The page in a fresh context; at the end it must have complained of nothing."""
    context = browser.new_context(**({"viewport": SIZE, "offline": True} | options))
    context.set_default_timeout(5_000)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    yield page
    assert complaints == []
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
    context.close()


@pytest.fixture(scope="module")
def page(browser: Any, leaderboard: Path) -> Iterator[Any]:
    """One page for the tests that only look or put things back."""
    with opened(browser, leaderboard) as shown:
        yield shown


def names(page: Any, chart: str) -> list[str]:
    """Names of the visible traces."""
    return page.evaluate(
        "id => document.getElementById(id).data.filter(t => t.visible !== false && "
        "t.visible !== 'legendonly').map(t => t.name)",
        chart,
    )


def hover(page: Any, chart: str, x: float, y: float) -> str:
    """Point at a place given in the chart's own units and read the label."""
    page.locator(f"#{chart}").scroll_into_view_if_needed()
    at = page.evaluate(
        """([id, x, y]) => {
          const div = document.getElementById(id), box = div.getBoundingClientRect();
          const {xaxis, yaxis} = div._fullLayout;
          return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
        }""",
        [chart, x, y],
    )
    label = page.locator(f"#{chart} .hoverlayer .hovertext")
    page.mouse.move(1, 1)
    until(page, lambda: label.count() == 0)  # the label of the place before
    page.mouse.move(*at)
    return label.first.text_content()


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait for what the page does in its own time; its policy lets no other script poll in it."""
    for _ in range(60):
        if holds():
            return
        page.wait_for_timeout(50)
    pytest.fail("it never came")


def test_a_point_shows_its_figures(page: Any) -> None:
    stack = board().sections[0].standing("stack")
    cost, score = 1000 * stack.cost_usd.value, stack.score.value
    label = hover(page, "frontier", cost, score)
    assert label.startswith("stack")
    assert f"{score:.3f}".replace("0.", ".") in label
    assert f"${dollars(cost)} [" in label
    # The frontiers end in this model's dot: it speaks before them.
    assert hover(page, "frontier", 1000 * USD[0], SCORES[0]).startswith(MODELS[0])
    label = hover(page, "intervals", stack.minus_zero.value, 0)
    assert "+.024 [+.015, +.033]" in label
    assert "above zero" in label


def test_a_line_shows_dollars_as_the_tables_write_them(page: Any) -> None:
    stack = board().sections[0].standing("stack")
    for cost, score in stack.frontier[5::10]:
        label = hover(page, "frontier", 1000 * cost, score)
        assert f"${dollars(float(f'{1000 * cost:.5g}'))} per 1,000 prompts" in label


def test_names_in_a_chart_are_no_markup(page: Any) -> None:
    loser = board().sections[0].standing(EVIL)
    label = hover(page, "frontier", 1000 * loser.cost_usd.value, loser.score.value)
    assert label.startswith(EVIL[:20])
    assert page.locator("#frontier .annotation-text, #frontier img").count() == 0
    texts = page.locator("#frontier .textpoint").all_text_contents()
    assert any(text.startswith("<script>") for text in texts)
    assert page.evaluate("window.evil") is None
    assert page.get_by_text("{{ 7*7 }}").count() > 0


def test_the_legend_hides_and_shows(page: Any) -> None:
    assert "knn-20" in names(page, "frontier")
    button = page.locator(".legend[data-for=frontier] button", has_text="knn-20")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    for chart in ("frontier", "pgr", "reliability"):
        assert "knn-20" not in names(page, chart)
    button.press("Enter")
    assert "knn-20" in names(page, "frontier")
    assert button.get_attribute("aria-pressed") == "true"


def test_the_cost_axis_switches(page: Any) -> None:
    kind = "document.getElementById('frontier')._fullLayout.xaxis.type"
    assert page.evaluate(kind) == "log"
    page.get_by_role("button", name="linear").click()
    assert page.evaluate(kind) == "linear"
    page.get_by_role("button", name="logarithmic").click()
    assert page.evaluate(kind) == "log"


def test_a_task_has_its_own_frontiers(page: Any) -> None:
    first = "document.getElementById('frontier').data.find(t => t.name === 'stack').y[20]"
    whole = page.evaluate(first)
    select = page.get_by_label("Task whose frontiers are drawn")
    assert select.locator("option").all_text_contents() == [
        "all tasks", "arithmetic", "code", EVIL_TASK, "chat",
    ]  # fmt: skip
    select.select_option(label=EVIL_TASK)
    assert page.evaluate(first) > whole
    assert "drawn for all tasks together only" in page.locator("#frontier-note").text_content()
    select.select_option(label="all tasks")
    assert page.evaluate(first) == whole


def test_another_data_set_changes_everything(page: Any) -> None:
    shown = page.locator("table.leaderboard:visible caption")
    assert shown.all_text_contents() == ["many-models, in-distribution: every policy"]
    dots = "document.getElementById('frontier').data.find(t => t.name === 'single models').x.length"
    assert page.evaluate(dots) == len(MODELS)
    select = page.get_by_label("Data set and regime whose figures are shown")
    select.select_option(label="two & two: in-distribution")
    assert shown.all_text_contents() == ["two & two, in-distribution: every policy"]
    assert page.evaluate(dots) == 2
    assert page.locator("#task").is_disabled()
    assert page.locator("#h-tasks").is_hidden()
    # A card of the summary chooses, too.
    page.get_by_label("Show the figures of many-models, in-distribution").click()
    assert shown.all_text_contents() == ["many-models, in-distribution: every policy"]
    assert page.locator("#h-tasks").is_visible()


def test_aiq_can_be_drawn_instead(page: Any) -> None:
    assert "zero" not in names(page, "intervals")
    page.get_by_role("button", name="AIQ", exact=True).click()
    assert {"zero", "oracle", *ROUTERS[:5]} <= set(names(page, "intervals"))
    page.get_by_role("button", name="difference to zero", exact=True).first.click()
    assert "zero" not in names(page, "intervals")


def test_headings_sort_by_mouse_and_keyboard(page: Any) -> None:
    table = page.locator("table.leaderboard:visible")
    order = table.locator("tbody").first.locator("th[scope=row]")
    assert order.all_text_contents() == list(ROUTERS)
    column = table.locator("thead th", has_text="p (Holm)").last
    heading = table.get_by_role("button", name="difference to zero")
    heading.click()
    assert order.all_text_contents() == list(ROUTERS)
    heading.press("Enter")
    assert order.all_text_contents() == list(reversed(ROUTERS))
    assert table.locator("th[aria-sort=ascending]").text_content() == "difference to zero"
    table.get_by_role("button", name="policy").click()
    assert order.all_text_contents()[1:] == sorted(ROUTERS[:5])
    # An empty cell comes last in both directions.
    artefact = table.get_by_role("button", name="artefact")
    for _ in range(2):
        artefact.click()
        assert order.all_text_contents()[-1] == EVIL
    assert column.get_attribute("aria-sort") == "none"


@pytest.mark.parametrize("report", ["leaderboard", "evaluation"])
def test_a_phone_never_scrolls_sideways_by_day_or_night(
    browser: Any, report: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(report)
    overhang = "document.documentElement.scrollWidth - innerWidth"
    ground = "getComputedStyle(document.body).backgroundColor.slice(4, -1).split(',').map(Number)"
    ink = "document.querySelector('.js-plotly-plot')._fullLayout.font.color.slice(1, 3)"
    size = {"width": NARROW, "height": 800}
    with opened(browser, path, viewport=size, color_scheme="light") as shown:
        for scheme in ("light", "dark"):
            shown.emulate_media(color_scheme=scheme)
            assert shown.evaluate(overhang) <= 0
            assert (max(shown.evaluate(ground)) < 60) == (scheme == "dark")
            until(
                shown,
                lambda scheme=scheme: (int(shown.evaluate(ink), 16) > 127) == (scheme == "dark"),
            )
        if report == "leaderboard":
            wide = shown.locator(".wide:visible").first
            assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
            # Turned round, the charts take the room there is.
            shown.set_viewport_size({"width": 800, "height": NARROW})
            drawn = "document.querySelector('#frontier .main-svg').clientWidth"
            until(shown, lambda: shown.evaluate(drawn) > 700)
            assert shown.evaluate(overhang) <= 0


def test_the_evaluation_answers_to_the_mouse(browser: Any, evaluation: Path) -> None:
    with opened(browser, evaluation) as shown:
        x, y = shown.evaluate(
            "(t => [t.x[1], t.y[1]])(document.getElementById('picture').data"
            ".find(t => t.name === 'single models'))"
        )
        label = hover(shown, "picture", x, y)
        assert label.startswith("middle")
        assert f"${dollars(x)} per 1,000 prompts" in label
        assert "again" in names(shown, "picture")
        shown.locator("#picture .legendtoggle").nth(names(shown, "picture").index("again")).click()
        until(shown, lambda: "again" not in names(shown, "picture"))
        shown.get_by_role("button", name="logarithmic").click()
        assert shown.evaluate("document.getElementById('picture')._fullLayout.xaxis.type") == "log"
