"""Rows as the gateway would write them."""

from __future__ import annotations

import time

import msgspec

from routewright.state.rows import DecisionRow, FeedbackRow, OutcomeRow


def decision(id_: str, seq: int = 1, *, boot: str = "boot", key_id: str = "", **more: object):
    told = {
        "id": id_,
        "at": time.time(),
        "boot": boot,
        "seq": seq,
        "key_id": key_id,
        "requested": "auto",
        "streamed": False,
        "model": "cheap",
        "artefact": "",
        "policy": "utility",
        "probability": 1.0,
        "degraded": "",
        "decision": msgspec.Raw(b'{"candidates":[]}'),
        **more,
    }
    return DecisionRow(**told)  # pyright: ignore[reportArgumentType]


def outcome(id_: str, **more: object) -> OutcomeRow:
    told = {"at": time.time(), "state": "complete", "model": "cheap", **more}
    return OutcomeRow(decision_id=id_, **told)  # pyright: ignore[reportArgumentType]


def feedback(id_: str, decision_id: str, **more: object) -> FeedbackRow:
    told = {"key_id": "", "idempotency_key": "", "digest": "", **more}
    return FeedbackRow(id=id_, at=time.time(), decision_id=decision_id, **told)  # pyright: ignore[reportArgumentType]
