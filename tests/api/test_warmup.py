"""Models made ready before anybody needs them: `POST /warmup/kick`, `GET /warmup/status`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.pipeline.warmup import Part, merged
from gateway.providers.engines import EngineState
from tests.api.running import RunningGateway
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.upstream import Upstream

NAMES = ["schema", "state", "phase", "progress", "elapsed_sec", "error"]
KEY = "sk-a-key-of-a-caller"


@pytest.fixture
def board(upstream: Upstream) -> FakeBoard:
    return FakeBoard(
        FakeEngine("chat", "chat", "demo-chat", upstream.url, elapsed=4.26),
        FakeEngine("ocr", "ocr", "rapidocr", upstream.url, elapsed=2.0),
    )


@pytest.fixture
def gateway(tmp_path: Path, board: FakeBoard, upstream: Upstream) -> Iterator[RunningGateway]:
    keys = [{"key": KEY, "name": "caller", "allowed_models": ["demo-chat", "gpt-x"]}]
    far = {"far": {"base_url": upstream.url, "models": ["gpt-x"]}}
    running = RunningGateway(tmp_path, board, keys=keys, providers=far)
    yield running
    running.stop()


def status(gateway: RunningGateway) -> dict[str, Any]:
    with gateway.http(key=None) as http:
        reply = http.get("/warmup/status")
    assert reply.status_code == 200
    document: dict[str, Any] = reply.json()
    assert list(document) == NAMES
    return document


def kicked(gateway: RunningGateway, body: Any = None, key: str | None = None, code: int = 202) -> dict[str, Any]:
    with gateway.http(**({"key": key} if key else {})) as http:
        reply = http.post("/warmup/kick", json=body) if body is not None else http.post("/warmup/kick")
    assert reply.status_code == code, reply.text
    document: dict[str, Any] = reply.json()
    return document


def test_the_status_has_exactly_these_members(gateway: RunningGateway) -> None:
    expected = ["chutes.warmup.status.v1", "ready", "ready", 1.0, 4.3, None]
    assert list(status(gateway).values()) == expected


def test_the_description_of_the_api_has_them_too(gateway: RunningGateway) -> None:
    with gateway.http(key=None) as http:
        paths = http.get("/openapi.json").json()["paths"]
        answered = http.request("GET", "/warmup/status/")
    assert {"get"} == paths["/warmup/status"].keys() and {"post"} == paths["/warmup/kick"].keys()
    assert answered.status_code in (200, 307)


def test_a_loading_engine_tells_its_phase_and_how_far_it_is(gateway: RunningGateway, board: FakeBoard) -> None:
    board.engines["chat"] = replace(
        board.engines["chat"], state=EngineState.LOADING, phase="downloading", percent=50.0, elapsed=12.0
    )
    found = status(gateway)
    assert (found["state"], found["phase"], found["elapsed_sec"]) == ("loading", "downloading", 12.0)
    assert found["progress"] == pytest.approx((0.25 + 1) / 2)


def test_a_kick_starts_what_is_stopped_and_what_has_failed(gateway: RunningGateway, board: FakeBoard) -> None:
    board.become("chat", EngineState.FAILED, "CUDA out of memory")
    board.become("ocr", EngineState.STOPPED)
    before = status(gateway)
    assert (before["state"], before["phase"], before["progress"]) == ("failed", "failed", 0.0)
    assert before["error"] == "chat: CUDA out of memory"
    told = kicked(gateway)
    assert list(told) == NAMES
    assert (told["state"], told["error"]) == ("loading", None)
    assert board.engines["chat"].state == EngineState.LOADING
    assert board.engines["ocr"].state == EngineState.READY


def test_stopped_engines_alone_are_idle_and_one_failure_of_two_is_degraded(
    gateway: RunningGateway, board: FakeBoard
) -> None:
    board.become("ocr", EngineState.FAILED, "no such file")
    assert (status(gateway)["state"], status(gateway)["progress"]) == ("degraded", 0.5)
    board.become("ocr", EngineState.STOPPED)
    assert (status(gateway)["state"], status(gateway)["progress"]) == ("ready", 1.0)
    board.become("chat", EngineState.STOPPED)
    assert (status(gateway)["state"], status(gateway)["progress"]) == ("idle", 0.0)


def test_only_the_named_model_is_started(gateway: RunningGateway, board: FakeBoard) -> None:
    for name in ("chat", "ocr"):
        board.become(name, EngineState.STOPPED)
    kicked(gateway, {"model": "demo-chat"})
    assert [engine.state for engine in board.statuses()] == [EngineState.READY, EngineState.STOPPED]
    assert kicked(gateway, {"model": "gpt-x"})["state"] == "ready", "nothing has to be started for it"


def test_a_kick_needs_a_key_and_goes_no_further_than_it(gateway: RunningGateway, board: FakeBoard) -> None:
    for name in ("chat", "ocr"):
        board.become(name, EngineState.STOPPED)
    assert kicked(gateway, key="sk-wrong", code=401)["error"]["code"] == "invalid_api_key"
    assert status(gateway)["state"] == "idle"
    assert kicked(gateway, {"model": "rapidocr"}, KEY, 403)["error"]["code"] == "model_not_allowed"
    kicked(gateway, key=KEY)
    assert [engine.state for engine in board.statuses()] == [EngineState.READY, EngineState.STOPPED]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": "demo-chatt"}, 404, "model"),
        ({"model": 7}, 400, "model"),
        ({"chutes": "perhaps"}, 400, "chutes"),
        ({"engine": "chat"}, 400, "engine"),
        ([], 400, None),
    ],
)
def test_a_wrong_kick_is_refused_by_name(gateway: RunningGateway, body: Any, code: int, param: str | None) -> None:
    assert kicked(gateway, body, code=code)["error"]["param"] == param


@pytest.mark.parametrize("stream", [True, False, None, "yes"])
def test_stream_is_of_no_effect(gateway: RunningGateway, stream: Any) -> None:
    assert kicked(gateway, {"stream": stream})["state"] == "ready"


def test_where_nothing_has_to_be_loaded_all_is_ready() -> None:
    assert merged([])["state"] == "ready"
    assert merged([])["progress"] == 1.0


def test_the_farthest_back_gives_the_phase_and_the_slowest_the_time() -> None:
    parts = [
        Part("loading", "warming", 0.9, 30.0),
        Part("loading", "downloading", 0.1, 5.0),
        Part("ready", "ready", 1, 99),
    ]
    found = merged(parts)
    assert (found["phase"], found["elapsed_sec"], found["progress"]) == ("downloading", 30.0, 0.667)


def test_errors_of_all_that_failed_are_told_within_bounds() -> None:
    found = merged([Part("failed", "failed", 0.0, 1.0, f"e{n}: " + "x" * 100) for n in range(9)])
    assert found["error"].startswith("e0: xx") and "; e1: " in found["error"]
    assert len(found["error"]) <= 500
