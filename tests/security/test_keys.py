"""Who is let in: T-01, T-02, T-03, T-06, S-02 and S-05 of the reliability matrix."""

from __future__ import annotations

import re
import socket
import time

import pytest

from routewright.errors import ConfigError
from routewright.serve.gateway import Gateway
from routewright.serve.routes import TABLE
from routewright.types import PolicySettings
from tests.fakes.gateway import ByWord, served
from tests.security.conftest import ADMIN, keyed_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104  # what is tested
NASTY = (
    "' OR '1'='1",
    "'; DROP TABLE api_keys; --",
    "%s%n%x{0}{secret}",
    "\x80\xff\xfe",
    "rw-" + "A" * 5000,
    "rw-%00",
    "${jndi:ldap://x}",
)


def wait_until(holds, seconds: float = 5.0) -> None:
    over = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < over, "not within 5 s"
        time.sleep(0.1)


def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(gate, make_key, upstream, caplog):
    """T-01: none, wrong, revoked, expired, in the query, another scheme, SQL and format text."""
    _, expired = make_key("old", expires=time.time() - 1)
    revoked, secret = make_key("gone")
    askers = gate()
    keys_of_gate(askers).revoke(revoked.id)
    up, good = askers["none"].served, askers["a"].secret
    wait_until(lambda: up.request("GET", "/v1/models", None, bearer(secret)).status == 401)
    chat = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    path = "/v1/chat/completions"
    tries = [
        up.request("POST", path, chat),
        up.request("POST", path, chat, {"authorization": f"Basic {good}"}),
        up.request("POST", path, chat, {"authorization": good}),
        up.request("POST", path, chat, bearer("rw-wrong")),
        up.request("POST", path, chat, bearer(good[:-1])),
        up.request("POST", path, chat, bearer(expired)),
        up.request("POST", path, chat, bearer(secret)),
        up.request("POST", f"{path}?api_key={good}&key={good}", chat),
        up.request("POST", path, chat, {"x-api-key": good, **bearer("rw-other")}),
        *(up.request("POST", path, chat, bearer(text)) for text in NASTY),
        *(up.request("POST", path, chat, {"x-api-key": text}) for text in NASTY),
    ]
    assert {reply.status for reply in tries} == {401}
    assert len({reply.body for reply in tries}) == 1
    other = up.request("POST", "/v1/messages", chat)  # in the words of its dialect
    assert (other.status, other.json["error"]["type"]) == (401, "authentication_error")
    assert tries[0].json["error"]["code"] == "invalid_api_key"
    assert tries[0].headers["www-authenticate"] == "Bearer"
    assert upstream.requests == []
    for text in (good, secret, expired, *NASTY):
        assert text not in caplog.text


def keys_of_gate(askers):
    return askers["none"].served.gateway.keyring.keys


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_key_is_taken_from_either_header(gate):
    """T-01: OpenAI's header and Anthropic's."""
    a = gate()["a"]
    assert a.chat().status == 200
    assert a.served.request("GET", "/v1/models", None, {"x-api-key": a.secret}).status == 200
    assert a.served.request("GET", "/v1/models", None, {"Authorization": f"bearer {a.secret}"})


def test_keys_are_looked_up_and_compared_by_their_digests_alone(gate, monkeypatch):
    """T-01: the comparison that decides takes the same time whatever differs."""
    a = gate()["a"]
    seen = []
    import hmac

    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda x, y: seen.append((x, y)) or real(x, y))
    guard = a.served.gateway.guard
    scope = {"headers": [(b"authorization", b"Bearer " + a.secret.encode())]}
    assert guard.admit("user", scope).id == a.key.id
    assert [len(x) for x, _ in seen] == [64]
    assert a.secret not in str(seen)


def test_every_route_is_open_to_whom_the_table_says(gate):
    """T-02: every route of the table for nobody, a user and the operator, each with its own key."""
    askers = gate()
    allowed = {
        "open": {"none", "a", "admin"},
        "user": {"a"},
        "watch": {"admin"},
        "admin": {"admin"},
    }
    assert {spec.access for spec in TABLE} <= set(allowed)
    for spec in TABLE:
        path = re.sub(r"\{[^}]*\}", "cheap", spec.path)
        for who in ("none", "a", "admin"):
            body = b"{}" if spec.method == "POST" else None
            status = askers[who].request(spec.method, path, body).status
            let_in = status != 401
            assert let_in == (who in allowed[spec.access]), (spec.method, spec.path, who, status)


