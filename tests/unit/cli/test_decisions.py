"""``routewright decisions``: what was served is listed, shown and exported as evidence."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from routewright.cli.main import cli
from routewright.config import Secret
from routewright.data.routing_data import RoutingData
from routewright.errors import RoutewrightError
from routewright.state.keys import Keys
from routewright.state.rows import ContentRow
from routewright.state.store import Store
from tests.fakes.rows import decision, feedback, outcome

DECIDED = msgspec.Raw(
    b'{"id":"A","model":"cheap","reason":"best utility","worth_usd":0.01,"probability":1,'
    b'"candidates":[{"model":"cheap","score":0.7,"cost_usd":0.001},'
    b'{"model":"strong","score":0.9,"cost_usd":0.01,"excluded":"rule 1: never"}]}'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "routewright.toml").write_text('[gateway.state]\nurl = "sqlite:///state.db"\n')
    monkeypatch.chdir(tmp_path)
    store = Store(Secret("sqlite:///state.db"), tmp_path)
    now = time.time()
    rows = [
        decision("A", 1, at=now - 7200, decision=DECIDED),
        outcome(
            "A",
            cost_usd=0.002,
            latency_s=0.5,
            attempts=msgspec.Raw(b'[{"model":"cheap","outcome":"ok","latency_s":0.5}]'),
        ),
        feedback("f1", "A", score=0.8, comment="good"),
        decision("B", 2, at=now - 60, model="strong", decision=DECIDED),
        outcome("B", model="strong", cost_usd=0.02, latency_s=1.0),
        feedback("f2", "B", score=1.0),
        decision("C", 3, at=now - 30, decision=DECIDED),
        outcome("C", state="failed"),
    ]
    for id_, text in (("A", "four"), ("B", "it is 4"), ("C", "")):
        turns = [{"role": "user", "content": "What is 2 + 2?"}]
        request = json.dumps({"model": "auto", "messages": turns})
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer = json.dumps({"choices": choices} if text else None)
        rows.append(ContentRow(decision_id=id_, at=now, request=request, answer=answer))
    assert store.write(rows) == []
    Keys(store).all()
    store.close()
    return tmp_path


def run(*args: str) -> str:
    done = CliRunner().invoke(cli, ["decisions", *args], catch_exceptions=False)
    return done.stdout


def test_decisions_are_listed_latest_first_and_narrowed(folder):
    assert [json.loads(line)["id"] for line in run("list", "--json").splitlines()] == list("CBA")
    lines = run("list", "--since", "1h", "--model", "strong").splitlines()
    assert len(lines) == 1
    assert "$0.020000" in lines[0]
    assert run("list", "--state", "open") == ""


def test_one_is_shown_with_all_that_made_it(folder):
    told = run("show", "A")
    for words in ("best utility", "removed: rule 1: never", "score 0.700", "attempt    cheap"):
        assert words in told
    assert "score 0.8, comment good" in told
    assert "What is 2 + 2?" not in told
    assert "What is 2 + 2?" in run("show", "A", "--with-content")


def test_an_export_is_a_log_that_import_reads(folder):
    run("export", "log.jsonl", "--with-content")
    done = CliRunner().invoke(
        cli, ["import", "openai", "log.jsonl", "--out", "run"], catch_exceptions=False
    )
    assert "1  prompts" in done.stdout
    assert "2  answers that need not be bought" in done.stdout
    assert "What is" not in run("export", "-")


def test_graded_answers_are_exported_as_routing_data(folder):
    run("export", "evidence")
    data = RoutingData.load(folder / "evidence")
    assert [prompt.text for prompt in data.prompts] == ["What is 2 + 2?"]
    cells = dict(zip(data.models, data.scores[0], strict=True))
    assert cells == {"cheap": 0.8, "strong": 1.0}
    assert sorted(data.costs[0]) == [0.002, 0.02]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("list", "--state", "done"), "write one of complete"),
        (("list", "--since", "yesterday"), "write 30m"),
        (("list", "--key", "nobody"), "no key 'nobody'"),
        (("show", "nobody"), "no decision 'nobody'"),
    ],
)
def test_what_cannot_be_is_one_line(folder, args, why):
    with pytest.raises(RoutewrightError, match=why):
        run(*args)
