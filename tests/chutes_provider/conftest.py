"""One emulated platform for all tests of this folder, and gateways whose provider `chutes` is at it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.running import RunningGateway
from tests.platform.process import KEY, PlatformProcess

R1, V3 = "deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3-0324"
USUAL = {
    "hot": True,
    "instances": 2,
    "utilization": 0.3,
    "rate_limited": 0.0,
    "ttft": 0.4,
    "tps": 60.0,
    "maintenance": False,
    "cold_start": None,
}
"""The figures of a stand-in as it begins."""

Start = Callable[..., RunningGateway]


@pytest.fixture(scope="session")
def platform_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path_factory.mktemp("chutes-platform"))
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(platform_server: PlatformProcess) -> PlatformProcess:
    platform_server.reset()
    for name in (R1, V3):
        platform_server.set_chute(name, **USUAL)
    return platform_server


@pytest.fixture
def start(platform: PlatformProcess, tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway with the account's key; returns when it has heard of the account."""
    running: list[RunningGateway] = []

    def begin(*, wait: bool = True, **settings: Any) -> RunningGateway:
        values: dict[str, Any] = {
            "chutes_api_key": KEY,
            "chutes_api_url": platform.api,
            "chutes_base_url": platform.llm,
            "chutes_max_retries": 0,
            "catalog": {"refresh": "off"},
            **settings,
        }
        gateway = RunningGateway(tmp_path / str(len(running)), **values)
        running.append(gateway)
        if wait:
            heard(gateway)
        return gateway

    yield begin
    for gateway in running:
        gateway.stop()


def overview(gateway: RunningGateway) -> Any:
    with gateway.http() as http:
        return http.get("/api/admin/overview").raise_for_status().json()["chutes"]


def heard(gateway: RunningGateway) -> Any:
    """What the overview says as soon as the account was asked for."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if (found := overview(gateway)) and found["checked_at"]:
            return found
        time.sleep(0.05)
    raise AssertionError("the account was never asked for")


def chat(gateway: RunningGateway, model: str, **more: Any) -> Any:
    with gateway.http() as http:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
        return http.post("/v1/chat/completions", json=body)