def test_the_application_serves_the_tables_routes_and_no_other(gate):
    """T-02: a route beside the table would have nobody at its door."""
    from routewright.serve.app import create_app

    app = create_app(gate()["none"].served.gateway)
    assert [route.path for route in app.routes] == [spec.path for spec in TABLE]


def test_anothers_decision_does_not_exist(gate):
    """T-03: feedback on it is 404, just as on one that never was."""
    askers = gate({"a": {}, "b": {}})
    mine = askers["a"].chat().json["routewright"]["decision_id"]
    body = {"decision_id": mine, "score": 1.0}
    theirs = askers["b"].request("POST", "/v1/feedback", body)
    assert theirs.status == 404
    assert askers["a"].request("POST", "/v1/feedback", body).status == 200
    never = askers["b"].request("POST", "/v1/feedback", {**body, "decision_id": mine[:-1] + "0"})
    assert never.status == 404
    assert theirs.json["error"]["code"] == never.json["error"]["code"]


def test_loopback_is_the_default_and_needs_no_key(upstream, tmp_path):
    """T-06: as it was before there were keys."""
    settings = keyed_settings(upstream.url, tmp_path)
    assert settings.gateway.host == "127.0.0.1"
    with served(Gateway(settings, router=ByWord())) as up:
        assert up.chat().status == 200


def test_beyond_loopback_nobody_is_served_without_keys(upstream, tmp_path, make_key):
    """T-06: it refuses to start, and says the ways out; with a key, or a flag, it starts."""
    settings = keyed_settings(upstream.url, tmp_path, host=EVERYWHERE)
    refused = pytest.raises(ConfigError, match=r"routewright keys create NAME.*--without-keys")
    with refused, served(Gateway(settings, router=ByWord())):
        pass
    journal = keyed_settings(
        upstream.url, tmp_path, host=EVERYWHERE, state=None, decisions="d.jsonl"
    )
    with (
        pytest.raises(ConfigError, match="keys need a database"),
        served(Gateway(journal, router=ByWord())),
    ):
        pass
    open_ = keyed_settings(upstream.url, tmp_path, host=EVERYWHERE, auth="open")
    with served(Gateway(open_, router=ByWord())) as up:
        assert up.chat().status == 200
    _, secret = make_key()
    with served(Gateway(settings, router=ByWord())) as up:
        assert up.chat().status == 401
        assert up.request("GET", "/v1/models", None, bearer(secret)).status == 200


def test_a_gateway_whose_last_key_is_revoked_does_not_open(gate):
    """T-06: that a key was ever made is what counts."""
    askers = gate()
    keys_of_gate(askers).revoke("a")
    wait_until(lambda: askers["a"].chat().status == 401)
    assert askers["none"].chat().status == 401


def test_keys_that_cannot_be_read_let_nobody_in(upstream, tmp_path, make_key, monkeypatch):
    """T-06: a database that is away at the start; what this host remembers is still in force."""
    from routewright.errors import StoreAwayError
    from routewright.state.keys import Keys

    _, secret = make_key()
    settings = keyed_settings(upstream.url, tmp_path)
    with served(Gateway(settings, router=ByWord())) as up:
        assert up.request("GET", "/v1/models", None, bearer(secret)).status == 200

    def away(self):
        raise StoreAwayError("away")

    monkeypatch.setattr(Keys, "stamp", away)
    with served(Gateway(settings, router=ByWord())) as up:
        assert up.request("GET", "/v1/models", None, bearer(secret)).status == 200
        assert up.request("GET", "/v1/models").status == 401
    copy = tmp_path / "routewright-spool" / "keys.json"
    assert secret not in copy.read_text()
    assert copy.stat().st_mode & 0o077 == 0
    copy.unlink()
    with served(Gateway(settings, router=ByWord())) as up:
        assert up.request("GET", "/v1/models", None, bearer(secret)).status == 503
        assert up.request("GET", "/v1/models").status == 503


def test_a_key_made_changed_or_rotated_elsewhere_is_so_here_within_five_seconds(gate):
    """The command works on the database; gateways that run follow it."""
    askers = gate({"a": {}, "b": {}})
    keys, up = keys_of_gate(askers), askers["none"].served
    keys.set("a", {"models": ["strong"]})
    _, fresh = keys.rotate("b")
    wait_until(lambda: askers["b"].chat().status == 401)
    assert up.request("GET", "/v1/models", None, bearer(fresh)).status == 200
    assert askers["a"].chat().json["model"] == "strong"
    refused = askers["a"].chat(model="cheap")
    assert (refused.status, refused.json["error"]["code"]) == (403, "model_not_allowed")
    listed = [m["id"] for m in askers["a"].request("GET", "/v1/models").json["data"]]
    assert "cheap" not in listed
    assert "strong" in listed
    assert askers["a"].request("GET", "/v1/models/cheap").status == 404


