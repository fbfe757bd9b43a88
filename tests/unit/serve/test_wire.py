from __future__ import annotations

import pytest

from routewright.errors import RequestError
from routewright.serve.wire import chat_request, decode_object, route_request

TURN = {"role": "user", "content": "hello"}


def chat(**fields):
    return {"model": "auto", "messages": [TURN], **fields}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1} x',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\\ud83d"}',
        b'{"a": "\xff"}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[1]",
        b"null",
        b'"text"',
        b"a=1&b=2",
    ],
)
def test_whatever_is_no_json_object_is_one_kind_of_error(raw: bytes):
    with pytest.raises(RequestError, match="the body") as caught:
        decode_object(raw)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": [TURN]}, "model"),
        ({"model": "auto"}, "messages"),
        (chat(messages=[]), "messages"),
        (chat(messages="hello"), "messages"),
        (chat(messages=[{"role": "user", "content": 7}]), "messages[0].content"),
        (chat(messages=[{"content": "x"}]), "messages[0].role"),
        (chat(model=7), "model"),
        (chat(stream="yes"), "stream"),
        (chat(stream_options=[1]), "stream_options"),
        (chat(routewright={"worth": 1}), "routewright.worth"),
        (chat(routewright={"worth_usd": "much"}), "routewright.worth_usd"),
        (chat(routewright={"worth_usd": -1}), "routewright.worth_usd"),
        (chat(routewright={"worth_usd": float("nan")}), "routewright.worth_usd"),
    ],
)
def test_a_wrong_field_is_named(body, param: str):
    with pytest.raises(RequestError) as caught:
        chat_request(body)
    assert caught.value.param == param
    assert param in str(caught.value)


def test_our_own_field_never_goes_upstream_and_all_others_do():
    request = chat_request(chat(temperature=0.5, seed=2**70, routewright={"worth_usd": 0.5}))
    assert request.body == chat(temperature=0.5, seed=2**70)
    assert request.options.worth_usd == 0.5


def test_nulls_stand_for_absent_fields():
    request = chat_request(chat(stream=None, stream_options=None, routewright=None))
    assert (request.stream, request.include_usage) == (False, False)


@pytest.mark.parametrize("body", [{}, {"prompt": "x", "messages": [TURN]}])
def test_a_decision_is_asked_for_by_prompt_or_by_messages(body):
    with pytest.raises(RequestError, match="either messages or prompt"):
        route_request(body)
