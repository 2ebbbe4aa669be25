"""A gateway whose callers hand work over, and what the tests of jobs ask of it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

ASYNC = {"prefer": "respond-async"}
ANNA, BERT = "sk-anna-0123456789abcdef", "sk-bert-0123456789abcdef"
CHAT = "/v1/chat/completions"


def running(folder: Path, upstream: Upstream, **settings: Any) -> RunningGateway:
    keys = settings.pop("keys", [{"name": "anna", "key": ANNA}, {"name": "bert", "key": BERT}])
    main = {"base_url": upstream.url, "max_retries": 0, "models": [
        "gpt-x",
        {"id": "tts-1", "type": "speech"},
        {"id": "whisper-1", "type": "transcription"},
    ]}  # fmt: skip
    return RunningGateway(folder, providers={"main": main}, keys=keys, prices={"main/gpt-x": {"per_request": 0.01}},
                          **settings)  # fmt: skip


def chat(model: str = "gpt-x", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}


def hand_over(http: httpx.Client, path: str = CHAT, body: Mapping[str, Any] | None = None, **more: str) -> Any:
    """The job that a request becomes; what stands in `more` are headers."""
    reply = http.post(path, json=body or chat(), headers=ASYNC | more)
    assert reply.status_code == 202, reply.text
    return reply.json()


def ended(http: httpx.Client, id: str, seconds: float = 60) -> Any:
    """The job when it has ended."""
    found: list[Any] = [None]

    def has_ended() -> bool:
        found[0] = http.get(f"/v1/jobs/{id}").json()
        return bool(found[0]["status"] != "running")

    eventually(has_ended, seconds)
    return found[0]


def stopped(http: httpx.Client, job: Any) -> Any:
    """The job when it has ended; whoever cancels it is answered after three seconds, come what may."""
    return job if job["status"] != "running" else ended(http, job["id"])


def rows(http: httpx.Client) -> list[Any]:
    """Usage, newest first. `http` has the master key."""
    data: list[Any] = http.get("/api/admin/requests").json()["data"]
    return data


def eventually(true: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.02)
