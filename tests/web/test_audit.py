"""The audit in a browser: a real server, real requests, a real Chromium, nothing from elsewhere."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from tests.unit.judge.folders import BIAS, judged_folder

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
COMMAND = (sys.executable, "-um", "routewright.cli.main", "judge", "audit")
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[str, Any]]:
    """The link that ``routewright judge audit --browser`` prints, and its process."""
    process = subprocess.Popen(
        [*COMMAND, folder, "--browser", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        link = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
        assert link is not None, line + process.stdout.read()
        yield link[0], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def ask(
    link: str, path: str, *, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    at = urlsplit(link)
    connection = http.client.HTTPConnection(at.hostname or "", at.port or 0, timeout=30)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given.setdefault("content-type", "application/x-www-form-urlencoded")
    connection.request("GET" if body is None else "POST", path, body, given)
    answer = connection.getresponse()
    told = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return told


def marks(folder: Path) -> list[Any]:
    rows = (folder / "audit.journal").read_text().splitlines()
    return [json.loads(row[9:])["mark"] for row in rows]


def test_only_the_one_browser_with_the_link_can_read_or_grade(tmp_path: Path) -> None:
    judged_folder(tmp_path, n=12)
    with served(tmp_path) as (link, process):
        at = urlsplit(link)
        origin, path = f"http://{at.netloc}", f"/?{at.query}"
        form = "place=0&mark=5"
        assert ask(link, "/")[0] == 403
        assert ask(link, "/?token=wrong")[0] == 403
        assert ask(link, path, host="evil.example")[0] == 403, "a rebound name"
        assert ask(link, "/mark", body=form, origin=origin)[0] == 403
        status, headers, _ = ask(link, path)
        assert status == 303
        cookie = headers["set-cookie"].split(";")[0]
        assert "HttpOnly" in headers["set-cookie"]
        assert "samesite=strict" in headers["set-cookie"].lower()
        assert ask(link, path)[0] == 403, "the link works once"
        status, headers, page = ask(link, "/", cookie=cookie)
        assert status == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert not any(model in page for model in BIAS)
        assert ask(link, "/", cookie=cookie, host="evil.example")[0] == 403
        other = "http://evil.example"
        assert ask(link, "/mark", body=form, cookie=cookie, origin=other)[0] == 403
        assert ask(link, "/mark", body=form, cookie=cookie)[0] == 403
        for wrong in ("place=0&mark=6", "place=99&mark=1", "place=-1&mark=1", "mark=1", "x" * 9999):
            assert ask(link, "/mark", body=wrong, cookie=cookie, origin=origin)[0] == 403
        assert marks(tmp_path) == []
        assert ask(link, "/mark", body=form, cookie=cookie, origin=origin)[0] == 303
        assert marks(tmp_path) == [5.0]
        assert ask(link, "/finish", body="", cookie=cookie, origin=origin)[0] == 200
        printed = process.communicate(timeout=30)[0]
    assert "1 of 24 answers audited" in printed


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium, or set CHROMIUM")
    # As root Chromium starts without its sandbox only; it sees nothing but our own page.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=root)
        yield launched
        launched.close()


def test_a_person_grades_with_the_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    judged_folder(tmp_path, n=12)
    path = tmp_path / "responses.parquet"
    pl.read_parquet(path).with_columns(response=pl.lit(EVIL)).write_parquet(path)
    with served(tmp_path, "--size", "4") as (link, process):
        page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
        page.set_default_timeout(20_000)
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(link)
        assert EVIL in page.inner_text("pre.answer"), "markup is shown, never run"
        assert "token" not in page.url
        for key, done in (("3", 1), ("s", 2), ("0", 3)):
            with page.expect_navigation():
                page.keyboard.press(key)
            assert page.title() == f"Audit: {done} of 4"
        with page.expect_navigation():
            page.keyboard.press("ArrowLeft")
        assert page.locator('button[aria-pressed="true"]').inner_text().startswith("0")
        with page.expect_navigation():
            page.keyboard.press("5")
        with page.expect_navigation():
            page.keyboard.press("1")
        assert "Every answer of the sample" in page.inner_text("main")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/audit-done.png")
            page.goto(f"{link.partition('/?')[0]}/item/1")
            page.screenshot(path=f"{folder}/audit.png")
            page.set_viewport_size({"width": 400, "height": 800})
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=f"{folder}/audit-narrow-dark.png")
            page.goto(link.partition("/?")[0])
        with page.expect_navigation():
            page.get_by_role("button", name="Finish").click()
        printed = process.communicate(timeout=30)[0]
        page.context.close()
    origin = link.partition("/?")[0]
    assert complaints == []
    assert all(url.startswith(origin) for url in asked)
    assert marks(tmp_path) == [3, None, 0, 5, 1]
    assert "3 of 24 answers audited, 1 skipped" in printed
