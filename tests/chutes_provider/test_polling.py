"""What is asked of the platform, how often, and what the overview and explanations make of it."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.background.caps import read_caps, read_quota, read_quotas
from tests.api.running import RunningGateway
from tests.chutes_provider.conftest import R1, V3, Start, chat, heard, overview
from tests.platform.process import PlatformProcess

FAST = {"fast": {"policy": "lowest-latency", "targets": [{"provider": "chutes", "model": m} for m in (R1, V3)]}}
CHEAP = {
    "cheap": {
        "policy": "cheapest-now",
        "targets": [
            {"provider": "chutes", "model": R1, "price": 0.1},
            {"provider": "second", "model": V3, "price": 0.2},
        ],
    },
}


def explained(gateway: RunningGateway, model: str) -> list[dict[str, Any]]:
    with gateway.http() as http:
        found: list[dict[str, Any]] = http.post("/v1/route/explain", json={"model": model}).json()["candidates"]
        return found


def test_the_overview_shows_the_account(start: Start, platform: PlatformProcess) -> None:
    platform.set_account(balance=12.5, four_hour_usage=1.5, monthly_usage=57.0, used={"*": 7}, quotas={"*": 100})
    found = heard(start())
    assert (found["reachable"], found["key_ok"], found["error"]) == (True, True, "")
    assert found["balances"] == {"chutes": 12.5}
    rows = {row["name"]: row for row in found["windows"]}
    assert (rows["4-hour cap"]["used"], rows["4-hour cap"]["cap"]) == (1.5, 3.0)
    assert rows["monthly cap"]["nearly_used"] is True
    assert rows["4-hour cap"]["nearly_used"] is False
    assert 3 * 3600 < rows["4-hour cap"]["resets_at"] - found["checked_at"] < 5 * 3600
    assert rows["4-hour cap"]["forecast"] == {"per_hour": None, "runs_out_at": None}
    assert (rows["daily requests"]["used"], rows["daily requests"]["cap"]) == (7, 100)


def test_a_refused_key_is_told_apart_from_a_platform_that_is_down(start: Start, platform: PlatformProcess) -> None:
    platform.fault("GET /users/me=401:Invalid API key")
    refused = heard(start())
    assert (refused["reachable"], refused["key_ok"]) == (True, False)
    platform.clear_faults()
    platform.fault("GET /users/me=500:down")
    down = heard(start())
    assert (down["reachable"], down["key_ok"]) == (False, None)
    assert down["error"]


def test_without_a_provider_at_chutes_nobody_is_asked(start: Start) -> None:
    gateway = start(wait=False, chutes_api_key=None, providers={"other": {"base_url": "http://127.0.0.1:9"}})
    assert overview(gateway) is None


def test_latency_goes_by_what_chutes_measured(start: Start, platform: PlatformProcess) -> None:
    platform.set_chute(R1, ttft=3.0)
    platform.set_chute(V3, ttft=0.2, utilization=0.5)
    gateway = start(models=FAST)
    candidates = explained(gateway, "fast")
    assert {one["model"] for one in candidates} == {R1, V3}
    first = next(one for one in candidates if one["model"] == V3)
    assert first["signals"][:3] == ["hot", "2 instances", "50% busy"]
    assert "for all callers 0.20 s, 60 tok/s" in first["signals"]
    assert first["reason"].startswith("ready (hot; 2 instances; 50% busy")
    firsts = [chat(gateway, "fast").json()["model"] for _ in range(4)]
    assert V3 in firsts


def test_explain_says_what_is_cold(start: Start, platform: PlatformProcess) -> None:
    platform.set_chute(R1, hot=False)
    candidates = explained(start(models=FAST), "fast")
    assert [one["model"] for one in candidates] == [V3, R1]
    assert candidates[1]["reason"].startswith("cold: behind what is warm (cold, about")


def test_another_account_is_asked_while_a_cap_is_nearly_used(start: Start, platform: PlatformProcess) -> None:
    platform.set_account(monthly_usage=59.0)
    gateway = start(
        models=CHEAP,
        providers={
            "chutes": {"api_key": "cpk_dev_platform"},
            "second": {"type": "openai", "base_url": platform.llm, "api_key": "cpk_dev_platform"},
        },
    )
    candidates = explained(gateway, "cheap")
    assert [one["provider"] for one in candidates] == ["second", "chutes"]
    assert candidates[1]["reason"].startswith("nearly used: monthly cap (")
    assert chat(gateway, "cheap").headers["x-gateway-provider"] == "second"


def test_a_chute_whose_own_quota_is_used_up_is_avoided(start: Start, platform: PlatformProcess) -> None:
    """And the general quota says nothing of it: here that one is used up for all others."""
    ids = {name: platform.get(f"/chutes/{name}")["chute_id"] for name in (R1, V3)}
    platform.set_account(quotas={"*": 100_000, ids[R1]: 10}, used={ids[R1]: 10})
    thrifty = {"thrifty": {"policy": "cheapest", "targets": [
        {"provider": "chutes", "model": R1, "price": 0.1}, {"provider": "chutes", "model": V3, "price": 0.2},
    ]}}  # fmt: skip
    gateway = start(models=thrifty)
    candidates = explained(gateway, "thrifty")
    assert [one["model"] for one in candidates] == [V3, R1]
    assert candidates[1]["reason"].startswith(f"nearly used: daily requests of {R1} (")
    assert chat(gateway, "thrifty").json()["model"] == V3
    rows = {row["name"]: row for row in overview(gateway)["windows"]}
    own, general = rows[f"daily requests of {R1}"], rows["daily requests"]
    assert (own["used"], own["cap"], own["nearly_used"], general["nearly_used"]) == (10, 10, True, False)


def test_the_general_quota_is_not_for_a_chute_with_its_own(start: Start, platform: PlatformProcess) -> None:
    ids = {name: platform.get(f"/chutes/{name}")["chute_id"] for name in (R1, V3)}
    platform.set_account(quotas={"*": 10, ids[R1]: 1000}, used={"*": 10})
    thrifty = {"thrifty": {"policy": "cheapest", "targets": [
        {"provider": "chutes", "model": V3, "price": 0.1}, {"provider": "chutes", "model": R1, "price": 0.2},
    ]}}  # fmt: skip
    gateway = start(models=thrifty)
    assert [one["model"] for one in explained(gateway, "thrifty")] == [R1, V3]
    assert chat(gateway, "thrifty").json()["model"] == R1


def test_signals_are_switched_off_and_on_while_it_runs(start: Start) -> None:
    gateway = start(models=FAST)
    with gateway.http() as http:
        http.put("/api/admin/settings/chutes_signals", json={"value": False}).raise_for_status()
        assert until(lambda: overview(gateway) is None)
        assert explained(gateway, "fast")[0]["signals"] == []
        http.delete("/api/admin/settings/chutes_signals").raise_for_status()
    assert until(lambda: overview(gateway) is not None)


def until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_what_the_catalog_has_just_asked_is_not_asked_again(start: Start, platform: PlatformProcess) -> None:
    """Each source may answer once only: whoever comes second has to read the first one's copy."""
    platform.fault({"on": "GET /chutes/utilization", "status": 0, "words": "", "times": 1, "delay": 0.0})
    platform.fault("GET /chutes/utilization=500:asked twice")
    platform.set_chute(V3, utilization=0.75)
    gateway = start(models=FAST, catalog={"refresh": "on"})
    signals = gateway.app.state.dispatcher.vitals.signals
    for one in explained(gateway, "fast"):
        assert "2 instances" in one["signals"], one
    with gateway.http() as http:
        sources = {one["source"]: one for one in http.get("/catalog/report").json()["sources"]}
    assert sources["utilization"]["stale"] in ("", None, False)
    assert signals.watched == {"chutes"}


