"""Work that is handed over: asked for or by itself, its answer byte for byte, left, cancelled, bounded, paid once."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.jobs import ANNA, ASYNC, BERT, CHAT, chat, ended, eventually, hand_over, rows, running, stopped
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    served = running(tmp_path, upstream, direct=request.param)
    yield served
    served.stop()


@pytest.fixture
def plain(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """One front is enough."""
    served = running(tmp_path, upstream)
    yield served
    served.stop()


def posted(upstream: Upstream) -> int:
    return sum(request.method == "POST" for request in upstream.requests)


# --- handed over -----------------------------------------------------------------------------------------


def test_who_prefers_it_gets_a_job_and_later_the_answer_as_it_would_have_come(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    with gateway.http(ANNA) as http:
        usual = http.post(CHAT, json=chat())
        upstream.script, release = ["held"], upstream.hold()
        reply = http.post(CHAT, json=chat(), headers=ASYNC)
        job = reply.json()
        assert reply.status_code == 202 and reply.headers["preference-applied"] == "respond-async"
        assert reply.headers["location"] == f"/v1/jobs/{job['id']}" and int(reply.headers["retry-after"]) > 0
        assert job["object"] == "job" and job["status"] == "running" and job["finished_at"] is None
        assert job["operation"] == "chat.completions" and job["model"] == "gpt-x"
        assert job["request_id"] == reply.headers["x-request-id"]
        early = http.get(job["result_url"])
        assert early.status_code == 409 and early.json()["error"]["code"] == "job_running"
        assert early.headers["retry-after"]
        release()
        done = ended(http, job["id"])
        result = http.get(job["result_url"])
    assert done["status"] == "succeeded" and done["expires_at"] >= done["finished_at"] + 86_000 and not done["error"]
    assert result.status_code == 200 and result.content == usual.content
    assert result.headers["x-request-id"] == job["request_id"]
    for name in ("content-type", "x-gateway-provider", "x-gateway-model"):
        assert result.headers[name] == usual.headers[name]
    assert posted(upstream) == 2, "it is not sent again"


def test_who_would_wait_gets_the_answer_itself_where_it_comes_in_time(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    with gateway.http(ANNA) as http:
        upstream.script = ["late:0.2", "hang"]
        quick = http.post(CHAT, json=chat(), headers={"Prefer": 'wait="30", Respond-Async'})
        slow = http.post(CHAT, json=chat(), headers={"prefer": "return=minimal, respond-async, wait=1"})
        assert quick.status_code == 200 and quick.json()["choices"] and "preference-applied" not in quick.headers
        assert slow.status_code == 202 and slow.elapsed.total_seconds() >= 1
        assert [job["id"] for job in http.get("/v1/jobs").json()["data"]] == [slow.json()["id"]]
        http.post(f"/v1/jobs/{slow.json()['id']}/cancel")


def test_a_request_becomes_a_job_by_itself_where_that_is_set(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, jobs={"after": 0.2})
    upstream.script, release = ["held"], upstream.hold()
    with gateway.http(ANNA) as http:
        reply = http.post(CHAT, json=chat())
        assert reply.status_code == 202 and "preference-applied" not in reply.headers
        release()
        assert ended(http, reply.json()["id"])["status"] == "succeeded"
    gateway.stop()


def test_what_is_answered_before_that_becomes_none(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, jobs={"after": 60})
    with gateway.http(ANNA) as http:
        assert http.post(CHAT, json=chat()).status_code == 200
        assert http.get("/v1/jobs").json()["data"] == []
    gateway.stop()


@pytest.mark.parametrize("prefer", ["return=minimal", "wait=5", "respond-asynchronously"])
def test_other_preferences_change_nothing(plain: RunningGateway, prefer: str) -> None:
    with plain.http(ANNA) as http:
        assert http.post(CHAT, json=chat(), headers={"prefer": prefer}).status_code == 200
        assert http.get("/v1/jobs").json()["data"] == []


def test_a_wait_that_is_no_number_is_refused_by_name(plain: RunningGateway, upstream: Upstream) -> None:
    with plain.http(ANNA) as http:
        reply = http.post(CHAT, json=chat(), headers={"prefer": "respond-async, wait=soon"})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "Prefer" and posted(upstream) == 0


def test_what_is_refused_at_once_is_refused_without_a_job(plain: RunningGateway) -> None:
    with plain.http(ANNA) as http:
        assert http.post(CHAT, json=chat("nobody"), headers=ASYNC).json()["error"]["code"] == "model_not_found"
        assert http.post(CHAT, json={"model": "gpt-x"}, headers=ASYNC).status_code == 400
        assert http.get("/v1/jobs").json()["data"] == []


def test_a_stream_streams_whatever_is_preferred(plain: RunningGateway) -> None:
    with plain.http(ANNA) as http:
        reply = http.post(CHAT, json=chat(stream=True), headers=ASYNC)
    assert reply.status_code == 200 and reply.text.endswith("data: [DONE]\n\n")


# --- the answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/audio/speech", {"model": "tts-1", "input": "hello", "voice": "alloy"}),
        ("/v1/audio/transcriptions", {"model": "whisper-1", "file_b64": "UklGRiQAAABXQVZF", "response_format": "srt"}),
        ("/transcribe", {"model": "whisper-1", "audio_b64": "UklGRiQAAABXQVZF"}),
    ],
)
def test_sounds_and_texts_are_kept_to_the_byte(plain: RunningGateway, path: str, body: dict[str, Any]) -> None:
    with plain.http(ANNA) as http:
        usual = http.post(path, json=body)
        job = hand_over(http, path, body)
        ended(http, job["id"])
        result = http.get(job["result_url"])
    assert usual.status_code == result.status_code == 200 and usual.content
    assert result.content == usual.content and result.headers["content-type"] == usual.headers["content-type"]


@pytest.mark.parametrize("fault", ["500", "429:7", "context", "garbage", "reset", "404"])
def test_an_error_is_kept_with_its_status_and_words(plain: RunningGateway, upstream: Upstream, fault: str) -> None:
    upstream.faults["gpt-x"] = fault
    with plain.http(ANNA) as http:
        usual = http.post(CHAT, json=chat())
        plain.app.state.dispatcher.vitals.clear()
        job = ended(http, hand_over(http)["id"])
        result = http.get(job["result_url"])
    assert job["status"] == "failed" and job["error"] == usual.json()["error"]
    assert usual.status_code == result.status_code >= 400 and result.content == usual.content
    assert result.headers.get("retry-after") == usual.headers.get("retry-after")


def test_another_api_hears_of_its_jobs_in_its_own_words(plain: RunningGateway, upstream: Upstream) -> None:
    body = chat(max_tokens=9)
    with plain.http(ANNA) as http:
        for fault, status in (("400", 400), ("", 200)):
            upstream.faults["gpt-x"] = fault
            usual = http.post("/v1/messages", json=body)
            job = ended(http, hand_over(http, "/v1/messages", body)["id"])
            result = http.get(job["result_url"])
            assert result.status_code == usual.status_code == status
            assert result.headers["request-id"] == job["request_id"]
            changing = ("id", "request_id")
            told = [{name: one.json()[name] for name in one.json() if name not in changing} for one in (usual, result)]
            assert told[0] == told[1]


def test_an_answer_that_is_too_large_is_not_kept(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, jobs={"max_result_mb": 0.001})
    upstream.text = "much " * 1000
    with gateway.http(ANNA) as http:
        job = ended(http, hand_over(http)["id"])
        assert job["status"] == "failed" and job["error"]["code"] == "job_result_too_large"
        assert http.get(job["result_url"]).status_code == 507
    gateway.stop()


def test_a_model_of_any_name_is_kept_in_headers_that_can_be_sent(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, models={"大": {"provider": "main", "model": "gpt-大"}})
    with gateway.http(ANNA) as http:
        job = ended(http, hand_over(http, body=chat("大"))["id"])
        assert job["model"] == "大" and http.get(job["result_url"]).headers["x-gateway-model"] == "gpt-?"
    gateway.stop()


def test_what_is_past_its_time_is_gone(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, jobs={"retention_hours": 0.0003})
    with gateway.http(ANNA) as http:
        job = hand_over(http)
        eventually(lambda: http.get(job["result_url"]).status_code == 404)
        assert http.get(f"/v1/jobs/{job['id']}").status_code == 404 and http.get("/v1/jobs").json()["data"] == []
    gateway.stop()


# --- who leaves, who cancels -----------------------------------------------------------------------------


class Caller:
    """A client on a bare socket, who asks and may be gone."""

    def __init__(self, gateway: RunningGateway, prefer: str) -> None:
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), 20)
        body = json.dumps(chat()).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ANNA}\r\nprefer: {prefer}\r\n"
        self._socket.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def read_until(self, mark: bytes) -> bytes:
        seen = b""
        while mark not in seen:
            piece = self._socket.recv(65536)
            assert piece, seen
            seen += piece
        return seen

    def leave(self) -> None:
        self._socket.close()


def test_who_leaves_before_the_hand_over_ends_the_work(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    caller = Caller(gateway, "respond-async, wait=60")
    eventually(lambda: posted(upstream) == 1)
    caller.leave()
    assert upstream.wait_disconnect()
    with gateway.http() as http:
        assert http.get("/v1/jobs").json()["data"] == []
        eventually(lambda: [row["status"] for row in rows(http)] == [499])


def test_who_leaves_after_the_hand_over_leaves_the_work_alone(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"], release = "held", upstream.hold()
    caller = Caller(gateway, "respond-async")
    id = caller.read_until(b'"error": null}').partition(b'"id": "')[2].partition(b'"')[0].decode()
    caller.leave()
    with gateway.http(ANNA) as http:
        release()
        assert ended(http, id)["status"] == "succeeded"
        assert http.get(f"/v1/jobs/{id}/result").json()["choices"]
    assert not upstream.disconnects


@pytest.mark.parametrize("way", ["delete", "post", "body"])
def test_a_job_that_is_cancelled_lets_go_of_its_upstream(gateway: RunningGateway, upstream: Upstream, way: str) -> None:
    upstream.faults["gpt-x"] = "hang"
    with gateway.http(ANNA) as http:
        id = hand_over(http)["id"]
        eventually(lambda: posted(upstream) == 1)
        if way == "delete":
            job = http.delete(f"/v1/jobs/{id}").json()
        elif way == "post":
            job = http.post(f"/v1/jobs/{id}/cancel").json()
        else:
            job = http.post("/v1/jobs/cancel", json={"id": id}).json()
        job = stopped(http, job)
        assert job["status"] == "cancelled" and upstream.wait_disconnect()
        result = http.get(job["result_url"])
        assert result.status_code == 409 and result.json()["error"]["code"] == "job_cancelled"
        assert http.post(f"/v1/jobs/{id}/cancel").json() == job, "what has ended stays as it is"
    with gateway.http() as http:
        eventually(lambda: [(row["status"], row["error_code"]) for row in rows(http)] == [(499, "job_cancelled")])


def test_a_job_that_has_ended_can_be_removed(plain: RunningGateway) -> None:
    with plain.http(ANNA) as http:
        id = hand_over(http)["id"]
        ended(http, id)
        assert http.delete(f"/v1/jobs/{id}").json() == {"id": id, "object": "job", "deleted": True}
        assert http.delete(f"/v1/jobs/{id}").status_code == 404


# --- whose they are --------------------------------------------------------------------------------------


def test_only_the_key_that_made_it_and_the_master_key_see_a_job(plain: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    with plain.http(ANNA) as anna, plain.http(BERT) as bert, plain.http() as master, plain.http(None) as nobody:
        id = hand_over(anna)["id"]
        for method, path, body in (
            ("GET", f"/v1/jobs/{id}", None),
            ("GET", f"/v1/jobs/{id}/result", None),
            ("DELETE", f"/v1/jobs/{id}", None),
            ("POST", f"/v1/jobs/{id}/cancel", None),
            ("GET", f"/v1/jobs?after={id}", None),
            *(("POST", path, {"id": id}) for path in ("/v1/jobs", "/v1/jobs/result", "/v1/jobs/cancel")),
        ):
            assert bert.request(method, path, json=body).status_code == 404, path
            assert nobody.request(method, path, json=body).status_code == 401, path
        assert bert.get("/v1/jobs").json()["data"] == [] and nobody.get("/v1/jobs").status_code == 401
        assert master.get("/v1/jobs").json()["first_id"] == id
        assert anna.post("/v1/jobs", json={"id": id}).json()["status"] == "running" and not upstream.disconnects
        assert anna.post("/v1/jobs", json={"id": id, "x": 1}).json()["error"]["code"] == "unknown_field"
        assert stopped(master, master.delete(f"/v1/jobs/{id}").json())["status"] == "cancelled"


def test_a_list_goes_page_by_page_and_newest_first(plain: RunningGateway) -> None:
    with plain.http(ANNA) as http:
        ids = [hand_over(http)["id"] for _ in range(5)]
        first = http.get("/v1/jobs", params={"limit": 3}).json()
        then = http.get("/v1/jobs", params={"limit": 3, "after": first["last_id"]}).json()
        assert [job["id"] for job in first["data"] + then["data"]] == ids[::-1]
        assert first["has_more"] and not then["has_more"]
        assert http.get("/v1/jobs", params={"limit": 0}).json()["error"]["param"] == "limit"
        assert http.get("/v1/jobs", params={"after": "job-nobody"}).json()["error"]["param"] == "after"


# --- bounds and money ------------------------------------------------------------------------------------


def test_a_key_has_so_many_jobs_at_a_time(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, jobs={"max_open": 2})
    upstream.faults["gpt-x"] = "hang"
    with gateway.http(ANNA) as anna, gateway.http(BERT) as bert:
        ids = [hand_over(anna)["id"] for _ in range(2)]
        refused = anna.post(CHAT, json=chat(), headers=ASYNC)
        assert refused.status_code == 429 and refused.json()["error"]["code"] == "too_many_jobs"
        assert "2" in refused.json()["error"]["message"] and refused.headers["retry-after"]
        hand_over(bert)
        eventually(lambda: posted(upstream) == 3)
        anna.delete(f"/v1/jobs/{ids[0]}")
        assert ended(anna, ids[0])["status"] == "cancelled"
        hand_over(anna)
        eventually(lambda: posted(upstream) == 4)  # nobody is asked for work that is refused
    gateway.app.stop_by = 0.0  # do not wait for those that hang
    gateway.stop()


def test_without_jobs_the_caller_just_waits(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, jobs={"max_open": 0, "after": 0.05})
    upstream.faults["gpt-x"] = "late:0.3"
    with gateway.http(ANNA) as http:
        assert http.post(CHAT, json=chat(), headers=ASYNC).status_code == 200
    gateway.stop()


def test_a_job_is_one_request_of_limits_budget_and_usage(tmp_path: Path, upstream: Upstream) -> None:
    limits = {"max_parallel": 1, "budget_usd": 0.02, "budget_period": "total"}
    gateway = running(tmp_path, upstream, keys=[{"name": "anna", "key": ANNA, **limits}])
    upstream.script, release = ["held"], upstream.hold()
    with gateway.http(ANNA) as http, gateway.http() as admin:
        job = hand_over(http)
        while_it_runs = http.post(CHAT, json=chat())
        assert while_it_runs.status_code == 429, "it still counts"
        release()
        ended(http, job["id"])
        assert [http.post(CHAT, json=chat()).status_code for _ in range(2)] == [200, 402], "it was paid once"
        eventually(lambda: len(rows(admin)) == 4)
        (row,) = [one for one in rows(admin) if one["request_id"] == job["request_id"]]
        assert (row["status"], row["cost_usd"], row["input_tokens"]) == (200, 0.01, 7)
    gateway.stop()


@pytest.mark.parametrize("direct", [True, False])
def test_the_end_of_the_gateway_waits_for_jobs_as_for_requests(
    tmp_path: Path, upstream: Upstream, direct: bool
) -> None:
    upstream.script, release = ["held"], upstream.hold()
    gateway = running(tmp_path, upstream, direct=direct)
    with gateway.http(ANNA) as http:
        id = hand_over(http)["id"]
    threading.Timer(1, release).start()
    gateway.stop()
    again = running(tmp_path, upstream)
    with again.http(ANNA) as http:
        assert http.get(f"/v1/jobs/{id}").json()["status"] == "succeeded"
        assert http.get(f"/v1/jobs/{id}/result").json()["choices"]
    again.stop()


def test_the_end_of_the_gateway_interrupts_what_takes_too_long(tmp_path: Path, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    gateway = running(tmp_path, upstream)
    with gateway.http(ANNA) as http:
        id = hand_over(http)["id"]
        eventually(lambda: posted(upstream) == 1)
    gateway.app.stop_by = 0.0
    gateway.stop()
    assert upstream.wait_disconnect()
    again = running(tmp_path, upstream)
    with again.http(ANNA) as http, again.http() as admin:
        job, result = http.get(f"/v1/jobs/{id}").json(), http.get(f"/v1/jobs/{id}/result")
        assert job["status"] == "failed" and job["error"]["code"] == "job_interrupted" and job["expires_at"]
        assert result.status_code == 503 and result.json()["error"] == job["error"]
        assert [(row["status"], row["error_code"]) for row in rows(admin)] == [(503, "job_interrupted")]
    again.stop()


def test_jobs_are_in_the_document_of_the_api(plain: RunningGateway) -> None:
    with plain.http() as http:
        paths = http.get("/openapi.json").json()["paths"]
    assert {"/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/result", "/v1/jobs/{id}/cancel"} <= paths.keys()


# --- how long it may take --------------------------------------------------------------------------------


def test_a_job_may_take_longer_than_an_answer_that_somebody_waits_for(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, upstream_timeout=0.5, jobs={"timeout": 30})
    try:
        with gateway.http(ANNA) as http:
            upstream.script = ["late:2", "late:2"]
            waited = http.post(CHAT, json=chat())
            done = ended(http, hand_over(http)["id"])
    finally:
        gateway.stop()
    assert waited.status_code == 504 and waited.json()["error"]["code"] == "upstream_timeout"
    assert done["status"] == "succeeded"


def test_a_job_keeps_to_the_timeout_that_a_provider_has_of_its_own(tmp_path: Path, upstream: Upstream) -> None:
    hurried = {"base_url": upstream.url, "max_retries": 0, "timeout": 0.5, "models": ["gpt-x"]}
    gateway = RunningGateway(tmp_path, providers={"main": hurried}, keys=[{"name": "anna", "key": ANNA}])
    try:
        with gateway.http(ANNA) as http:
            upstream.script = ["late:2"]
            done = ended(http, hand_over(http)["id"])
    finally:
        gateway.stop()
    assert done["status"] == "failed" and done["error"]["code"] == "upstream_timeout"
