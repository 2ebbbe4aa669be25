"""Cold chutes: a warm one answers while they start; without one the caller waits, or is told how long it takes."""

import time
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.chutes_provider.conftest import R1, V3, Start, chat
from tests.platform.process import PlatformProcess

MODELS = {
    "best": {
        "targets": [
            {"provider": "chutes", "model": R1, "priority": 0},
            {"provider": "chutes", "model": V3, "priority": 1},
        ]
    },
    "only": {"provider": "chutes", "model": R1},
}


def hot_again(gateway: RunningGateway, model: str) -> httpx.Response:
    """The first reply without news of a cold target."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        reply: httpx.Response = chat(gateway, model)
        if "x-gateway-cold-eta" not in reply.headers:
            return reply
        time.sleep(0.1)
    raise AssertionError("it never got hot")


def test_a_warm_one_answers_while_the_cold_one_starts(start: Start, platform: PlatformProcess) -> None:
    platform.set_chute(R1, hot=False, cold_start=0.5)
    gateway = start(models=MODELS)
    reply = chat(gateway, "best")
    assert reply.json()["model"] == V3
    assert reply.headers["x-gateway-attempts"] == f"chutes/{V3}=200", "the cold one is not even asked"
    assert int(reply.headers["x-gateway-cold-eta"]) >= 5
    again = hot_again(gateway, "best")
    assert again.json()["model"] == R1


def test_what_turns_out_to_be_cold_is_started_too(start: Start, platform: PlatformProcess) -> None:
    gateway = start(models=MODELS)
    platform.set_chute(R1, hot=False, cold_start=0.5)
    reply = chat(gateway, "best")
    assert reply.headers["x-gateway-attempts"] == f"chutes/{R1}=upstream_cold, chutes/{V3}=200"
    assert int(reply.headers["x-gateway-cold-eta"]) >= 5
    assert hot_again(gateway, "best").json()["model"] == R1


def test_without_anything_warm_the_caller_waits(start: Start, platform: PlatformProcess) -> None:
    gateway = start(models=MODELS, engine_wait=30)
    platform.set_chute(R1, hot=False, cold_start=0.5)
    reply = chat(gateway, "only")
    assert reply.json()["choices"][0]["message"]["content"] == "You said: hello"
    assert reply.headers["x-gateway-attempts"] == f"chutes/{R1}=upstream_cold, chutes/{R1}=200"


def test_a_stream_shows_signs_of_life_while_it_waits(start: Start, platform: PlatformProcess) -> None:
    gateway = start(models=MODELS, engine_wait=30)
    platform.set_chute(R1, hot=False, cold_start=0.5)
    reply = chat(gateway, "only", stream=True)
    assert reply.headers["x-gateway-cold-eta"]
    assert reply.text.startswith(f": {R1} is cold")
    assert '"finish_reason":"stop"' in reply.text.replace(" ", "")
    assert reply.text.rstrip().endswith("[DONE]")


def test_when_it_takes_too_long_the_caller_is_told_how_long(start: Start, platform: PlatformProcess) -> None:
    gateway = start(models=MODELS, engine_wait=0.2)
    platform.set_chute(R1, hot=False)
    reply = chat(gateway, "only")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_cold")
    assert "is cold" in reply.json()["error"]["message"]
    assert int(reply.headers["retry-after"]) >= 5
    assert int(reply.headers["x-gateway-cold-eta"]) >= 5
    streamed = chat(gateway, "only", stream=True)
    assert "upstream_cold" in streamed.text
    assert "[DONE]" not in streamed.text


def test_the_deadline_of_the_request_bounds_the_wait(start: Start, platform: PlatformProcess) -> None:
    gateway = start(models=MODELS, engine_wait=600, request_timeout=4)
    platform.set_chute(R1, hot=False)
    reply = chat(gateway, "only")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_cold")


def test_a_warm_up_that_is_refused_delays_nobody(start: Start, platform: PlatformProcess) -> None:
    platform.set_chute(R1, hot=False, cold_start=0.1)
    gateway = start(models=MODELS, engine_wait=600)
    platform.fault("GET /chutes/warmup/*=401:no")
    reply = chat(gateway, "only")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_cold")
    assert chat(gateway, "best").json()["model"] == V3


def test_signals_can_be_switched_off(start: Start, platform: PlatformProcess) -> None:
    platform.set_chute(R1, hot=False, cold_start=0.1)
    gateway = start(models=MODELS, chutes_signals=False, wait=False)
    reply = chat(gateway, "best")
    assert reply.headers["x-gateway-attempts"] == f"chutes/{R1}=upstream_cold, chutes/{V3}=200"
    assert "x-gateway-cold-eta" not in reply.headers


def status(gateway: RunningGateway) -> dict[str, Any]:
    with gateway.http(key=None) as http:
        found: dict[str, Any] = http.get("/warmup/status").json()
    return found


def kick(gateway: RunningGateway, **wish: Any) -> dict[str, Any]:
    with gateway.http() as http:
        reply = http.post("/warmup/kick", json=wish)
    assert reply.status_code == 202
    found: dict[str, Any] = reply.json()
    return found


def ended(gateway: RunningGateway) -> dict[str, Any]:
    until = time.monotonic() + 30
    while (found := status(gateway))["state"] == "loading":
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("wish", [{"model": "only"}, {"model": f"chutes/{R1}"}, {"chutes": True}])
def test_a_kick_starts_cold_chutes(start: Start, platform: PlatformProcess, wish: dict[str, Any]) -> None:
    platform.set_chute(R1, hot=False, cold_start=0.5)
    gateway = start(models=MODELS)
    assert kick(gateway)["state"] == "ready", "of chutes nothing was said"
    told = kick(gateway, **wish)
    assert (told["state"], told["phase"]) == ("loading", "starting")
    assert ended(gateway)["state"] == "ready"
    assert status(gateway)["elapsed_sec"] > 0
    assert chat(gateway, "only").headers["x-gateway-attempts"] == f"chutes/{R1}=200"


def test_a_chute_that_cannot_be_started_is_told_without_its_name(start: Start, platform: PlatformProcess) -> None:
    platform.set_chute(R1, hot=False)
    gateway = start(models=MODELS)
    platform.fault("GET /chutes/warmup/*=401:no")
    kick(gateway, model="only")
    found = ended(gateway)
    assert (found["state"], found["progress"]) == ("failed", 0.0)
    assert found["error"].startswith("a chute could not be started: ")
    assert R1 not in found["error"]
    platform.clear_faults()
    platform.set_chute(R1, cold_start=0.1)
    kick(gateway, model="only")
    assert ended(gateway)["state"] == "ready"


def test_models_that_only_the_catalog_lists_are_not_started_with_the_configured_ones(
    start: Start, platform: PlatformProcess
) -> None:
    """There are hundreds of them; by its name each can be started."""
    platform.set_chute(V3, hot=False, cold_start=0.1)
    gateway = start(models={"only": {"provider": "chutes", "model": R1}}, catalog={"refresh": "on"})
    until = time.monotonic() + 30
    with gateway.http() as http:
        while V3 not in {model["id"] for model in http.get("/v1/models").json()["data"]}:
            assert time.monotonic() < until
            time.sleep(0.1)
    kick(gateway, chutes=True)
    assert ended(gateway)["state"] == "ready"
    assert [model for _, model in gateway.app.state.warmer.wishes] == [R1]  # type: ignore[union-attr]
    kick(gateway, model=V3)
    assert {model for _, model in gateway.app.state.warmer.wishes} == {R1, V3}  # type: ignore[union-attr]