@pytest.mark.parametrize(
    "document", [None, [], {}, {"four_hour": None}, {"four_hour": {"cap": "x"}}, {"monthly": {"cap": 0, "usage": 1}}]
)
def test_what_is_no_cap_is_none(document: object) -> None:
    assert read_caps(document) == ()


@pytest.mark.parametrize("document", [None, [], {}, {"quota": 0, "used": 1}, {"quota": -1}, {"quota": True}])
def test_what_is_no_quota_is_none(document: object) -> None:
    assert read_quota(document) == ()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([{"chute_id": "*", "quota": 5000, "is_default": True}, {"chute_id": "AB-1", "quota": 9}], {"ab-1"}),
        ([{"chute_id": "ab-1", "quota": 0}], {"ab-1"}),
        ({"*": 200, "ab-1": 9, "default": None}, {"ab-1"}),
        ([{"quota": 1}, 7, {"chute_id": None}], set()),
        (None, set()),
        ("x", set()),
    ],
)
def test_quotas_of_single_chutes_in_both_shapes(document: object, expected: set[str]) -> None:
    assert read_quotas(document) == expected


def test_caps_in_both_forms_of_time() -> None:
    found = read_caps(
        {
            "four_hour": {"usage": 1, "cap": 3, "reset_at": "2026-11-21T12:00:00+00:00"},
            "monthly": {"usage": 2.5, "cap": 60, "remaining": 57.5, "reset_at": 1_796_000_000},
        }
    )
    assert [(one.name, one.used, one.cap, one.resets_at) for one in found] == [
        ("4-hour cap", 1.0, 3.0, 1_795_262_400.0),
        ("monthly cap", 2.5, 60.0, 1_796_000_000.0),
    ]
