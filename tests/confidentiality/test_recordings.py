"""Long recordings under a rule: spread over all that may hear them, and over nobody else."""

from pathlib import Path

import pytest

from tests.api.running import RunningGateway
from tests.fakes.hearing import speech
from tests.fakes.upstream import Upstream

SPOKEN = speech([f"w{n}" for n in range(1, 31)], pause=0.4)
"""Twenty seconds and more."""


@pytest.mark.parametrize("fault", ["", "500"])
def test_no_piece_of_a_recording_goes_where_it_may_not(
    tmp_path: Path, upstream: Upstream, forbidden: Upstream, fault: str
) -> None:
    upstream.hears = True
    upstream.faults["*"] = fault
    targets = [{"provider": "good", "model": "whisper-1"}, {"provider": "bad", "model": "whisper-1"}]
    running = RunningGateway(
        tmp_path,
        audio={"split_seconds": 5, "parallel": 4},
        providers={
            "good": {"base_url": upstream.url, "data": "local", "max_retries": 0},
            "bad": {"base_url": forbidden.url, "max_retries": 0},
        },
        models={"spoken": {"type": "transcription", "targets": targets, "data": "local-only"}},
    )
    with running.http() as http:
        for stream in ("false", "true"):
            form = {"model": "spoken", "stream": stream}
            reply = http.post("/v1/audio/transcriptions", data=form, files={"file": ("a.wav", SPOKEN)})
            assert ("upstream_server_error" in reply.text) if fault else (reply.status_code == 200)
    running.stop()
    assert len(upstream.requests) >= (2 if fault else 6), "in pieces"
