"""What an operator asks of the store, on SQLite and PostgreSQL."""

from __future__ import annotations

import time

import msgspec
import pytest

from routewright.serve.ids import Ids
from routewright.state.history import Filter, History, moment
from routewright.state.store import Store
from tests.fakes.rows import decision, feedback, outcome

NOW = time.time()
CANDIDATES = msgspec.Raw(
    b'{"id":"x","model":"cheap","reason":"","worth_usd":0,"probability":1,"candidates":['
    b'{"model":"cheap","score":0.7,"cost_usd":0.001},'
    b'{"model":"strong","score":0.9,"cost_usd":0.010},'
    b'{"model":"barred","score":1.0,"cost_usd":9.0,"excluded":"rule 1"}]}'
)


@pytest.fixture
def history(store: Store) -> History:
    store.write(
        [
            decision("A", 1, at=NOW - 50, key_id="k1", decision=CANDIDATES),
            outcome("A", cost_usd=0.002, input_tokens=10, output_tokens=5),
            decision("B", 2, at=NOW - 40, key_id="k2", decision=CANDIDATES),
            outcome("B", state="failed", attempts=msgspec.Raw(b'[{"model":"cheap"}]')),
            decision("C", 3, at=NOW - 30, artefact="r@1"),
            outcome("C", model="strong", cost_usd=0.5),
            decision("D", 4, at=NOW - 20),
            decision("E", 5, at=NOW - 200_000),
            outcome("E", cost_usd=7.0),
            feedback("f1", "A", score=1.0, comment="good"),
        ]
    )
    return History(store)


def ids(history: History, **asked) -> str:
    return "".join(row["id"] for row in history.decisions(Filter(**asked)))


def test_decisions_are_found_by_all_that_is_asked_together(history):
    assert ids(history) == "EDCBA"
    assert ids(history, since=NOW - 100) == "DCBA"
    assert ids(history, until=NOW - 100) == "E"
    assert ids(history, model="strong") == "C"
    assert ids(history, state="failed") == "B"
    assert ids(history, state="open") == "D"
    assert ids(history, key_id="k1", state="complete") == "A"
    assert ids(history, key_id="k1", state="failed") == ""
    assert ids(history, artefact="r@1") == "C"
    assert ids(history, before="C") == "BA"
    assert [row["id"] for row in history.decisions(Filter(), 2)] == ["E", "D"]


def test_one_decision_is_told_with_candidates_attempts_outcome_and_feedback(history):
    told = history.decision("A")
    assert [c["model"] for c in told["decision"]["candidates"]] == ["cheap", "strong", "barred"]
    assert told["decision"]["candidates"][2]["excluded"] == "rule 1"
    assert (told["state"], told["cost_usd"]) == ("complete", 0.002)
    assert [(said["score"], said["comment"]) for said in told["feedback"]] == [(1.0, "good")]
    assert history.decision("B")["attempts"] == [{"model": "cheap"}]
    assert history.decision("nobody") is None


def test_dollars_and_states_are_counted_by_model_and_key_over_a_time(history):
    told = history.stats()
    assert told["requests"] == 4
    assert told["states"] == {"complete": 2, "failed": 1, "open": 1}
    assert told["cost_usd"] == pytest.approx(0.502)
    assert told["models"]["cheap"]["requests"] == 3
    assert told["models"]["strong"]["cost_usd"] == pytest.approx(0.5)
    assert told["keys"]["k1"]["input_tokens"] == 10
    # Only A was routed and has a cost: the best candidate that was allowed would have cost 0.01.
    assert told["saved_of"] == 1
    assert told["saved_usd"] == pytest.approx(0.008)
    assert told["keys"]["k1"]["saved_usd"] == pytest.approx(0.008)
    assert history.stats(since=0.0)["cost_usd"] == pytest.approx(7.502)
    assert history.stats(since=0.0, until=NOW - 100)["requests"] == 1


def test_an_export_goes_over_pages_without_losing_or_doubling_a_row(history, monkeypatch):
    monkeypatch.setattr("routewright.state.history._PAGE", 2)
    assert [row["id"] for row in history.export(Filter())] == list("EDCBA")
    assert [row["id"] for row in history.export(Filter(state="complete"))] == list("ECA")


def test_no_id_that_is_given_from_a_moment_on_lies_before_its_bound(store):
    """The bound spares reading the whole table; it must not hide a decision."""
    began = time.time()
    given = [Ids().new() for _ in range(50)]
    store.write([decision(id_, n, at=time.time()) for n, id_ in enumerate(given)])
    found = History(store).decisions(Filter(since=began))
    assert sorted(row["id"] for row in found) == sorted(given)
    assert list(History(store).decisions(Filter(since=time.time() + 1))) == []


def test_a_moment_is_a_span_a_date_or_seconds():
    assert moment("2h") == pytest.approx(time.time() - 7200, abs=5)
    assert moment("1970-01-02") == 86400.0
    assert moment("1970-01-02T00:00:00+01:00") == 82800.0
    assert moment("12.5") == 12.5
    for text in ("", "nan", "inf", "-1", "1e99", "soon", "٣d", "9999999d9"):
        with pytest.raises(ValueError, match="write 30m"):
            moment(text)
