"""A000-04: one provider may be debugged while the others are quiet."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream


@pytest.fixture(params=[{"debug": True}, {"log_level": "debug"}])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    known: dict[str, Any] = {"base_url": upstream.url, "max_retries": 0}
    running = RunningGateway(
        tmp_path,
        providers={"loud": {**known, **request.param}, "quiet": known},
        models={"safe": {"provider": "quiet", "model": "gpt-x", "fallbacks": [{"provider": "loud", "model": "gpt-x"}]}},
    )
    yield running
    running.stop()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Of this test's request, and not what another gateway still has to tell of another's."""
    lines = [record.getMessage() for record in caplog.records if record.name == "gateway.request"]
    return [line for line in lines if line.startswith(("tried ", "POST "))]


def test_each_try_at_it_has_a_line(
    gateway: RunningGateway, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.request")
    upstream.script += ["500", ""]
    with gateway.client() as client:
        client.chat.completions.create(model="safe", messages=[{"role": "user", "content": "Hi"}])
    gateway.stop()
    assert told(caplog) == ["tried loud/gpt-x=200", "POST /v1/chat/completions 200"]


@pytest.mark.parametrize(("name", "words"), [("loud", "bad temperature"), ("quiet", None)])
def test_its_own_words_are_told(
    gateway: RunningGateway, upstream: Upstream, caplog: pytest.LogCaptureFixture, name: str, words: str | None
) -> None:
    caplog.set_level(logging.INFO, "gateway.request")
    upstream.script.append("400")
    with gateway.http() as http:
        http.post("/v1/chat/completions", json={"model": f"{name}/gpt-x", "messages": []})
    gateway.stop()
    (line,) = [record for record in caplog.records if record.getMessage().startswith("POST")]
    assert vars(line)["upstream"] == words
