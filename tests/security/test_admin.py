"""What the operator does over HTTP: keys, decisions, statistics; and what nobody else may."""

from __future__ import annotations

import re
import time

import pytest

from routewright.serve.gateway import Gateway
from routewright.serve.routes import TABLE
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.security.conftest import ADMIN

BEARER = {"authorization": f"Bearer {ADMIN}"}


def within(seconds: float, found):
    over = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < over
        time.sleep(0.1)
    return result


def test_a_key_is_made_changed_and_revoked_over_http(gate):
    admin = gate()["admin"]
    made = admin.request("POST", "/admin/keys", {"name": "team", "requests_per_min": 1000})
    assert made.status == 200
    secret, id_ = made.json["key"], made.json["id"]
    ask = {"authorization": f"Bearer {secret}"}
    assert admin.served.request("GET", "/v1/models", None, ask).status == 200  # at once
    listed = admin.request("GET", "/admin/keys")
    assert [key["name"] for key in listed.json["data"]] == ["a", "team"]
    shown = admin.request("GET", f"/admin/keys/{id_}")
    assert shown.json["requests_per_min"] == 1000
    for reply in (listed, shown):  # T-02: the secret is told once, the digest never
        assert secret not in reply.body.decode()
        assert "digest" not in reply.body.decode()
    changed = admin.request("PATCH", "/admin/keys/team", {"day_usd": 2.5, "requests_per_min": None})
    assert changed.json["day_usd"] == 2.5
    assert "requests_per_min" not in changed.json
    fresh = admin.request("POST", "/admin/keys/team/rotate").json["key"]
    assert admin.served.request("GET", "/v1/models", None, ask).status == 401
    ask = {"authorization": f"Bearer {fresh}"}
    assert admin.served.request("GET", "/v1/models", None, ask).status == 200
    assert admin.request("DELETE", f"/admin/keys/{id_}").json["state"] == "revoked"
    assert admin.served.request("GET", "/v1/models", None, ask).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/admin/keys", {}, 400),
        ("POST", "/admin/keys", {"name": "a"}, 400),  # taken
        ("POST", "/admin/keys", {"name": "x\u0000"}, 400),
        ("POST", "/admin/keys", {"name": "x", "day_usd": -1}, 400),
        ("POST", "/admin/keys", {"name": "x", "expires": 1e300}, 400),
        ("POST", "/admin/keys", {"name": "x", "expires": "soon"}, 400),
        ("POST", "/admin/keys", {"name": "x", "digest": "00"}, 400),
        ("PATCH", "/admin/keys/a", {}, 400),
        ("PATCH", "/admin/keys/a", {"id": "key_1"}, 400),
        ("PATCH", "/admin/keys/nobody", {"day_usd": 1}, 404),
        ("DELETE", "/admin/keys/nobody", None, 404),
        ("GET", "/admin/keys/%00%ff", None, 404),
        ("GET", "/admin/decisions?state=complete%00", None, 400),
        ("GET", "/admin/decisions?since=yesterday", None, 400),
        ("GET", "/admin/decisions?limit=0", None, 400),
        ("GET", "/admin/decisions?limit=1001", None, 400),
        ("GET", "/admin/decisions?model=a&model=b", None, 400),
        ("GET", "/admin/decisions?id=1", None, 400),
        ("GET", "/admin/decisions/nobody", None, 404),
        ("GET", "/admin/stats?until=1e99", None, 400),
        ("POST", "/admin/artefacts/promote", {"artefact": "/etc"}, 409),
        ("POST", "/admin/artefacts/promote", {"artefact": "../.."}, 409),
        ("POST", "/admin/artefacts/promote", {"artefact": "x\u0000"}, 400),
        ("POST", "/admin/artefacts/promote", {"artefact": "nothing-there"}, 409),
        ("POST", "/admin/artefacts/rollback", None, 409),
        ("POST", "/admin/reload", None, 409),  # this one has no file to read
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(gate, method, path, body, status):
    reply = gate()["admin"].request(method, path, body)
    assert reply.status == status, reply.body
    assert reply.json["error"]["message"]


def test_no_route_of_the_operators_is_open_without_an_operators_key(upstream, tmp_path):
    """T-02: not even on loopback, where there is no key at all."""
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as up:
        for spec in (spec for spec in TABLE if spec.access == "admin"):
            path = re.sub(r"\{[^}]*\}", "a", spec.path)
            for headers in ({}, BEARER, {"x-api-key": "rw-anything"}):
                assert up.request(spec.method, path, None, headers).status == 401, path


def test_decisions_and_spending_are_told_to_the_operator(gate):
    askers = gate({"a": {}, "b": {}})
    admin = askers["admin"]
    mine = askers["a"].chat("hello").json["routewright"]["decision_id"]
    askers["b"].chat("hard one")
    rows = within(10, lambda: len(found := _listed(admin, "state=complete")) == 2 and found)
    assert [row["model"] for row in rows] == ["strong", "cheap"]
    key_id = askers["a"].key.id
    assert [row["id"] for row in _listed(admin, f"key_id={key_id}&since=1h")] == [mine]
    told = admin.request("GET", f"/admin/decisions/{mine}").json
    assert {c["model"]: c["score"] for c in told["decision"]["candidates"]} == {
        "cheap": 0.8,
        "strong": 0.9,
    }
    assert [each["outcome"] for each in told["attempts"]] == ["ok"]
    stats = admin.request("GET", "/admin/stats").json
    assert stats["requests"] == 2
    assert stats["keys"][key_id]["name"] == "a"
    assert stats["models"]["cheap"]["states"] == {"complete": 1}
    assert stats["saved_of"] == 2
    page = admin.request("GET", "/admin/decisions?limit=1").json
    assert page["before"] == page["data"][0]["id"]
    assert _listed(admin, f"before={page['before']}")[0]["id"] == mine


def _listed(admin, query: str):
    return admin.request("GET", f"/admin/decisions?{query}").json["data"]
