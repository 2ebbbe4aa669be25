"""Chat, completions and embeddings through the official client, and what reaches the upstream.

Rows of docs/acceptance.md: A000-03, A000-07, A000-08, A000-09, A000-11, A002-09, A002-14, A002-15.
"""

import json
import socket
import threading
from typing import Any

import httpx
import openai
import pytest

from tests.api.conftest import FENCED
from tests.api.leaving import eventually
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
EVERYTHING = {
    "zeta": 1,
    "messages": HELLO,
    "model": "safe",
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "logprobs": True,
    "top_logprobs": 2,
    "n": 2,
    "stop": ["\n"],
    "seed": 7,
    "temperature": 0.5,
    "a_parameter_nobody_knows": {"nested": [1, 2.5, None, "é"]},
}


def test_a_chat_answer(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="gpt-x", messages=HELLO)
    assert reply.choices[0].message.content == "Hello from the upstream."
    assert reply.usage and reply.usage.total_tokens > 0


def test_a_streamed_chat_answer_with_usage(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="gpt-x", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello from the upstream."
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens > 0


def test_every_parameter_passes_untouched_and_in_order(http: httpx.Client, upstream: Upstream) -> None:
    assert http.post("/v1/chat/completions", json=EVERYTHING).status_code == 200
    expected = {**EVERYTHING, "model": "gpt-x"}
    assert upstream.last.json == expected
    assert list(json.loads(upstream.last.body)) == list(expected)


def test_the_upstream_sees_its_own_key_and_never_ours(http: httpx.Client, upstream: Upstream) -> None:
    http.post(
        "/v1/chat/completions", json={"model": "gpt-x", "messages": HELLO}, headers={"cookie": "a=b", "x-own": "1"}
    )
    assert upstream.last.headers["authorization"] == "Bearer sk-upstream-secret"
    assert "cookie" not in upstream.last.headers and "x-own" not in upstream.last.headers
    assert MASTER not in str(upstream.last.headers) + upstream.last.body.decode()


def test_a_reply_says_who_answered(http: httpx.Client, upstream: Upstream) -> None:
    upstream.script.append("500")
    reply = http.post("/v1/chat/completions", json={"model": "safe", "messages": HELLO})
    assert reply.headers["x-gateway-provider"] == "spare"
    assert reply.headers["x-gateway-model"] == "gpt-y"
    assert reply.headers["x-gateway-attempts"] == "main/gpt-x=upstream_server_error, spare/gpt-y=200"
    assert float(reply.headers["x-gateway-overhead-ms"]) >= 0
    assert reply.headers["x-request-id"].startswith("req-")
    assert "set-cookie" not in reply.headers and "server" not in {k for k in reply.headers if "upstream" in k}


def test_text_completions(client: openai.OpenAI) -> None:
    reply = client.completions.create(model="gpt-x", prompt="hello")
    assert reply.choices[0].text == "Hello from the upstream."
    pieces = client.completions.create(model="gpt-x", prompt="hello", stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == "Hello from the upstream."


@pytest.mark.parametrize("given", ["hello", ["hello", "world"], [1, 2, 3]])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(client: openai.OpenAI, given: Any, encoding: Any) -> None:
    reply = client.embeddings.create(model="text-embed", input=given, encoding_format=encoding)
    assert len(reply.data) == (2 if given == ["hello", "world"] else 1)
    assert isinstance(reply.data[0].embedding, str if encoding == "base64" else list)
    default = client.embeddings.create(model="text-embed", input=given)
    assert len(default.data[0].embedding) > 1


@pytest.mark.parametrize("failure", ["500", "503", "429", "reset", "empty", "html", "401", "404", "garbage"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_failing_provider_falls_back(client: openai.OpenAI, upstream: Upstream, failure: str, stream: bool) -> None:
    upstream.faults["gpt-x"] = failure
    reply: Any = client.chat.completions.create(model="safe", messages=HELLO, stream=stream)
    text = "".join(c.choices[0].delta.content or "" for c in reply) if stream else reply.choices[0].message.content
    assert text == "Hello from the spare."


def test_the_callers_own_mistake_is_told_and_tried_nowhere_else(
    http: httpx.Client, upstream: Upstream, spare: Upstream
) -> None:
    upstream.faults["gpt-x"] = "context"
    reply = http.post("/v1/chat/completions", json={"model": "safe", "messages": HELLO})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "context_length_exceeded"
    assert not spare.requests


@pytest.mark.parametrize("fault", ["cut:2", "garbage:2", "error:2", "nodone"])
def test_a_stream_that_breaks_never_ends_as_if_complete(http: httpx.Client, upstream: Upstream, fault: str) -> None:
    upstream.faults["gpt-x"] = fault
    with http.stream(
        "POST", "/v1/chat/completions", json={"model": "gpt-x", "messages": HELLO, "stream": True}
    ) as reply:
        text = reply.read().decode()
    if fault == "nodone":
        return  # the finish reason was there: the answer is whole
    assert "[DONE]" not in text
    assert json.loads(text.strip().rpartition("data: ")[2])["error"]["type"] == "upstream_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_stops_the_upstream(gateway: RunningGateway, upstream: Upstream, stream: bool) -> None:
    upstream.faults["gpt-x"] = "stall:3" if stream else "hang"
    body = json.dumps({"model": "gpt-x", "messages": HELLO, "stream": stream}).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MASTER}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert eventually(lambda: upstream.requests)
        if stream:
            assert connection.recv(10)
    assert upstream.wait_disconnect()


def test_concurrent_callers_get_their_own_answers(gateway: RunningGateway, upstream: Upstream) -> None:
    wrong: list[str] = []

    def ask(n: int) -> None:
        with gateway.http() as http:
            for _ in range(5):
                body = {"model": "text-embed", "input": [f"text {n}"] * (n + 1)}
                if len(http.post("/v1/embeddings", json=body).json()["data"]) != n + 1:
                    wrong.append(str(n))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"", 400, "invalid_json", None),
        (b"[1]", 400, "invalid_json", None),
        (b'{"model": NaN}', 400, "invalid_json", None),
        (b'{"messages": []}', 400, "missing_model", "model"),
        (b'{"model": 3, "messages": []}', 400, "invalid_type", "model"),
        (b'{"model": 1e999, "messages": []}', 400, "invalid_value", "model"),
        (b'{"model": "gpt-x"}', 400, "missing_required_parameter", "messages"),
        (b'{"model": "gpt-x", "messages": null}', 400, "missing_required_parameter", "messages"),
        (b'{"model": "gpt-x", "messages": "hello"}', 400, "invalid_type", "messages"),
        (b'{"model": "gpt-x", "messages": {"role": "user"}}', 400, "invalid_type", "messages"),
        (b'{"model": "gpt-x", "messages": [], "stream": 1e999}', 400, "invalid_value", "stream"),
        (b'{"model": "gpt-x", "messages": [], "prompt_cache_key": 1e999}', 400, "invalid_value", "prompt_cache_key"),
        (b'{"model": "gpt-x", "messages": [], "stream": "maybe"}', 400, "invalid_type", "stream"),
        (b'{"model": "nothing", "messages": []}', 404, "model_not_found", "model"),
        (b'{"model": "text-embed", "messages": []}', 400, "invalid_model_type", "model"),
        (b"[" * 100_000, 400, "invalid_json", None),
    ],
)
def test_bad_bodies_get_an_error_that_names_the_field(
    http: httpx.Client, upstream: Upstream, body: bytes, status: int, code: str, param: str | None
) -> None:
    reply = http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["message"] and error["type"] == "invalid_request_error"
    assert not upstream.requests


