"""S-07, S-08: words that must stay where they belong, through all that a gateway writes."""

from __future__ import annotations

import json
import logging
import time

import msgspec
import pytest

from routewright.config import LogSettings, OtelSettings, Secret, StateSettings
from routewright.serve import logs
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.otlp import receiving
from tests.fakes.upstream import Cut, Hang, Raw, Refuse, Say

KEY = "sk-CANARY0123456789abcdefCANARY"  # the upstream's
PROMPT = "CANARY-PROMPT Jane Roe, born 1971-02-03"
ANSWER = "CANARY-ANSWER 4111 1111 1111 1111"
WORDS = (KEY, "CANARY", "Jane Roe", "1971-02-03", "4111 1111")

TURNS = [{"role": "user", "content": PROMPT}]
TOOL = {"name": "CANARY_tool", "description": PROMPT, "input_schema": {"type": "object"}}
BODIES = {
    "/v1/chat/completions": {"messages": TURNS, "user": PROMPT, "stop": [PROMPT], "metadata": {}},
    "/v1/responses": {"input": PROMPT, "instructions": PROMPT},
    "/v1/messages": {"max_tokens": 9, "messages": TURNS, "system": PROMPT, "tools": [TOOL]},
    "/v1/messages/count_tokens": {"messages": TURNS, "tools": [TOOL]},
    "/v1/embeddings": {"model": "cheap", "input": [PROMPT]},
    "/v1/route": {"prompt": PROMPT},
}
STREAMED = ("/v1/chat/completions", "/v1/responses", "/v1/messages")
MALFORMED = (
    {"messages": [{"role": "user", "content": {"CANARY": PROMPT}}]},
    {"messages": TURNS, "tools": PROMPT},
    {"messages": TURNS, "api_key": PROMPT},
)
# An upstream repeats what it was sent, in every place where it can.
ECHO = f"Incorrect API key provided: {KEY}. You asked: {PROMPT}"
STEPS = (
    Say(ANSWER),
    Refuse(400, ECHO),
    Refuse(401, ECHO),
    Refuse(404, ECHO),
    Refuse(429, ECHO),
    Refuse(500, ECHO),
    Raw(ECHO.encode(), "text/html"),
    Raw(json.dumps({"error": {"message": ECHO, "code": ECHO}}).encode()),
    Raw(b'data: {"error": {"message": "%b"}}\n\n' % ECHO.encode(), "text/event-stream"),
    Cut(2),
    Hang(1),
)


@pytest.fixture
def debugging():
    """Logs as an operator who looks for a fault would; afterwards what was before."""
    loggers = [logging.getLogger(name) for name in ("", "routewright", "routewright.access")]
    before = [(one, one.level, one.handlers[:]) for one in loggers]
    yield lambda: logs.install(LogSettings(level="debug", format="json", access=True))
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers[:] = handlers


def test_no_word_of_prompt_answer_or_key_is_written_anywhere(
    capfd, debugging, upstream, tmp_path, monkeypatch
):
    """S-07, S-08: every dialect, whole and streamed, with every end that an answer can have.

    Looked through are all files (database, its log, spool), standard error at debug with access
    lines, spans and metrics on the wire, and what Prometheus reads. The key is in no reply either.
    """
    debugging()
    monkeypatch.setenv("CANARY_KEY", KEY)
    monkeypatch.setattr("routewright.serve.health.FAILURES", 10**9)
    monkeypatch.setattr("routewright.serve.health.COOLING_S", 0.0)
    with receiving() as got:
        settings = scripted_settings(
            upstream.url,
            tmp_path,
            decisions="",
            state=StateSettings(),
            otel=OtelSettings(endpoint=got.url),
        )
        keyed = {
            name: msgspec.structs.replace(given, api_key_env="CANARY_KEY")
            for name, given in settings.providers.items()
        }
        timeouts = msgspec.structs.replace(settings.gateway.timeouts, idle_s=0.05)
        gateway = msgspec.structs.replace(settings.gateway, timeouts=timeouts)
        settings = msgspec.structs.replace(settings, providers=keyed, gateway=gateway)
        replies = []
        with served(Gateway(settings, router=ByWord())) as up:
            for step in STEPS:
                upstream.says = {name: lambda _, step=step: step for name in settings.models}
                for path, body in BODIES.items():
                    for stream in (False, True):
                        asked = {"model": "auto", **body} | ({"stream": True} if stream else {})
                        if isinstance(step, Hang) and not (stream and path in STREAMED):
                            continue  # it would wait for the whole
                        headers = {"x-api-key": KEY, "user-agent": PROMPT}
                        replies.append(up.request("POST", f"{path}?key={KEY}", asked, headers))
            upstream.says = {}
            for body in MALFORMED:
                for path in BODIES:
                    replies.append(up.request("POST", path, {"model": "auto", **body}))
            up.request("GET", f"/v1/models/{KEY}")  # the caller is told its own word
            up.gateway.relay.begin = _explode
            replies.append(up.chat(PROMPT))
            scraped = up.request("GET", "/metrics").body
            over = time.monotonic() + 10
            while up.gateway.sink.keeper.spool_bytes and time.monotonic() < over:
                time.sleep(0.05)
    assert len({reply.status for reply in replies}) >= 5
    assert any(KEY in headers["authorization"] for headers in upstream.headers)
    written = capfd.readouterr().err
    assert "ZeroDivisionError" in written
    assert written.count('"logger":"routewright.access"') > 50
    assert len(got.spans) > 50
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name.startswith("routewright.db") for path in files)
    for word in map(str.encode, WORDS):
        assert [path for path, held in files.items() if word in held] == []
        assert word not in scraped
        assert not any(word in raw for raw in got.raw)
        assert [line for line in written.encode().splitlines() if word in line] == []
    for reply in replies:
        assert KEY.encode() not in reply.body
        assert KEY not in str(reply.headers)


async def _explode(*request):
    secret = Secret(KEY)
    raise ZeroDivisionError(f"with {secret.reveal()} and {secret}")
