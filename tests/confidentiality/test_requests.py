"""Real requests through a real gateway: the upstream that may not see them gets no byte, whatever the other does."""

import logging
from typing import Any

import httpx
import pytest

from gateway.providers.engines import EngineState
from tests.api.jobs import eventually
from tests.api.running import RunningGateway
from tests.confidentiality.conftest import BOTH_KEY, LOCAL_KEY, TEE_KEY, chat
from tests.fakes.board import FakeBoard
from tests.fakes.upstream import Upstream

WHOLE = ["429", "500", "503", "hang", "reset", "garbage", "html", "error-in-200", "401", "402", "404", "context"]
STREAMED = ["500", "503", "hang", "reset", "cut:0", "cut:2", "cut:4", "reset:2", "stall:3", "error:2", "garbage:2"]
MODELS = ["behind", "before", "beside", "hedged", "restarted", "prefilled", "small", "strict"]
LISTS = ["behind,only-bad", "only-bad,behind:latency", "behind,only-bad:THINKING"]


@pytest.mark.parametrize("model", [*MODELS, *LISTS])
@pytest.mark.parametrize("fault", ["500", "hang", "context"])
def test_no_failure_of_the_allowed_one_leads_to_the_other(
    hasty: httpx.Client, upstream: Upstream, forbidden: Upstream, model: str, fault: str
) -> None:
    upstream.faults["*"] = fault
    for stream in (False, True):
        error = chat(hasty, model, stream=stream).json()["error"]
        assert error["code"] in ("upstream_server_error", "upstream_timeout", "context_length_exceeded") or (
            (model, fault, error["code"]) == ("small", "context", "confidentiality_unmet")
        )
    assert upstream.requests


@pytest.mark.parametrize("fault", WHOLE)
def test_whole_answers_fail_rather_than_leak(
    hasty: httpx.Client, upstream: Upstream, forbidden: Upstream, fault: str
) -> None:
    upstream.faults["*"] = fault
    reply = chat(hasty, "hedged")
    assert reply.json()["error"]["code"] not in ("confidentiality_unmet", "internal_error")
    assert upstream.requests


@pytest.mark.parametrize("model", ["behind", "hedged", "restarted", "prefilled"])
@pytest.mark.parametrize("fault", STREAMED)
def test_streams_that_break_go_on_where_they_may_or_not_at_all(
    hasty: httpx.Client, upstream: Upstream, forbidden: Upstream, model: str, fault: str
) -> None:
    upstream.faults["*"] = fault
    reply = chat(hasty, model, stream=True)
    assert '"error"' in reply.text and "[DONE]" not in reply.text and "internal_error" not in reply.text


def test_the_allowed_one_answers_and_the_answer_says_under_which_rule(
    http: httpx.Client, upstream: Upstream, forbidden: Upstream
) -> None:
    for model in ("behind", "before", "beside", "hedged", "behind,only-bad", "only-bad,behind:latency"):
        reply = chat(http, model)
        assert reply.status_code == 200 and reply.headers["x-gateway-confidentiality"] == "tee"
        assert reply.headers["x-gateway-provider"] == "good"
    assert "x-gateway-confidentiality" in chat(http, "behind", stream=True).headers
    body = {"model": "behind", "input": ["a"]}
    assert http.post("/v1/embeddings", json=body).headers["x-gateway-confidentiality"] == "tee"


def test_a_retry_a_restart_and_a_hedge_stay_with_the_allowed_one(
    http: httpx.Client, upstream: Upstream, forbidden: Upstream
) -> None:
    upstream.script = ["500"]
    assert chat(http, "behind").headers["x-gateway-attempts"].count("good/gpt-x") == 2
    upstream.script = ["cut:3"]
    text = chat(http, "restarted", stream=True).text
    assert '"restart":true' in text.replace(" ", "") and text.rstrip().endswith("[DONE]")
    upstream.faults["*"] = "late:0.1"
    assert chat(http, "hedged").status_code == 200


# --- where the rule comes from ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "key", "headers", "rule"),
    [
        ("behind", TEE_KEY, {}, "tee"),
        ("behind", LOCAL_KEY, {}, "local-only"),
        ("behind", BOTH_KEY, {}, "tee, local-only"),
        ("strict", LOCAL_KEY, {}, "tee, local-only"),
        ("home", TEE_KEY, {"x-gateway-tee": "required"}, "tee, local-only"),
        ("behind", LOCAL_KEY, {"x-gateway-tee": "required"}, "tee, local-only"),
    ],
)
def test_the_stricter_of_key_model_and_caller_holds(
    gateway: RunningGateway,
    upstream: Upstream,
    forbidden: Upstream,
    model: str,
    key: str,
    headers: dict[str, str],
    rule: str,
) -> None:
    upstream.script = ["503"]
    with gateway.http(key) as http:
        reply = chat(http, model, headers)
    assert reply.status_code == 200 and reply.headers["x-gateway-confidentiality"] == rule


