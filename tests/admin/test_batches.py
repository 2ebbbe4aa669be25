"""Batches of everybody as administrators see them: whose they are, how far, what failed; ending one, deleting files.

Who may do so is in test_permissions.py, as for every route of administration.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.admin.people import USER
from tests.api.jobs import ANNA, CHAT, chat, eventually, running
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

ENDS = ("completed", "failed", "expired", "cancelled")


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    served = running(tmp_path, upstream)
    yield served
    served.stop()


@pytest.fixture
def admin(gateway: RunningGateway) -> Iterator[httpx.Client]:
    with gateway.http() as client:
        yield client


def begun(gateway: RunningGateway, key: str, *bodies: Any, name: str = "asks.jsonl") -> str:
    """The id of a batch of these requests. What is no object is a line as it is."""
    lines = [
        json.dumps({"custom_id": f"ask-{n}", "method": "POST", "url": CHAT, "body": body})
        if isinstance(body, dict)
        else str(body)
        for n, body in enumerate(bodies)
    ]
    with gateway.http(key) as http:
        given: Any = {"purpose": (None, "batch"), "file": (name, "\n".join(lines).encode())}
        file = http.post("/v1/files", files=given).json()
        made = http.post(
            "/v1/batches", json={"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
        )
    assert made.status_code == 200, made.text
    id: str = made.json()["id"]
    return id


def read(admin: httpx.Client, id: str) -> dict[str, Any]:
    answer = admin.get(f"/api/admin/batches/{id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(admin: httpx.Client, id: str) -> dict[str, Any]:
    eventually(lambda: read(admin, id)["status"] in ENDS)
    return read(admin, id)


def ids(admin: httpx.Client, **wanted: Any) -> list[str]:
    return [one["id"] for one in admin.get("/api/admin/batches", params=wanted).json()["data"]]


def test_batches_of_everybody_are_listed_with_whose_they_are(gateway: RunningGateway, admin: httpx.Client) -> None:
    user = admin.post("/api/admin/users", json=USER).json()["id"]
    key = admin.post("/api/admin/apikeys", json={"name": "Nightly", "user_id": user}).json()
    nightly = begun(gateway, key["key"], chat(), chat("other-x"), chat())
    ended(admin, nightly)
    anna = begun(gateway, ANNA, chat())
    ended(admin, anna)
    master = begun(gateway, MASTER, "{oops")
    assert ended(admin, master)["status"] == "failed"
    first = admin.get("/api/admin/batches", params={"limit": 2}).json()
    assert [one["id"] for one in first["data"]] == [master, anna]
    assert (first["total"], first["limit"], first["offset"]) == (3, 2, 0)
    second = admin.get("/api/admin/batches", params={"limit": 2, "offset": 2}).json()
    (row,) = second["data"]
    assert {name: row[name] for name in ("id", "key_id", "key_name", "user_id", "username", "endpoint", "status")} == {
        "id": nightly, "key_id": key["id"], "key_name": "Nightly", "user_id": user, "username": "bob",
        "endpoint": CHAT, "status": "completed",
    }  # fmt: skip
    assert row["models"] == ["gpt-x", "other-x"]
    assert row["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert row["created_at"] <= row["started_at"] <= row["finished_at"] < row["expires_at"]
    assert row["input_bytes"] == len(admin.get(f"/v1/files/{row['input_file_id']}/content").content) > 0
    names = [one["key_name"] for one in first["data"]]
    assert names == ["master", "anna"]


def test_lists_are_filtered_and_a_wrong_filter_is_named(gateway: RunningGateway, admin: httpx.Client) -> None:
    user = admin.post("/api/admin/users", json=USER).json()["id"]
    key = admin.post("/api/admin/apikeys", json={"name": "Nightly", "user_id": user}).json()
    nightly, anna = begun(gateway, key["key"], chat("other-x")), begun(gateway, ANNA, "{oops", name="wrong.jsonl")
    ended(admin, nightly)
    ended(admin, anna)
    assert ids(admin, status="failed") == [anna] and ids(admin, status="failed,completed") == [anna, nightly]
    assert ids(admin, key_id=key["id"]) == ids(admin, user_id=user) == [nightly]
    assert ids(admin, key_id="nobody") == ids(admin, user_id=user, key_id="nobody") == []
    for text in ("NIGHT", "bob", "OTHER-x", nightly[6:]):
        assert ids(admin, q=text) == [nightly], text
    refused = admin.get("/api/admin/batches", params={"status": "done"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "status")
    assert "in_progress" in refused.json()["error"]["message"]
    for param, value in (("limit", 0), ("offset", -1)):
        refused = admin.get("/api/admin/batches", params={param: value})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    files = [one["name"] for one in admin.get("/api/admin/files", params={"q": "wrong"}).json()["data"]]
    assert files == ["wrong.jsonl"]
    assert admin.delete(f"/api/admin/apikeys/{key['id']}").status_code == 200
    gone = read(admin, nightly)
    assert (gone["key_id"], gone["key_name"], gone["username"]) == (key["id"], "", "")


def test_what_went_wrong_is_told_with_the_request_that_it_was(gateway: RunningGateway, admin: httpx.Client) -> None:
    wrong = ended(admin, begun(gateway, ANNA, chat(), "{oops", chat(stream=True)))
    assert [(one["line"], one["param"], one["code"]) for one in wrong["errors"]] == [
        (2, None, "invalid_json"), (3, "body.stream", "invalid_body"),
    ]  # fmt: skip
    assert wrong["failures"] == [] and wrong["output_file_id"] is None
    done = ended(admin, begun(gateway, ANNA, chat(), *[chat("no-such-model")] * 25))
    assert done["errors"] == [] and done["error_file_id"] and done["output_file_id"] and done["kept_until"]
    assert len(done["failures"]) == 20 and done["request_counts"]["failed"] == 25
    one = done["failures"][0]
    assert (one["custom_id"], one["status"], one["code"]) == ("ask-1", 404, "model_not_found")
    assert "no-such-model" in one["message"]
    eventually(lambda: admin.get(f"/api/admin/requests/{one['request_id']}").status_code == 200)
    missing = admin.get("/api/admin/batches/batch_none")
    assert (missing.status_code, missing.json()["error"]["param"]) == (404, "batch_id")


def test_an_administrator_cancels_a_batch_of_somebody_and_the_log_says_so(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    upstream.faults["gpt-x"] = "hang"
    id = begun(gateway, ANNA, chat(), chat())
    eventually(lambda: len(upstream.requests) == 2)
    file = read(admin, id)["input_file_id"]
    refused = admin.delete(f"/api/admin/files/{file}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "file_in_use")
    cancelled = admin.post(f"/api/admin/batches/{id}/cancel")
    assert cancelled.status_code == 200 and cancelled.json()["status"] in ("cancelling", "cancelled")
    assert admin.post(f"/api/admin/batches/{id}/cancel").status_code in (200, 409)
    done = ended(admin, id)
    assert done["status"] == "cancelled" and {one["code"] for one in done["failures"]} == {"batch_cancelled"}
    assert {(one["status"], one["request_id"]) for one in done["failures"]} == {(None, "")}
    again = admin.post(f"/api/admin/batches/{id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "batch_ended")
    log = admin.get("/api/admin/audit", params={"resource": "batches"}).json()
    assert [(one["actor"], one["action"], one["resource_id"]) for one in log["data"]] == [("master key", "cancel", id)]
    with gateway.http(ANNA) as own:
        own_id = begun(gateway, ANNA, chat())
        own.post(f"/v1/batches/{own_id}/cancel")
    assert ended(admin, own_id)["status"] == "cancelled"
    log = admin.get("/api/admin/audit", params={"resource": "batches"}).json()
    assert log["total"] == 1, "what its owner does is no administration"


def test_files_are_listed_with_their_sum_and_deleted(gateway: RunningGateway, admin: httpx.Client) -> None:
    done = ended(admin, begun(gateway, ANNA, chat()))
    ended(admin, begun(gateway, MASTER, chat(), chat()))
    found = admin.get("/api/admin/files", params={"limit": 1}).json()
    everything = admin.get("/api/admin/files").json()
    assert (found["total"], found["limit"], len(found["data"])) == (4, 1, 1)
    assert found["total_bytes"] == everything["total_bytes"] == sum(one["bytes"] for one in everything["data"]) > 0
    uploads = admin.get("/api/admin/files", params={"purpose": "batch"}).json()
    assert (uploads["total"], [one["key_name"] for one in uploads["data"]]) == (2, ["master", "anna"])
    assert uploads["total_bytes"] < everything["total_bytes"]
    assert all(one["created_at"] < one["expires_at"] for one in everything["data"])
    file = done["input_file_id"]
    assert admin.delete(f"/api/admin/files/{file}").json()["deleted"]
    assert admin.delete(f"/api/admin/files/{file}").status_code == 404
    assert admin.get("/api/admin/files").json()["total"] == 3
    assert read(admin, done["id"])["input_bytes"] is None
    (told,) = admin.get("/api/admin/audit", params={"resource": "files"}).json()["data"]
    assert (told["action"], told["resource_id"], told["changes"]["name"]) == ("delete", file, ["asks.jsonl", None])


def metric(admin: httpx.Client, name: str, label: str) -> float:
    lines = admin.get("/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f'{name}{{{label}"}}'))


def test_metrics_tell_of_batches(gateway: RunningGateway, admin: httpx.Client, upstream: Upstream) -> None:
    assert metric(admin, "gateway_batches", 'status="in_progress') == 0
    ended(admin, begun(gateway, ANNA, chat(), chat("no-such-model"), chat()))
    eventually(lambda: metric(admin, "gateway_batches_ended_total", 'status="completed') == 1)
    assert metric(admin, "gateway_batch_requests_total", 'outcome="completed') == 2
    assert metric(admin, "gateway_batch_requests_total", 'outcome="failed') == 1
    upstream.faults["gpt-x"] = "hang"
    id = begun(gateway, ANNA, chat())
    eventually(lambda: metric(admin, "gateway_batches", 'status="in_progress') == 1)
    admin.post(f"/api/admin/batches/{id}/cancel")  # as the end of the gateway would wait for what hangs
    assert ended(admin, id)["status"] == "cancelled"
