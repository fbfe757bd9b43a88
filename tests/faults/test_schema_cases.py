"""Cases made from our own OpenAPI document: no server error, no hang, answers as it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Upstream

# The scripted upstream makes no embeddings, and there is no database for feedback.
PATHS = {
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/route",
    "/v1/models",
    "/v1/models/{name}",
    "/v1/feedback",
    "/healthz",
    "/readyz",
    "/openapi.json",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Upstream() as upstream:
        settings_ = scripted_settings(upstream.url, tmp_path_factory.mktemp("schema"))
        with served(Gateway(settings_, router=ByWord())) as up:
            yield up


def try_cases(running: Served, most: int) -> int:
    """Send so many cases over all paths together; the number sent."""
    document = running.request("GET", "/openapi.json").json
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [each for each in operations if each.path in PATHS]
    assert len(operations) == len(PATHS)
    sent = 0
    for operation in operations:
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.body:
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
        count = most // len(operations)

        @given(cases)
        @settings(
            max_examples=count,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        def each(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            answer = case.call(base_url=running.url, timeout=10)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)
            if "event-stream" not in answer.headers.get("content-type", [""])[0]:
                case.operation.validate_response(answer)

        each()
    return sent


def test_no_case_of_our_own_document_is_a_server_error(running):
    assert try_cases(running, 330) > 100


@pytest.mark.nightly
def test_no_case_of_twenty_thousand_is_a_server_error(running, figures):
    figures("I-schema", cases=try_cases(running, 22_000), server_errors=0, hangs=0)