def test_a_request_under_no_rule_goes_anywhere(
    gateway: RunningGateway, upstream: Upstream, forbidden_server: Upstream
) -> None:
    forbidden_server.reset()
    gateway.app.state.dispatcher.vitals.clear()
    with gateway.http() as http:
        reply = chat(http, "before")
    assert reply.headers["x-gateway-provider"] == "bad" and "x-gateway-confidentiality" not in reply.headers
    assert len(forbidden_server.requests) == 1


def test_a_caller_cannot_loosen_a_rule(http: httpx.Client, upstream: Upstream, forbidden: Upstream) -> None:
    for header, word in (
        ("x-gateway-tee", "off"),
        ("x-gateway-tee", ""),
        ("x-gateway-data", "any"),
        ("x-gateway-confidentiality", "tee"),
    ):
        reply = chat(http, "before", {header: word})
        assert reply.status_code == 400 and reply.json()["error"]["param"] == header
    assert chat(http, "before", {"x-gateway-data": "local-only"}).headers["x-gateway-provider"] == "good"
    assert chat(http, "before", gw_tee="off").headers["x-gateway-provider"] == "good"


def test_a_rule_for_everybody_holds_for_every_name(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, forbidden: Upstream
) -> None:
    running = RunningGateway(
        tmp_path_factory.mktemp("default"),
        confidentiality={"data": "local-only"},
        default_model=["m"],
        providers={
            "good": {"base_url": upstream.url, "data": "local", "models": ["gpt-x"]},
            "bad": {"base_url": forbidden.url, "models": ["gpt-x", "gpt-y"]},
        },
        models={"m": {"provider": "bad", "model": "gpt-x", "fallbacks": [{"provider": "good", "model": "gpt-x"}]}},
    )
    with running.http() as http:
        for model in ("m", "default", "gpt-x", "good/anything", "bad/gpt-x"):
            assert chat(http, model).headers["x-gateway-provider"] == "good"
        for model in ("gpt-y", "bad/anything", "bad/gpt-y:latency"):
            reply = chat(http, model)
            assert reply.status_code == 403 and "by the settings" in reply.json()["error"]["message"]
    running.stop()


# --- nobody left -------------------------------------------------------------------------------------------


def test_with_nobody_left_the_error_names_the_rule_and_why_each_was_refused(
    http: httpx.Client, forbidden: Upstream
) -> None:
    assert chat(http, "bad/gpt-x,only-bad:throughput").json()["error"]["code"] == "confidentiality_unmet"
    for stream in (False, True):
        reply = chat(http, "only-bad", stream=stream)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["type"]) == (403, "confidentiality_unmet", "permission_error")
        assert error["message"] == (
            "No target of the model 'only-bad' may be asked under 'tee: required' by the key 'tee'. Refused:"
            " bad/gpt-x (it is not declared as `tee: true`)."
        )
        assert reply.headers["x-gateway-confidentiality"] == "tee" and str(forbidden.url) not in reply.text


def test_a_larger_model_is_asked_only_where_it_may_be(
    gateway: RunningGateway, upstream: Upstream, forbidden: Upstream
) -> None:
    upstream.faults["gpt-x"] = "context"
    with gateway.http(TEE_KEY) as http:
        refused = chat(http, "small")
        assert refused.json()["error"]["code"] == "confidentiality_unmet" and "bad/gpt-long" in refused.text
    with gateway.http() as http:
        reply = chat(http, "small-strict")
    assert reply.status_code == 200 and reply.headers["x-gateway-confidentiality"] == "tee"
    assert upstream.last.json["model"] == "gpt-long"


def test_a_full_or_loading_engine_does_not_let_data_leave(
    gateway: RunningGateway, board: FakeBoard, engine: Upstream, forbidden: Upstream
) -> None:
    gateway.app.state.dispatcher.vitals.clear()
    vitals = gateway.app.state.dispatcher.vitals
    with gateway.http(LOCAL_KEY) as http:
        for target in gateway.app.state.snapshot.routes["spilling"].targets:
            vitals[target].in_flight = 5
        assert chat(http, "spilling").headers["x-gateway-provider"] == "chat"
        vitals.clear()
        board.become("chat", EngineState.LOADING)
        try:
            assert chat(http, "loading").json()["error"]["code"] == "engine_loading"
            assert "engine_loading" in chat(http, "loading", stream=True).text
        finally:
            board.become("chat", EngineState.READY)
        assert chat(http, "loading").headers["x-gateway-provider"] == "chat"
    with gateway.http(TEE_KEY) as http:
        reply = chat(http, "loading")
        assert reply.status_code == 403 and "chat/demo-chat (it is not declared" in reply.json()["error"]["message"]


# --- what is told, and what is kept ------------------------------------------------------------------------


