import email.utils
import logging
import socket
import time

import numpy as np
import pytest

from routewright.encoders import endpoint, named
from routewright.encoders.cache import forget_recent
from routewright.errors import (
    ArtefactError,
    ConfigError,
    RoutewrightError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)
from tests.fakes.embeddings import embeddings, serving, vector_of

SECRET = "sk-very-secret"


@pytest.fixture
def host(monkeypatch):
    forget_recent()
    endpoint._width.cache_clear()
    with serving() as host:
        monkeypatch.setenv(endpoint.URL, host.url + "/")
        monkeypatch.setenv(endpoint.KEY, SECRET)
        yield host


@pytest.fixture
def waits():
    return []


@pytest.fixture
def encoder(host, waits):
    fitted = endpoint.EndpointEncoder("endpoint:small", "small", sleep=waits.append).fit([])
    host.seen.clear()
    return fitted


def unit(text):
    row = np.array(vector_of(text))
    return row / np.linalg.norm(row)


def test_vectors_are_those_of_the_host_in_order_and_of_unit_length(encoder, host):
    texts = [f"text {n}" for n in range(130)] + ["", "text 0"]
    rows = encoder.encode(texts)
    assert [len(asked["input"]) for asked in host.seen] == [64, 64, 2]
    assert {asked["path"] for asked in host.seen} == {"/v1/embeddings"}
    assert {asked["model"] for asked in host.seen} == {"small"}
    assert set(host.keys) == {f"Bearer {SECRET}"}
    wanted = np.array([unit(text) if text else np.zeros(4) for text in texts])
    assert np.allclose(rows, wanted, atol=1e-6)


def test_no_key_sends_no_authorization(encoder, host, monkeypatch):
    host.keys.clear()
    monkeypatch.delenv(endpoint.KEY)
    encoder.encode(["a"])
    assert host.keys == [None]


def test_a_busy_host_is_asked_again_when_it_says(encoder, host, waits):
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    host.script = [
        (429, {"Retry-After": "7"}, b"slow down"),
        (503, {"Retry-After": later}, b""),
        (500, {}, b"oops"),
    ]
    assert encoder.encode(["a"]).any()
    assert waits[0] == 7
    assert 25 < waits[1] <= 30
    assert 1 <= waits[2] <= 2


def test_tries_end_and_the_last_failure_is_told(encoder, host, waits):
    host.script = [(500, {}, b"out of memory")] * endpoint.TRIES
    with pytest.raises(UpstreamError, match="HTTP 500: out of memory"):
        encoder.encode(["a"])
    assert len(waits) == endpoint.TRIES - 1
    assert waits == sorted(waits)


def test_a_host_that_asks_for_an_hour_is_not_waited_for(encoder, host, waits):
    host.script = [(429, {"Retry-After": "3600"}, b"quota")]
    with pytest.raises(UpstreamLimitError, match="HTTP 429: quota") as told:
        encoder.encode(["a"])
    assert told.value.retry_after_s == 3600
    assert not waits


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_is_not_tried_again(encoder, host, waits, status):
    host.script = [(status, {}, b"no such model")]
    with pytest.raises(UpstreamError, match=f"HTTP {status}: no such model"):
        encoder.encode(["a"])
    assert not waits


@pytest.mark.parametrize("status", [401, 403, 400, 500])
def test_the_key_is_never_shown(encoder, host, status, caplog):
    caplog.set_level(logging.DEBUG)
    host.script = [(status, {}, f"bad key {SECRET}, truly".encode())] * endpoint.TRIES
    with pytest.raises(RoutewrightError) as told:
        encoder.encode(["a"])
    assert "bad key ***, truly" in str(told.value)
    seen, error = [], told.value
    while error is not None:  # nor in what it came from
        seen.append(repr(error))
        error = error.__cause__
    assert SECRET not in " ".join(seen) + caplog.text
    if status in (401, 403):
        assert endpoint.KEY in str(told.value)


def test_a_redirect_does_not_carry_the_key_away(encoder, host):
    with serving() as other:
        host.script = [(302, {"Location": other.url + "/embeddings"}, b"")]
        with pytest.raises(UpstreamError, match="HTTP 302"):
            encoder.encode(["a"])
        assert not other.seen


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "no embeddings"),
        (b"{}", "no embeddings"),
        (b'{"data": []}', "0 vectors came for 1 texts"),
        (b'{"data": [{"embedding": [1, 2, 3, 4], "index": 5}]}', "out of place"),
        (b'{"data": [{"embedding": [1, "x"]}]}', "no embeddings"),
        (b'{"data": [{"embedding": [1, 2, 3, 1e999]}]}', "no embeddings|infinite"),
        (b'{"data": [{"embedding": []}]}', "empty"),
        (b'{"data": [{"embedding": [1, 2]}]}', "length 2 came where 4 was trained with"),
    ],
)
def test_an_unusable_answer_is_told_in_one_line(encoder, host, body, says):
    host.script = [(200, {}, body)]
    with pytest.raises(UpstreamError, match=says) as told:
        encoder.encode(["a"])
    assert "\n" not in str(told.value)


def test_a_host_that_is_away_or_silent_is_told(encoder, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv(endpoint.URL, f"http://127.0.0.1:{port}/v1")
        monkeypatch.setattr(endpoint, "TIMEOUT_S", 0.1)
        monkeypatch.setattr(endpoint, "TRIES", 2)
        with pytest.raises(UpstreamTimeoutError, match=r"no answer within 0\.1 s"):
            encoder.encode(["a"])
    with pytest.raises(UpstreamError, match=f"Refused.*is {endpoint.URL} right"):
        encoder.encode(["a"])


@pytest.mark.parametrize(
    "url", ["", "host:80", "ftp://host", "file:///etc/passwd", "http://me:pw@host", "http://h?k=1"]
)
def test_a_base_url_that_is_none_is_refused(url, monkeypatch):
    monkeypatch.setenv(endpoint.URL, url)
    with pytest.raises(ConfigError, match=endpoint.URL):
        named.make("endpoint:small").fit([])


def test_the_artefact_knows_model_and_length_but_not_the_host(encoder, monkeypatch):
    state = encoder.state()
    with serving() as moved:
        monkeypatch.setenv(endpoint.URL, moved.url)
        again = named.restore("endpoint:small", state)
        assert not moved.seen
        assert np.array_equal(again.encode(["a"]), encoder.encode(["a"]))
    with pytest.raises(ArtefactError, match="train again"):
        named.restore("endpoint:other", state)
    with pytest.raises(ArtefactError, match="train again"):
        named.restore("endpoint:small", state | {"dimensions": np.asarray(5)})


def test_what_was_asked_once_is_not_paid_for_twice(encoder, host, tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTEWRIGHT_CACHE", str(tmp_path))
    first = encoder.encode(["a", "b", "c"])
    forget_recent()  # another process
    host.script = [lambda asked: (200, {}, embeddings(asked))]
    assert encoder.encode(["a", "c", "b", "d"])[:3].tobytes() == first[[0, 2, 1]].tobytes()
    assert [asked["input"] for asked in host.seen] == [["a", "b", "c"], ["d"]]
