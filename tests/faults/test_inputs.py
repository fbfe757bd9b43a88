"""I-01 … I-09: what clients may send, and that the gateway answers each and lives on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Upstream

CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "hello"}]
BODIES = {
    CHAT: {"model": "auto", "messages": HI},
    "/v1/responses": {"model": "auto", "input": "hello"},
    "/v1/messages": {"model": "auto", "max_tokens": 5, "messages": HI},
    "/v1/messages/count_tokens": {"model": "auto", "messages": HI},
    "/v1/embeddings": {"model": "cheap", "input": "hello"},
    "/v1/route": {"prompt": "hello"},
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def up(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("inputs")
    settings = scripted_settings(
        upstream.url, folder, max_body_bytes=200_000, aliases={"gpt-4o": "auto:cheap"}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("routewright.serve.inbound.DRAIN_S", 0.05)
        with served(Gateway(settings, router=ByWord())) as running:
            yield running


@pytest.fixture(autouse=True)
def _alive(up: Served) -> Iterator[None]:
    yield
    assert up.request("GET", "/readyz").status == 200
    assert up.chat().status == 200


def talk(port: int, *parts: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while piece := connection.recv(65536):
            got += piece
        return got


def head(path: str, size: int, *more: bytes) -> bytes:
    lines = [b"POST %b HTTP/1.1" % path.encode(), b"host: x", b"connection: close"]
    return b"\r\n".join([*lines, b"content-length: %d" % size, *more, b"", b""])


def is_error(path: str, told: Any) -> bool:
    if path.startswith("/v1/messages"):
        return told["type"] == "error" and bool(told["error"]["message"])
    return told["error"]["type"] == "invalid_request_error" and bool(told["error"]["message"])


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"1", b"{} trailing", b"\xef\xbb\xbf{}", b"a=1&b=2"],
)
def test_what_is_no_json_object_is_refused_in_the_dialects_shape(up, path, body):
    """I-01"""
    reply = up.request("POST", path, body)
    assert reply.status == 400
    assert is_error(path, reply.json)


@pytest.mark.parametrize("path", BODIES)
def test_an_empty_object_names_what_is_missing(up, path):
    """I-01"""
    reply = up.request("POST", path, {})
    assert reply.status == 400
    assert is_error(path, reply.json)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ((b"content-length: 1000000000", b""), b"413"),
        ((b"content-encoding: gzip\r\ncontent-length: 2", b"xx"), b"415"),
        ((b"transfer-encoding: chunked", b"ffff\r\n" + b"x" * 65535 + b"\r\n"), b"413"),
    ],
)
def test_a_body_beyond_its_limits_is_refused_early(up, path, sent, status):
    """I-02"""
    start = b"POST %b HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n" % (path.encode(), sent[0])
    pieces = sent[1] * 8 if status == b"413" and sent[1] else sent[1]
    assert talk(up.port, start, pieces).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "odd",
    [
        b'"\\ud83d"',
        b'"\xff"',
        b"NaN",
        b"Infinity",
        b"[" * 20_000 + b"]" * 20_000,
        b"{" + b",".join(b'"k%d":1' % n for n in range(10_000)) + b"}",
        b"1e999",
        b"123456789012345678901234567890",
        b'"\\u0000"',
    ],
)
def test_odd_values_are_answered_and_never_a_server_error(up, path, odd):
    """I-03"""
    plain = json.dumps(BODIES[path]).encode()
    body = plain[:-1] + b', "metadata": ' + odd + b', "model": "cheap", "metadata": ' + odd + b"}"
    got = talk(up.port, head(path, len(body)), body)
    assert got.split(b" ", 2)[1] in (b"200", b"400"), got[:300]


def test_unknown_fields_are_relayed_within_a_dialect(up, upstream):
    """I-04"""
    vendor = {"vendor": {"deep": [1, None]}, "top_k": 3, "mirostat": 2}
    assert up.request("POST", CHAT, {**BODIES[CHAT], **vendor}).status == 200
    assert {key: upstream.requests[-1][key] for key in vendor} == vendor


def test_across_dialects_what_is_left_out_is_told(up):
    """I-04"""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = {**BODIES["/v1/messages"], "thinking": thinking}
    assert up.request("POST", "/v1/messages", body).headers["x-routewright-dropped"] == "thinking"


PART = {"type": "text", "text": "x"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([], 400),
        ([{}], 400),
        ([{"role": "user"}], 200),
        ([{"role": "assistant", "content": None, "tool_calls": [CALL]}, *HI], 200),
        ([{"role": "user", "content": [PART, IMAGE]}], 200),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], 200),
        ([{"role": "user", "content": [{"type": "file", "file": {}}]}], 200),
        ([{"role": "developer", "content": "x"}, *HI], 200),
        ([{"role": "robot", "content": "x"}], 200),
        (HI * 2000, 200),
        ([{"role": "system", "content": "x"}], 200),
        ([{"role": "user", "content": "\u202eمرحبا 👩\u200d👩\u200d👧"}], 200),
        ([{"role": "user", "content": "e" + "\u0301" * 30_000}], 200),
        ([{"role": "user", "content": "x" * 150_000}], 200),
        ([{"role": "user", "content": 5}], 400),
        ([{"role": "user", "content": ["x"]}], 400),
        ("text", 400),
    ],
)
def test_messages_of_every_kind_are_routed_or_refused(up, messages, status):
    """I-05"""
    assert up.request("POST", CHAT, {"model": "auto", "messages": messages}).status == status


def test_images_go_only_to_models_that_can_see(upstream, tmp_path):
    """I-05"""
    import msgspec

    settings = scripted_settings(upstream.url, tmp_path)
    blind = {
        name: msgspec.structs.replace(model, capabilities=("tools",))
        for name, model in settings.models.items()
    }
    settings = msgspec.structs.replace(settings, models=blind)
    body = {"model": "auto", "messages": [{"role": "user", "content": [IMAGE]}]}
    with served(Gateway(settings, router=ByWord())) as running:
        reply = running.request("POST", CHAT, body)
    assert (reply.status, reply.json["error"]["param"]) == (400, "messages[0].content[0]")


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"logprobs": True, "top_logprobs": 3},
        {"stop": ["a", "b", "c", "d", "e"]},
        {"stop": []},
        {"max_tokens": -1},
        {"max_tokens": 0},
        {"max_tokens": 10**12},
        {"max_tokens": 1.5},
        {"max_completion_tokens": 5, "seed": 3},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
        {"tools": [CALL], "tool_choice": "none", "parallel_tool_calls": False},
        {"tools": [{"type": "unknown_tool"}]},
        {"stream_options": {"include_usage": True}},
        {"service_tier": "flex", "reasoning_effort": "low", "store": True, "metadata": {"a": "b"}},
        {"user": "u"},
    ],
)
def test_parameters_reach_the_upstream_as_they_are(up, upstream, more):
    """I-06"""
    assert up.request("POST", CHAT, {**BODIES[CHAT], **more}).status == 200
    assert {key: upstream.requests[-1].get(key) for key in more} == more


@pytest.mark.parametrize("given", [True, 5, 1.5, None, [], [True], [None], [{}], {}])
def test_what_is_neither_text_nor_tokens_makes_no_vectors(up, given):
    """I-06"""
    reply = up.request("POST", "/v1/embeddings", {"model": "cheap", "input": given})
    assert (reply.status, reply.json["error"]["param"]) == (400, "input")


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("auto", 200),
        ("auto:best", 200),
        ("gpt-4o", 200),
        ("chaep", 404),
        ("", 404),
        ("модель", 404),
        ("../../etc/passwd", 404),
        ("x" * 10_000, 404),
        (5, 400),
        (None, 400),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses"])
def test_a_model_is_known_or_refused_with_near_ones(up, path, model, status):
    """I-07"""
    reply = up.request("POST", path, {**BODIES[path], "model": model})
    assert reply.status == status
    if model == "chaep":
        assert "cheap" in reply.json["error"]["message"]
    if status == 404 and path == CHAT:
        assert reply.json["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("name", ["../../etc/passwd", "%2e%2e/secret", "%00", "a%0d%0ab%3a%20c"])
def test_looking_up_a_model_never_opens_a_file(up, name):
    """I-07"""
    assert up.request("GET", f"/v1/models/{name}").status == 404


@pytest.mark.parametrize(
    "more",
    [
        (b"authorization: Bearer a", b"authorization: Bearer b"),
        (b"x-big: " + b"x" * 30_000,),
        ("x-odd: ключ".encode(),),
        (b"x-routewright-worth-usd: -5",),
        (b"anthropic-beta: a\x0bb",),
    ],
)
def test_odd_headers_are_answered_and_split_nothing_upstream(up, upstream, more):
    """I-08"""
    body = json.dumps(BODIES["/v1/messages"]).encode()
    got = talk(up.port, head("/v1/messages", len(body), *more), body)
    assert got.split(b" ", 2)[1] in (b"200", b"400", b"401", b"431"), got[:200]
    assert not any(name.startswith("x-") for name in upstream.headers[-1])


def test_every_other_way_of_talking_http_has_a_defined_answer(up):
    """I-09"""
    body = json.dumps(BODIES[CHAT]).encode()
    size = b"content-length: %d" % len(body)
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: eA==\r\n"
    close = b"host: x\r\nconnection: close\r\n"
    for sent, status in (
        (b"HEAD /healthz HTTP/1.1\r\n" + close + b"\r\n", b"200"),
        (b"OPTIONS " + CHAT.encode() + b" HTTP/1.1\r\n" + close + b"\r\n", b"405"),
        (b"PUT /v1/models HTTP/1.1\r\n" + close + b"\r\n", b"405"),
        (b"GET /nowhere HTTP/1.1\r\n" + close + b"\r\n", b"404"),
        (
            b"POST " + CHAT.encode() + b" HTTP/1.0\r\nhost: x\r\n" + size + b"\r\n\r\n" + body,
            b"200",
        ),
        (head(CHAT, len(body), b"expect: 100-continue") + body, b"100"),
    ):
        assert talk(up.port, sent).split(b" ", 2)[1] == status, sent[:40]
    first = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
    got = talk(up.port, first + b"\r\n", first + b"connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200") == 2  # pipelined
    with socket.create_connection(("127.0.0.1", up.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + upgrade + b"\r\n")
        assert connection.recv(65536).split(b" ", 2)[1] in (b"200", b"400", b"426")