def test_explain_and_the_journal_say_who_was_left_out_and_why(
    gateway: RunningGateway, http: httpx.Client, upstream: Upstream, forbidden: Upstream
) -> None:
    found = http.post("/v1/route/explain", json={"model": "before"}).json()
    assert found["confidentiality"] == {"tee": ["the key 'tee'"], "local_only": []} and found["refused"] is None
    good, bad = found["candidates"]
    assert (good["provider"], good["rank"]) == ("good", 1)
    assert (bad["provider"], bad["rank"]) == ("bad", None)
    assert bad["reason"] == "not under tee: it is not declared as `tee: true`"
    nobody = http.post("/v1/route/explain", json={"model": "only-bad"}, headers={"x-gateway-data": "local-only"}).json()
    assert nobody["refused"]["code"] == "confidentiality_unmet" and nobody["candidates"][0]["rank"] is None
    assert nobody["confidentiality"]["local_only"] == ["the header x-gateway-data"]

    for model, attempts in (("before", 1), ("only-bad", 0)):
        request_id = chat(http, model).headers["x-request-id"]
        entry = http.get(f"/v1/route/requests/{request_id}").json()
        assert len(entry["attempts"]) == attempts
        assert entry["refused"] == [
            {"provider": "bad", "model": "gpt-x", "reason": "it is not declared as `tee: true`"}
        ]


def test_the_log_line_has_the_rule_and_never_what_a_provider_said_of_local_data(
    gateway: RunningGateway, upstream: Upstream, forbidden: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gateway.request")
    upstream.faults["*"] = "text"
    said: dict[str, Any] = {}
    for key in (TEE_KEY, LOCAL_KEY):
        with gateway.http(key) as http:
            reply = chat(http, "behind")
        assert reply.status_code == 400
        line = _line(caplog, reply.headers["x-request-id"])
        said[key] = (line["confidentiality"], line["upstream"])
    assert said[TEE_KEY][0] == "tee" and "plain words" in said[TEE_KEY][1]
    assert said[LOCAL_KEY] == ("local-only", None)


def test_bodies_under_local_only_are_not_kept_although_the_key_keeps_them(
    gateway: RunningGateway, upstream: Upstream, forbidden: Upstream
) -> None:
    with gateway.http(LOCAL_KEY) as http:
        ids = [chat(http, "behind", stream=stream).headers["x-request-id"] for stream in (False, True)]
    with gateway.http() as admin:
        for request_id in ids:
            row = _row(admin, request_id)
            assert row.get("request_body") is None and row.get("response_body") is None
            assert row["status"] == 200 and row["key_name"] == "local"


def _line(caplog: pytest.LogCaptureFixture, request_id: str) -> dict[str, Any]:
    """The log line of a request; it is written behind the answer."""
    found: list[dict[str, Any]] = []

    def is_written() -> bool:
        lines = [one.__dict__ for one in caplog.records if one.name == "gateway.request"]
        found[:] = [line for line in lines if line.get("request_id") == request_id]
        return bool(found)

    eventually(is_written)
    return found[0]


def _row(admin: httpx.Client, request_id: str) -> dict[str, Any]:
    eventually(lambda: admin.get(f"/api/admin/requests/{request_id}").status_code == 200)
    row: dict[str, Any] = admin.get(f"/api/admin/requests/{request_id}").json()
    return row


def test_a_linked_image_is_fetched_here_when_data_stays_local(
    gateway: RunningGateway, upstream: Upstream, forbidden: Upstream
) -> None:
    """An address of this machine is refused before anybody is asked: it is the gateway that would fetch it."""
    image = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/cat.png"}}
    content = [{"type": "text", "text": "what is it?"}, image]
    with gateway.http(LOCAL_KEY) as http:
        body = {"model": "behind", "messages": [{"role": "user", "content": content}]}
        assert http.post("/v1/chat/completions", json=body).json()["error"]["code"] == "image_validation_failed"
    assert upstream.requests == []


def test_what_if_reckons_with_nobody_whom_the_rule_of_the_model_forbids(
    gateway: RunningGateway, upstream: Upstream, forbidden: Upstream
) -> None:
    with gateway.http() as admin:
        for _ in range(3):
            assert chat(admin, "strict").status_code == 200
        model = {"id": "strict", "targets": [{"provider": name, "model": "gpt-x"} for name in ("good", "bad")]}
        shares = {}
        for rule in ({"tee": "required"}, {}):
            found = _reckoned(admin, {**model, **rule})
            shares[rule.get("tee")] = {one["provider_id"]: one["after"] for one in found["targets"]}
    assert "bad" not in shares["required"] and shares[None]["bad"] > 0


def _reckoned(admin: httpx.Client, model: dict[str, Any]) -> Any:
    """As soon as the requests of before are recorded."""
    eventually(lambda: admin.post("/api/admin/analytics/whatif", json={"model": model}).status_code == 200)
    return admin.post("/api/admin/analytics/whatif", json={"model": model}).json()
