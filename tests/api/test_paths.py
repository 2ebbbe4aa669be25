"""Wrong paths and wrong methods: the answer says what would have been right."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("//v1//audio/transcriptions", "/v1/audio/transcriptions"),
        ("/models", "/v1/models"),
    ],
)
def test_a_path_that_is_nearly_right_is_told_the_right_one(http: httpx.Client, path: str, meant: str) -> None:
    reply = http.post(path, json={})
    assert reply.status_code == 404 and reply.json()["error"]["code"] == "not_found"
    assert reply.json()["error"]["message"].endswith(f"Did you mean {meant}?")


def test_an_endpoint_that_is_not_there_is_told_those_that_are(http: httpx.Client) -> None:
    reply = http.post("/v1/responses", json={"model": "gpt-x", "input": "hello"})
    assert reply.status_code == 404 and "/v1/chat/completions" in reply.json()["error"]["message"]
    assert http.get("/nothing").json()["error"]["message"] == "There is nothing at this path."


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/gpt-x", "GET"),
        ("PATCH", "/v1/jobs", "GET, POST"),
        ("PATCH", "/api/admin/models/gpt-x", "DELETE, GET, PUT"),
    ],
)
def test_a_wrong_method_is_told_all_the_right_ones(http: httpx.Client, method: str, path: str, allowed: str) -> None:
    reply = http.request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
    assert allowed in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/live"])
def test_monitors_may_ask_for_the_head_of_a_check(http: httpx.Client, path: str) -> None:
    head, whole = http.head(path), http.get(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
