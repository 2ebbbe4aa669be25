"""Why a request goes where: the explanation, the command that prints it, lists of models, and what was tried."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from gateway.cli import main
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
OTHER = "sk-other-0123456789abcdef"


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream, spare: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path,
        stream_keep_alive=0.2,
        providers={
            "main": {"base_url": upstream.url, "max_retries": 0, "models": ["gpt-x"]},
            "spare": {"base_url": spare.url, "max_retries": 0, "models": ["gpt-y"]},
            "off": {"base_url": spare.url, "enabled": False},
        },
        models={
            "safe": {
                "targets": [
                    {"provider": "main", "model": "gpt-x"},
                    {"provider": "spare", "model": "gpt-y", "priority": 1},
                    {"provider": "off", "model": "gpt-z", "priority": 2},
                ]
            }
        },
        keys=[{"name": "other", "key": OTHER, "allowed_models": ["gpt-*"]}],
    )
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway) -> Iterator[httpx.Client]:
    with gateway.http() as client:
        yield client


def ask(http: httpx.Client, model: str, **more: Any) -> httpx.Response:
    return http.post("/v1/chat/completions", json={"model": model, "messages": HELLO, **more})


def test_every_candidate_has_a_rank_or_a_reason(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "429:30"
    ask(http, "safe")
    found = http.post("/v1/route/explain", json={"model": "safe", "messages": HELLO}).json()
    first, second, third = found["candidates"]
    assert (first["provider"], first["state"], first["rank"]) == ("main", "cooling", 1)
    assert first["reason"] == "cooling after rate_limit_exceeded" and 0 < first["ready_in"] <= 30
    assert (second["provider"], second["reason"], second["calls"]) == ("spare", "ready", 1)
    assert second["latency"] > 0
    assert (third["rank"], third["reason"]) == (None, "its provider is disabled")
    assert len(upstream.requests) == 1, "explaining asks nobody"


def test_a_refusal_is_the_one_that_the_request_would_get(http: httpx.Client) -> None:
    assert http.post("/v1/route/explain", json={"model": "sfe"}).status_code == 404
    assert (
        http.post("/v1/route/explain", json={"model": "safe", "path": "/v1/nothing"}).json()["error"]["param"] == "path"
    )
    assert http.post("/v1/route/explain", json={}).json()["error"]["param"] == "model"
    denied = http.post("/v1/route/explain", json={"model": "safe"}, headers={"authorization": f"Bearer {OTHER}"})
    assert denied.status_code == 403


def test_the_command_asks_the_running_gateway(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MASTER_API_KEY", MASTER)
    main(["explain", "safe", "--url", gateway.url])
    printed = capsys.readouterr().out
    assert "safe is the route safe, policy ordered" in printed
    assert "  1 main/gpt-x" in printed and "  - off/gpt-z" in printed and "its provider is disabled" in printed
    with pytest.raises(SystemExit, match="does not exist"):
        main(["explain", "nothing", "--url", gateway.url])
    with pytest.raises(SystemExit, match="no gateway answers"):
        main(["explain", "safe", "--url", "http://127.0.0.1:9"])


def test_the_command_takes_the_address_as_clients_have_it(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MASTER_API_KEY", MASTER)
    for url in (f"{gateway.url}/", f"{gateway.url}/v1", f"{gateway.url}/v1/"):
        main(["explain", "safe", "--url", url])
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", gateway.url.rpartition(":")[2])
    main(["explain", "safe"])
    assert capsys.readouterr().out.count("safe is the route safe") == 4
    monkeypatch.setenv("HOST", "::")
    monkeypatch.setenv("PORT", "9")
    with pytest.raises(SystemExit, match=r"no gateway answers at http://\[::1\]:9 "):
        main(["explain", "safe"])


def test_the_command_uses_the_key_of_another_gateway_and_says_where_a_key_comes_from(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    told = r"refused the key .*MASTER_API_KEY, .*/elsewhere/state/master_key, .*GATEWAY_KEY"
    with pytest.raises(SystemExit, match=told):
        main(["explain", "safe", "--url", gateway.url])
    monkeypatch.setenv("MASTER_API_KEY", "sk-master-of-another-gateway")
    monkeypatch.setenv("GATEWAY_KEY", MASTER)
    main(["explain", "safe", "--url", gateway.url])
    assert "safe is the route safe" in capsys.readouterr().out


def test_the_command_says_so_where_something_else_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # a page with 501, whatever is posted
    answering = Thread(target=server.handle_request, daemon=True)
    answering.start()
    url = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(SystemExit, match=f"what answers at {url} is no gateway"):
        main(["explain", "safe", "--url", url])
    answering.join(20)
    server.server_close()
    with pytest.raises(SystemExit, match="no gateway answers at http://a:b "):
        main(["explain", "safe", "--url", "http://a:b"])


def test_a_request_id_finds_its_attempts_for_its_owner_alone(http: httpx.Client, upstream: Upstream) -> None:
    upstream.script.append("500")
    number = ask(http, "safe").headers["x-request-id"]
    found = http.get(f"/v1/route/requests/{number}").json()
    assert [one["outcome"] for one in found["attempts"]] == ["upstream_server_error", "200"]
    assert found["model"] == "safe" and found["attempts"][0]["ms"] > 0
    stranger = http.get(f"/v1/route/requests/{number}", headers={"authorization": f"Bearer {OTHER}"})
    assert stranger.status_code == 404


def test_a_list_of_models_is_asked_one_after_the_other(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "500"
    assert ask(http, "gpt-x,gpt-y").headers["x-gateway-model"] == "gpt-y"
    found = http.post("/v1/route/explain", json={"model": "gpt-x,gpt-y:latency"}).json()
    assert found["policy"] == "lowest-latency" and [one["priority"] for one in found["candidates"]] == [0, 0]
    assert ask(http, "gpt-x,nothing").status_code == 404


def test_a_fenced_key_may_name_only_its_own_models_in_a_list(http: httpx.Client) -> None:
    own = {"authorization": f"Bearer {OTHER}"}
    body = {"model": "gpt-y,gpt-x", "messages": HELLO}
    assert http.post("/v1/chat/completions", json=body, headers=own).status_code == 200
    assert http.post("/v1/chat/completions", json={**body, "model": "gpt-y,safe"}, headers=own).status_code == 403


def test_a_silent_stream_shows_signs_of_life(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"], release = "held:2", upstream.hold()
    body = {"model": "gpt-x", "messages": HELLO, "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as reply:
        lines = reply.iter_lines()
        assert ": keep-alive" in lines and next(lines) == ""
        release()
        assert list(lines)[-2:] == ["data: [DONE]", ""]


@pytest.mark.parametrize(("stream", "seconds"), [(False, 1), (True, 4)])
def test_a_request_ends_within_its_time(tmp_path: Path, upstream: Upstream, stream: bool, seconds: float) -> None:
    upstream.faults["gpt-x"] = "slow:0.2" if stream else "hang"
    upstream.tokens = 1000
    main = {"base_url": upstream.url, "max_retries": 0, "models": ["gpt-x"]}
    gateway = RunningGateway(tmp_path, request_timeout=seconds, providers={"main": main})
    with gateway.http() as http:
        reply = ask(http, "gpt-x", stream=stream)
    gateway.stop()
    assert "upstream_timeout" in reply.text and "[DONE]" not in reply.text
    assert reply.status_code == (200 if stream else 504)