@pytest.mark.parametrize("given", ["", []])
def test_an_empty_embedding_input_is_refused(http: httpx.Client, given: Any) -> None:
    reply = http.post("/v1/embeddings", json={"model": "text-embed", "input": given})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "input"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-wrong-key-0123456789"}, {"x-api-key": "nope"}])
def test_without_a_good_key_nothing_is_asked(
    gateway: RunningGateway, upstream: Upstream, headers: dict[str, str]
) -> None:
    with gateway.http(key=None) as http:
        reply = http.post("/v1/chat/completions", json={"model": "gpt-x", "messages": HELLO}, headers=headers)
        assert reply.status_code == 401 and reply.json()["error"]["code"] == "invalid_api_key"
        assert http.get("/v1/models", headers=headers).status_code == 401
    assert not upstream.requests


def test_x_api_key_is_accepted(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.http(key=None) as http:
        reply = http.post(
            "/v1/chat/completions", json={"model": "gpt-x", "messages": HELLO}, headers={"x-api-key": MASTER}
        )
    assert reply.status_code == 200


def test_a_fenced_key_sees_and_uses_only_its_models(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.client(FENCED) as client:
        assert {model.id for model in client.models.list()} == {"safe", "text-embed"}
        client.chat.completions.create(model="safe", messages=HELLO)
        with pytest.raises(openai.PermissionDeniedError, match="may not use the model 'gpt-x'"):
            client.chat.completions.create(model="gpt-x", messages=HELLO)
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="main/gpt-x", messages=HELLO)


def test_a_provider_prefix_needs_no_configuration(client: openai.OpenAI, upstream: Upstream) -> None:
    client.chat.completions.create(model="main/some/new-model", messages=HELLO)
    assert upstream.last.json["model"] == "some/new-model"


def test_wrong_methods_and_paths_get_openai_errors(http: httpx.Client) -> None:
    assert http.get("/v1/chat/completions").status_code == 405
    assert http.get("/v1/chat/completions").headers["allow"] == "POST"
    missing = http.get("/v1/nothing")
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "not_found"


def test_models_can_be_listed_page_by_page_and_fetched(client: openai.OpenAI, http: httpx.Client) -> None:
    everything = [model.id for model in client.models.list()]
    first = http.get("/v1/models", params={"limit": 2}).json()
    rest = http.get("/v1/models", params={"after": first["last_id"]}).json()
    assert first["has_more"] and not rest["has_more"]
    assert [m["id"] for m in first["data"] + rest["data"]] == everything
    assert client.models.retrieve("text-embed").model_dump()["type"] == "embedding"
    with pytest.raises(openai.NotFoundError, match="Did you mean 'text-embed'"):
        client.models.retrieve("text-embd")


def test_health_names_no_address_and_no_key(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.http(key=None) as http:
        reply = http.get("/health")
        assert reply.status_code == 200
        body = reply.json()
        assert body["status"] == "healthy" and {p["id"] for p in body["providers"]} == {"main", "spare", "chutes"}
        assert body["service"] == "chute-gateway" and body["models"] > 5 and body["engines"] == []
        assert "127.0.0.1" not in reply.text and "secret" not in reply.text
        assert http.get("/live").status_code == 200 and http.get("/ready").json()["ready"] is True