def test_a_keys_policy_lies_between_the_configurations_and_the_requests(gate):
    """A rule of the request's own replaces the key's."""
    a = gate({"a": {"policy": PolicySettings(worth_usd=100.0)}})["a"]
    assert a.chat().json["model"] == "strong"
    assert a.chat(model="auto:cheap").json["model"] == "cheap"
    assert a.chat(routewright={"worth_usd": 0.0}).json["model"] == "cheap"


def test_text_in_headers_and_fields_reaches_the_database_as_parameters(gate, caplog):
    """S-02: injection strings in every header and field; the statements hold none of them."""
    import sqlalchemy as sa

    askers = gate()
    a = askers["a"]
    store = a.served.gateway.sink.keeper.store
    statements: list[str] = []

    def note(conn, cursor, statement, parameters, context, many):
        statements.append(statement)

    sa.event.listen(store._engine, "before_cursor_execute", note)
    for text in NASTY[:4]:
        a.served.request("GET", "/v1/models", None, bearer(text))
        a.chat(text)
        a.chat(model=text)
        body = {"decision_id": text, "label": text, "comment": text}
        for headers in ({"idempotency_key": text}, {"user_agent": text, "x_request_id": text}):
            a.request("POST", "/v1/feedback", body, **headers)
    mine = a.chat().json["routewright"]["decision_id"]
    body = {"decision_id": mine, "label": NASTY[1], "comment": NASTY[0]}
    assert a.request("POST", "/v1/feedback", body).status == 200
    wait_until(lambda: any("feedback" in s and "INSERT" in s for s in statements))
    for text in NASTY[:4]:
        assert not any(text in statement for statement in statements)
    assert keys_of_gate(askers).find("a").id == a.key.id


def test_the_host_header_decides_nothing_about_keys(gate):
    """S-05: a route is the one that matched, whatever the request says its host is."""
    askers = gate()
    hosts = ["evil.example", "x/healthz?", "a:b@healthz", "127.0.0.1/healthz#", "[::1]", "h" * 200]
    for host in hosts:
        up = askers["none"].served
        assert up.request("GET", "/v1/models", None, {"host": host}).status in (400, 401, 421)
        assert up.request("GET", "/healthz", None, {"host": host}).status in (200, 400)


def test_only_the_hosts_that_are_listed_are_answered(gate):
    """S-05: with ``allowed_hosts``."""
    a = gate(allowed_hosts=("gw.example",))["a"]
    assert a.request("GET", "/v1/models", host="gw.example").status == 200
    assert a.request("GET", "/v1/models", host="GW.example:8080").status == 200
    assert a.request("GET", "/v1/models", host="gw.example.evil.example").status == 421
    assert a.request("GET", "/v1/models", host="evil.example").status == 421
    assert a.request("GET", "/v1/models").status == 200  # this machine itself


def test_without_keys_a_page_that_names_this_machine_its_own_is_refused(upstream, tmp_path):
    """S-05: DNS rebinding, against which a loopback address alone does not help."""
    settings = keyed_settings(upstream.url, tmp_path)
    with served(Gateway(settings, router=ByWord())) as up:
        assert up.request("GET", "/v1/models", None, {"host": "evil.example"}).status == 421
        for host in ("localhost", "localhost:8080", f"127.0.0.1:{up.port}", "[::1]:80", "[::1]"):
            assert up.request("GET", "/v1/models", None, {"host": host}).status == 200


def test_the_operators_key_must_be_long(upstream, tmp_path, monkeypatch):
    """T-02: a short one would be guessed."""
    monkeypatch.setenv("ROUTEWRIGHT_ADMIN_KEY", "short")
    with pytest.raises(ConfigError, match="16 or more"):
        Gateway(keyed_settings(upstream.url, tmp_path), router=ByWord())
    monkeypatch.delenv("ROUTEWRIGHT_ADMIN_KEY")
    (tmp_path / "admin").write_text(ADMIN + "\n")
    settings = keyed_settings(upstream.url, tmp_path, admin_key_file="admin")
    Gateway(settings, router=ByWord())


def test_a_port_beyond_loopback_is_not_taken_before_keys_were_looked_for(upstream, tmp_path):
    """T-06: the refusal comes first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = keyed_settings(upstream.url, tmp_path, host=EVERYWHERE, port=port)
        with (
            pytest.raises(ConfigError, match="has no keys"),
            served(Gateway(settings, router=ByWord())),
        ):
            pass
