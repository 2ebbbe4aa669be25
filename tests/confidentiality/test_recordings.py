"""Long recordings under a rule: spread over all that may hear them, and over nobody else."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.jobs import ASYNC, ended
from tests.api.running import RunningGateway
from tests.fakes.hearing import speech
from tests.fakes.upstream import Upstream

WORDS = [f"w{n}" for n in range(1, 31)]
SPOKEN = speech(WORDS, pause=0.4)
"""Twenty seconds and more."""


TARGETS = [{"provider": "bad", "model": "whisper-1"}, {"provider": "good", "model": "whisper-1"}]
RULES = [
    ({"tee": True}, {"tee": "required"}, {}),
    ({"tee": True}, {}, {"x-gateway-tee": "required"}),
    ({"data": "local"}, {"data": "local-only"}, {}),
    ({"data": "local"}, {}, {"x-gateway-data": "local-only"}),
]
"""What the good provider is declared as, what the model demands, and what the caller."""


def running(folder: Path, good: Upstream, bad: Upstream, declared: dict[str, Any], **model: Any) -> RunningGateway:
    return RunningGateway(
        folder,
        audio={"split_seconds": 5, "parallel": 4},
        providers={
            "good": {"base_url": good.url, "max_retries": 0, **declared},
            "bad": {"base_url": bad.url, "max_retries": 0},
        },
        models={"spoken": {"type": "transcription", "targets": TARGETS, **model}},
    )


@pytest.mark.parametrize(("declared", "model", "headers"), RULES)
@pytest.mark.parametrize("fault", ["", "500"])
def test_no_piece_of_a_recording_goes_where_it_may_not(
    tmp_path: Path,
    upstream: Upstream,
    forbidden: Upstream,
    fault: str,
    declared: dict[str, Any],
    model: dict[str, Any],
    headers: dict[str, str],
) -> None:
    upstream.hears = True
    upstream.faults["*"] = fault
    gateway = running(tmp_path, upstream, forbidden, declared, **model)
    with gateway.http() as http:
        for stream in ("false", "true"):
            form = {"model": "spoken", "stream": stream}
            files = {"file": ("a.wav", SPOKEN)}
            reply = http.post("/v1/audio/transcriptions", data=form, files=files, headers=headers)
            assert ("upstream_server_error" in reply.text) if fault else (reply.status_code == 200)
    gateway.stop()
    assert len(upstream.requests) >= (2 if fault else 6), "in pieces"


@pytest.mark.parametrize(("declared", "model", "headers"), RULES)
def test_nor_does_one_of_a_recording_that_became_a_job(
    tmp_path: Path,
    upstream: Upstream,
    forbidden: Upstream,
    declared: dict[str, Any],
    model: dict[str, Any],
    headers: dict[str, str],
) -> None:
    upstream.hears = True
    gateway = running(tmp_path, upstream, forbidden, declared, **model)
    with gateway.http() as http:
        data, files = {"model": "spoken"}, {"file": ("a.wav", SPOKEN)}
        reply = http.post("/v1/audio/transcriptions", data=data, files=files, headers=ASYNC | headers)
        assert reply.status_code == 202, reply.text
        assert ended(http, reply.json()["id"])["status"] == "succeeded"
        result = http.get(reply.json()["result_url"])
    gateway.stop()
    assert result.json()["text"].split() == WORDS and len(upstream.requests) >= 4
    assert result.headers["x-gateway-confidentiality"] in ("tee", "local-only")
