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


@pytest.mark.parametrize(
    ("path", "place"), [("/v1/jobs/?limit=1", "/v1/jobs?limit=1"), ("/admin.html", "/ui/overview")]
)
def test_a_redirect_stays_at_the_address_that_was_asked(http: httpx.Client, path: str, place: str) -> None:
    """Also behind TLS, where clients would follow an address with http and send their key along."""
    reply = http.get(path, headers={"host": "elsewhere.example"})
    assert reply.status_code == 307 and reply.headers["location"] == place


def test_so_is_a_form_with_a_file(http: httpx.Client) -> None:
    reply = http.post("/audio/transcriptions", data={"model": "whisper-1"}, files={"file": ("a.wav", b"RIFF")})
    assert reply.status_code == 404
    assert reply.json()["error"]["message"].endswith("Did you mean /v1/audio/transcriptions?")


@pytest.mark.parametrize("path", ["/v1/route/explain", "/api/admin/login"])
def test_a_form_where_json_belongs_is_refused(http: httpx.Client, path: str) -> None:
    for form in ({"data": {"model": "gpt-x"}}, {"files": {"model": (None, "gpt-x")}}):
        reply = http.request("POST", path, **form)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_type"), reply.text
        assert "Content-Type: application/json" in reply.json()["error"]["message"]


def test_json_that_is_called_a_form_too_is_judged_as_json(http: httpx.Client) -> None:
    types = [("content-type", "application/json"), ("content-type", "multipart/form-data; boundary=a")]
    reply = http.post("/v1/route/explain", content=b'{"model": ' + b"[" * 300, headers=types)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


def test_an_endpoint_that_is_not_there_is_told_those_that_are(http: httpx.Client) -> None:
    reply = http.post("/v1/fine_tuning/jobs", json={"training_file": "file-1"})
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


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "missing_required_parameter", None),
        (b"{}", "missing_required_parameter", "model"),
        (b'{"model": 5}', "invalid_type", "model"),
    ],
)
def test_what_is_wrong_with_a_field_has_its_code_elsewhere_too(
    http: httpx.Client, body: bytes, code: str, param: str | None
) -> None:
    reply = http.post("/v1/route/explain", content=body, headers={"content-type": "application/json"})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, code, param)


def test_a_number_in_the_query_that_is_none_is_of_the_wrong_type(http: httpx.Client) -> None:
    error = http.get("/v1/models?limit=many").json()["error"]
    assert (error["code"], error["param"]) == ("invalid_type", "limit")
