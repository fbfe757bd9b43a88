"""What is written to standard error, and what never is."""

from __future__ import annotations

import json
import logging
import sys

import msgspec
import pytest

from routewright.config import LogSettings, Secret
from routewright.serve import logs
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Cut, Raw, Refuse, Say

CANARY = "sk-CANARY-0123456789abcdef"


@pytest.fixture
def install():
    """Installs settings, and puts back what was when the test ends."""
    root, names = logging.getLogger(), ("routewright", "routewright.access")
    before = (root.handlers[:], root.level, [logging.getLogger(name).level for name in names])
    yield lambda **given: logs.install(LogSettings(**given))
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for name, was in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(was)


def formatted(formatter: logging.Formatter, message: str, *, error: bool = False) -> str:
    info = None
    if error:
        try:
            raise ValueError(f"Bearer {CANARY}")
        except ValueError:
            info = sys.exc_info()
    record = logging.LogRecord("routewright.x", logging.ERROR, "", 0, message, (), info)
    return formatter.format(record)


def test_json_lines_are_json_with_the_traceback_inside():
    line = formatted(logs.JsonFormatter(), 'two\nlines of "words"', error=True)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("error", "routewright.x")
    assert told["message"] == 'two\nlines of "words"'
    assert "ValueError" in told["exception"]
    assert CANARY not in line


def test_text_keeps_a_message_on_its_line_and_masks_the_traceback():
    told = formatted(logs.TextFormatter(), "a name\nERROR forged: line", error=True)
    assert told.splitlines()[0] == "ERROR routewright.x: a name\\nERROR forged: line"
    assert CANARY not in told


def test_one_line_a_request_says_how_it_went_and_nothing_of_it(upstream, tmp_path, install, capfd):
    install(level="info", format="json", access=True)
    upstream.script["cheap"] = [Refuse(500), Say("an answer")]
    with served(Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())) as running:
        running.chat("a question")
        running.chat("a question", model="nobody")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    asked = [line for line in lines if line["logger"] == "routewright.access"]
    assert [line["state"] for line in asked] == ["complete", "refused"]
    assert asked[0]["attempts"] == "cheap=bad_upstream,strong=ok"
    assert asked[0]["model"] == "strong"
    assert asked[0]["cost_usd"] > 0
    assert asked[1]["code"] == "model_not_found"
    assert "question" not in json.dumps(asked)


def test_no_access_lines_unless_asked_for(upstream, tmp_path, install, capfd):
    install(level="debug")
    with served(Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())) as running:
        running.chat("hello")
    assert "routewright.access" not in capfd.readouterr().err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_is_written_nowhere_whatever_happens(
    form, upstream, tmp_path, install, capfd, monkeypatch
):
    """S-07: success, refusals, a cut stream, a crash with its traceback; log at debug, replies,
    metrics and decision rows.
    """
    monkeypatch.setenv("CANARY_KEY", CANARY)
    install(level="debug", format=form, access=True)
    settings = scripted_settings(upstream.url, tmp_path, default_model="spare")
    keyed = {
        name: msgspec.structs.replace(given, api_key_env="CANARY_KEY")
        for name, given in settings.providers.items()
    }
    settings = msgspec.structs.replace(settings, providers=keyed)
    echo = f"Incorrect API key provided: {CANARY}"
    event = b'data: {"error": {"message": "%b"}}\n\n' % echo.encode()
    replies = []
    with served(Gateway(settings, router=ByWord())) as running:
        for step in (
            Say("fine"),
            Refuse(400, echo),
            Refuse(401, echo),
            Refuse(429, echo),
            Refuse(500, echo),
            Raw(b"not JSON: " + CANARY.encode()),
            Raw(event, "text/event-stream"),
            Cut(1),
        ):
            for name in ("cheap", "strong", "spare", "last"):
                upstream.script[name] = [step]
            for stream in (False, True):
                running.gateway.health.__init__()
                replies.append(running.chat("hello", stream=stream))
        running.gateway.relay.begin = _explode
        replies.append(running.chat("hello"))
        told = running.request("GET", "/metrics").body.decode()
    written = capfd.readouterr().err
    assert upstream.headers[0]["authorization"] == f"Bearer {CANARY}"
    assert "ZeroDivisionError" in written
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY not in written
    assert CANARY not in told
    assert CANARY.encode() not in kept
    for reply in replies:
        assert CANARY.encode() not in reply.body
        assert CANARY not in str(reply.headers)


async def _explode(*request):
    secret = Secret(CANARY)
    raise ZeroDivisionError(f"with {secret.reveal()} and {secret}")
