"""Targets that people drain, and dry runs of whole requests, as the UI uses them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
IMAGE = "data:image/png;base64,iVBORw0KGgo="
FENCED = "sk-fenced-0123456789abcdef"
MAIN = {"provider_id": "main", "upstream_model": "org/gpt-x"}


def settings(upstream: Upstream) -> dict[str, Any]:
    targets: list[dict[str, Any]] = [
        {"provider": "main", "model": "org/gpt-x", "supports": {"tools": False}},
        {"provider": "spare", "model": "gpt-y", "priority": 1},
    ]
    return {
        "providers": {
            "main": {"base_url": upstream.url, "max_retries": 0},
            "spare": {"base_url": upstream.url, "max_retries": 0},
        },
        "models": {
            "safe": {"targets": targets, "supports_image_upload": False, "max_tokens": 100},
            "cheap": {"targets": [{**one, "price": n + 1} for n, one in enumerate(targets)], "policy": "cheapest"},
        },
        "keys": [{"name": "fenced", "key": FENCED, "allowed_models": ["cheap"]}],
    }


@pytest.fixture
def running(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    gateway = RunningGateway(tmp_path, **settings(upstream))
    yield gateway
    gateway.stop()


@pytest.fixture
def http(running: RunningGateway) -> Iterator[httpx.Client]:
    with running.http() as client:
        yield client


def ask(http: httpx.Client, model: str = "safe") -> httpx.Response:
    return http.post("/v1/chat/completions", json={"model": model, "messages": HELLO})


def drain(http: httpx.Client, action: str = "drain", **target: str) -> int:
    return http.post(f"/api/admin/targets/{action}", params={**MAIN, **target}).status_code


def explain(http: httpx.Client, key_id: str = "", **body: Any) -> Any:
    asked = {"model": "safe", "messages": HELLO, **body}
    return http.post("/api/admin/route/explain", params={"key_id": key_id}, json=asked).json()


def test_a_drained_target_gets_no_new_requests_until_it_is_let_in_again(http: httpx.Client) -> None:
    assert ask(http).headers["x-gateway-provider"] == "main"
    assert drain(http) == 204
    assert ask(http).headers["x-gateway-attempts"] == "spare/gpt-y=200"
    told = {row["provider_id"]: row["drained"] for row in http.get("/api/admin/targets").json()["data"]}
    assert told == {"main": True, "spare": False}
    assert drain(http, "resume") == 204
    assert ask(http).headers["x-gateway-provider"] == "main"


@pytest.mark.parametrize("fault", ["429:3600", "500"])
def test_a_provider_that_is_configured_anew_is_asked_at_once(
    http: httpx.Client, upstream: Upstream, fault: str
) -> None:
    upstream.faults |= {"org/gpt-x": fault, "gpt-y": "429:3600"}
    assert 200 not in {ask(http).status_code for _ in range(5)}
    upstream.faults.clear()
    states = {row["provider_id"]: row["state"] for row in http.get("/api/admin/targets").json()["data"]}
    assert states["main"] in ("cooling", "open", "half-open")
    changed = {"name": "main", "base_url": upstream.url, "api_key": "sk-another-0123456789", "max_retries": 0}
    assert http.put("/api/admin/providers/main", json=changed).status_code == 200
    answer = ask(http)
    assert (answer.status_code, answer.headers["x-gateway-provider"]) == (200, "main")
    states = {row["provider_id"]: row["state"] for row in http.get("/api/admin/targets").json()["data"]}
    assert (states["main"], states["spare"]) == ("closed", "cooling")


def test_what_runs_at_a_target_that_is_drained_ends_well(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["org/gpt-x"], upstream.tokens = "slow:0.05", 6
    body = {"model": "safe", "messages": HELLO, "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as stream:
        lines = stream.iter_lines()
        next(lines)
        drain(http)
        rest = "\n".join(lines)
    assert "[DONE]" in rest and '"error"' not in rest and stream.headers["x-gateway-provider"] == "main"


def test_a_model_whose_targets_are_all_drained_says_so(http: httpx.Client) -> None:
    drain(http)
    assert drain(http, provider_id="spare", upstream_model="gpt-y") == 204
    refused = ask(http)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "targets_drained")
    found = explain(http)
    assert found["refused"]["code"] == "targets_drained"
    assert [(one["rank"], one["drained"]) for one in found["candidates"]] == [(None, True)] * 2
    assert found["candidates"][0]["reason"] == "it is drained: it takes no new requests"


def test_draining_outlives_changes_and_restarts_and_is_in_the_audit_log(
    running: RunningGateway, http: httpx.Client, tmp_path: Path, upstream: Upstream
) -> None:
    drain(http)
    http.put("/api/admin/settings/queue_size", json={"value": 9})
    assert ask(http).headers["x-gateway-provider"] == "spare"
    row = http.get("/api/admin/audit?resource_id=drained_targets").json()["data"][0]
    assert row["changes"]["value"] == [[], ["main/org/gpt-x"]] and row["actor"] == "master key"
    running.stop()
    again = RunningGateway(tmp_path, **settings(upstream))
    try:
        with again.http() as client:
            assert ask(client).headers["x-gateway-provider"] == "spare"
    finally:
        again.stop()


def test_only_known_targets_are_drained_and_only_drained_ones_let_in(http: httpx.Client) -> None:
    assert drain(http, provider_id="nobody") == 404
    assert drain(http, "resume") == 404
    assert http.post("/api/admin/targets/drain", params=MAIN, headers={"authorization": ""}).status_code == 401


def test_a_dry_run_takes_the_whole_request_into_account(http: httpx.Client) -> None:
    tools = explain(http, tools=[{"type": "function", "function": {"name": "f"}}])
    first, second = tools["candidates"]
    assert (first["provider"], first["rank"], first["taken"]) == ("spare", 1, True)
    assert (second["rank"], second["reason"]) == (None, "it cannot do what the request needs: tools")
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]}]
    assert explain(http, messages=image)["refused"]["code"] in ("image_upload_not_supported", "image_validation_failed")
    assert explain(http, max_tokens=101)["refused"]["param"] == "max_tokens"
    assert explain(http, max_tokens=100)["refused"] is None


def test_candidates_show_what_the_policy_compares(http: httpx.Client) -> None:
    found = explain(http, model="cheap")["candidates"]
    assert [(one["score"], one["scored"]) for one in found] == [(1, "USD per 1 M tokens"), (2, "USD per 1 M tokens")]
    assert found[0]["live"] is None
    weighed = explain(http)["candidates"][0]
    assert (weighed["score"], weighed["scored"]) == (1, "weight")


def test_a_dry_run_as_a_key_meets_its_fences(http: httpx.Client) -> None:
    assert explain(http, "file-fenced")["error"]["code"] == "model_not_allowed"
    assert explain(http, "file-fenced", model="cheap")["route"] == "cheap"
    assert explain(http, "nobody")["error"]["param"] == "key_id"
    made = http.post("/api/admin/apikeys", json={"name": "off", "enabled": False}).json()
    assert explain(http, made["id"])["error"]["code"] == "not_found"


def test_the_target_taken_is_the_first_that_does_not_rest(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["org/gpt-x"] = "429:30"
    ask(http)
    first, second = explain(http)["candidates"]
    assert (first["provider"], first["state"], first["taken"]) == ("main", "cooling", False)
    assert (second["provider"], second["taken"]) == ("spare", True)


def test_a_provider_shows_how_it_did_lately(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["org/gpt-x"] = "500"
    ask(http)
    assert http.post("/api/admin/providers/spare/test").json()["ok"]
    assert until_noted(http, "main")["failures"] == 1
    main, spare = (http.get(f"/api/admin/providers/{id}/health?minutes=5").json() for id in ("main", "spare"))
    assert main["last_error"] == "upstream_server_error" and main["error_at"] <= main["now"]
    assert len(spare["minutes"]) == 5 and sum(one["tries"] for one in spare["minutes"]) == 1
    assert [one["error"] for one in spare["checks"]] == [""] and spare["interval"] is None
    assert [(one["upstream_model"], one["failures"]) for one in main["targets"]] == [("org/gpt-x", 1)]
    assert http.get("/api/admin/providers/nobody/health").status_code == 404


def until_noted(http: httpx.Client, provider: str) -> Any:
    """The busiest minute, once the recorder has told of a request."""
    for _ in range(200):
        minutes = http.get(f"/api/admin/providers/{provider}/health").json()["minutes"]
        busiest = max(minutes, key=lambda one: one["tries"])
        if busiest["tries"]:
            return busiest
        time.sleep(0.05)
    raise AssertionError("the recorder told of nothing")
