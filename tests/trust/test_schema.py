"""Requests made from our own OpenAPI: no answer is a 5xx, and each is what the document promises."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

EXAMPLES = 6
"""For each operation."""
LEFT_OUT = ("/api/admin/events", "/api/models")
"""A stream without an end, and what is passed on to Chutes, which nobody reaches from here."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[RunningGateway]:
    main = {"base_url": f"{upstream_server.url}/v1", "api_key": "sk-up-0123456789", "models": ["gpt-x"]}
    running = RunningGateway(tmp_path_factory.mktemp("schema"), providers={"main": main})
    yield running
    running.stop()


def test_every_route_keeps_to_the_openapi_document(gateway: RunningGateway) -> None:
    document = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")
    headers = {"authorization": f"Bearer {MASTER}"}
    tried = 0
    for result in document.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path.startswith(LEFT_OUT) or not operation.path.startswith(("/api/", "/v1/", "/health")):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Case[Any]) -> None:
            nonlocal tried
            tried += 1
            answer = case.call(headers=headers, timeout=120)
            assert answer.status_code < 500, (case.method, case.path, case.body, answer.text)
            case.validate_response(answer, checks=[content_type_conformance, response_schema_conformance])

        ask()
    assert tried > 200
    print(f"{tried} requests made from the OpenAPI document: no 5xx, every answer as it says")
