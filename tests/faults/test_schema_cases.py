"""Cases made from our own OpenAPI document: no server error, no hang, answers as it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Upstream

# All but the operator's metrics, which are no JSON.
PATHS = {
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/v1/route",
    "/v1/models",
    "/v1/models/{name}",
    "/v1/feedback",
    "/healthz",
    "/readyz",
    "/openapi.json",
}
MODELS = ("auto", "cheap", "auto:best")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Upstream() as upstream:
        settings_ = scripted_settings(upstream.url, tmp_path_factory.mktemp("schema"))
        with served(Gateway(settings_, router=ByWord())) as up:
            yield up


class Cases:
    """Makes cases for all paths together, sends each in one or two ways, and counts."""

    def __init__(self, running: Served) -> None:
        self.made = self.sent = 0
        self.statuses: Counter[int] = Counter()
        self._running = running
        self._session = requests.Session()
        document = running.request("GET", "/openapi.json").json
        schema = schemathesis.openapi.from_dict(document)
        found = [each.ok() for each in schema.get_all_operations()]
        self._operations = [each for each in found if each.path in PATHS]
        assert len(self._operations) == len(PATHS)

    def make(self, least: int) -> None:
        """Make so many and a sixth more, since some are made twice; a hang is an error."""
        with_body = [each for each in self._operations if each.body]
        for operation in self._operations:
            # Without a body there is next to nothing to vary.
            self._try(operation, least * 7 // 6 // len(with_body) if operation.body else 10)

    def _try(self, operation: Any, most: int) -> None:
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.body:
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

        @given(cases)
        @settings(
            max_examples=most,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        def each(case: schemathesis.Case) -> None:
            self.made += 1
            self._send(case)
            # The document cannot name our models, and no other text leads beyond the door.
            if isinstance(case.body, dict) and "model" in case.body:
                case.body = {**case.body, "model": MODELS[self.made % len(MODELS)]}
                self._send(case)

        each()

    def _send(self, case: schemathesis.Case) -> None:
        answer = case.call(base_url=self._running.url, session=self._session, timeout=10)
        self.sent += 1
        self.statuses[answer.status_code] += 1
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        if "event-stream" not in answer.headers.get("content-type", [""])[0]:
            case.operation.validate_response(answer)


@pytest.mark.timeout(600)  # making a case takes more than answering it
def test_no_case_of_our_own_document_is_a_server_error(running):
    """I-schema: a case is answered in 10 s, never with a 5xx, and as the document says."""
    cases = Cases(running)
    cases.make(850)
    assert cases.sent >= 1_500
    assert cases.statuses[200] >= cases.sent / 10  # not all fail at the door


@pytest.mark.nightly
def test_no_case_of_twenty_thousand_is_a_server_error(running, figures):
    """I-schema: twenty thousand of them."""
    cases = Cases(running)
    cases.make(20_000)
    figures("I-schema", cases=cases.made, requests=cases.sent, answered_200=cases.statuses[200],
            server_errors=0, hangs=0)  # fmt: skip
    assert cases.made >= 20_000
