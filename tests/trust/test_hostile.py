"""What strangers do to a port, and whether any secret ever comes out of the gateway."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.bodies import MAX_BYTES
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.processes import Served, chat_body, eventually, usage_rows

CHAT = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + MASTER + "\r\n"
ADMIN = "POST /api/admin/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
SMUGGLED = "GET /api/admin/apikeys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + MASTER + "\r\n\r\n"


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    running = started(tmp_path, upstream, body_timeout=2)
    yield running
    running.stop()


@pytest.fixture
def patient(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """A gateway that waits for a body for longer than its callers here wait for an answer."""
    running = started(tmp_path, upstream, body_timeout=600)
    yield running
    running.stop()


def started(folder: Path, upstream: Upstream, *, body_timeout: float) -> RunningGateway:
    main = {"base_url": f"{upstream.url}/v1", "api_key": "sk-up-0123456789", "models": ["gpt-x"]}
    return RunningGateway(folder, providers={"main": main}, body_timeout=body_timeout)


def connect(gateway: RunningGateway) -> socket.socket:
    host, port = gateway.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def all_of(line: socket.socket) -> bytes:
    """Until the other end closes."""
    seen = b""
    try:
        while piece := line.recv(65536):
            seen += piece
    except ConnectionResetError:
        pass
    return seen


def send(line: socket.socket, data: bytes) -> None:
    try:
        line.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return


def is_well(gateway: RunningGateway) -> None:
    with gateway.http() as client:
        assert client.get("/health").status_code == 200
        assert client.post("/v1/chat/completions", json=chat_body()).status_code == 200


@pytest.mark.parametrize("start", [CHAT, ADMIN], ids=["inference", "admin"])
@pytest.mark.parametrize(
    "fields",
    [
        "".join(f"x-{n}: y\r\n" for n in range(201)),
        "".join(f"x-{n}: y\r\n" for n in range(100_000)),
        "x: " + "y" * 10**6,
    ],
    ids=["201 headers", "100,000 headers", "one of a megabyte"],
)
def test_a_head_that_is_too_large_is_refused_early(gateway: RunningGateway, start: str, fields: str) -> None:
    with connect(gateway) as line:
        send(line, f"{start}{fields}\r\n\r\n".encode())
        answer = all_of(line)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), answer[:200]
    is_well(gateway)


def test_a_path_of_a_megabyte_is_refused(gateway: RunningGateway) -> None:
    with connect(gateway) as line:
        send(line, b"GET /" + b"a" * 10**6 + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 200 " not in all_of(line)[:20]
    is_well(gateway)


def test_silent_sockets_and_half_heads_are_closed_while_others_are_served(gateway: RunningGateway) -> None:
    """In the tests after 5 s, in `gateway serve` after 75."""
    halves = ["", "P", "POST /v1/chat/completions HTTP/1.1\r\nhost", CHAT, CHAT + "content-length: 50\r\n\r\n{", ADMIN]
    lines = [connect(gateway) for _ in range(300)]
    for n, line in enumerate(lines):
        send(line, halves[n % len(halves)].encode())  # some may have been silent for too long already
    is_well(gateway)
    for line in lines:
        all_of(line)
        line.close()
    eventually(lambda: len(gateway._server.server_state.connections) <= 1)


def test_a_body_that_comes_slowly_is_given_up(gateway: RunningGateway) -> None:
    for start in (CHAT, ADMIN):
        with connect(gateway) as line:
            line.sendall(f'{start}content-length: 60\r\n\r\n{{"model":'.encode())
            assert all_of(line).startswith(b"HTTP/1.1 408 "), start


@pytest.mark.parametrize("path", ["/api/admin/login", "/api/admin/apikeys", "/api/admin/setup", "/v1/route/explain"])
def test_bodies_for_the_administration_are_bounded_before_anybody_is_known(gateway: RunningGateway, path: str) -> None:
    with gateway.http(None) as client:
        assert client.post(path, content=b"x" * (MAX_BYTES + 1)).status_code == 413
        assert client.post(path, content=iter([b"x" * 2**20] * 10)).status_code == 413
        assert client.post(path, content=b"\x1f\x8b", headers={"content-encoding": "gzip"}).status_code == 415
        assert client.post(path, content=b"[" * 100_000).status_code == 400
        assert client.post(path, content=b'{"a":"\xff"}').status_code == 400


@pytest.mark.parametrize("start", [CHAT, ADMIN], ids=["inference", "admin"])
@pytest.mark.parametrize(
    "framing",
    [
        "content-length: 6\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 6\r\n",
        "content-length: 6\r\ncontent-length: 0\r\n",
        "content-length: +6\r\n",
        "content-length: 0x6\r\n",
        "content-length: -1\r\n",
        "content-length: 6, 6\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\x0bchunked\r\n",
        " transfer-encoding: chunked\r\n",
        "content-length: 6\r\n transfer-encoding: chunked\r\n",
        "x: y\rcontent-length: 6\r\n",
        "x: y\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n",
        "x\x00: y\r\n",
        "content-length 6\r\n",
    ],
)
def test_a_request_framed_in_two_ways_hides_no_second_one(gateway: RunningGateway, start: str, framing: str) -> None:
    with connect(gateway) as line:
        line.settimeout(8)
        send(line, f"{start}{framing}\r\n0\r\n\r\n{SMUGGLED}".encode("latin-1"))
        try:
            answer = all_of(line)
        except TimeoutError:
            answer = b""
    assert b'"is_master"' not in answer and answer.count(b"HTTP/1.1 200") == 0, answer[:300]
    is_well(gateway)


CHUNKED = "transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("trailers", ["".join(f"x-{n}: y\r\n" for n in range(100_000)), "x: " + "y" * 10**6])
@pytest.mark.parametrize("start", [CHAT, ADMIN], ids=["inference", "admin"])
def test_trailers_without_end_are_given_up_early(patient: RunningGateway, start: str, trailers: str) -> None:
    """Not only when the time for a body is over: until then they would fill the memory."""
    with connect(patient) as line:
        send(line, f"{start}{CHUNKED}2\r\n{{}}\r\n0\r\n{trailers}".encode())
        assert all_of(line) == b""
    is_well(patient)


def test_a_trailer_is_no_header(gateway: RunningGateway) -> None:
    body = b'{"model": "gpt-x"}'
    fields = "host: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
    head = f"POST /v1/route/explain HTTP/1.1\r\n{fields}{CHUNKED}{len(body):x}\r\n".encode()
    with connect(gateway) as line:
        send(line, head + body + f"\r\n0\r\nauthorization: Bearer {MASTER}\r\n\r\n".encode())
        assert all_of(line).startswith(b"HTTP/1.1 401 ")


CANARY = "canary7f3a"
PROVIDER_KEY = f"sk-{CANARY}-provider-0123456789"
CALLER_KEY = f"sk-{CANARY}-caller-0123456789"
PASSWORD = f"{CANARY} password of somebody"
PROMPT = f"{CANARY} prompt"


def test_no_secret_and_no_prompt_comes_out(tmp_path: Path, upstream: Upstream) -> None:
    """All that the gateway wrote to its folder and its log, and all that it answered after the keys were made."""
    master = f"sk-{CANARY}-master-0123456789"
    secrets = {"METRICS_TOKEN": f"{CANARY}-metrics-token-0123", "SECRET_KEY": f"{CANARY}-Zk4r9Qw2Lx8Vb1Nm6Tc3Yp7Hj"}
    environment: dict[str, Any] = {"MASTER_API_KEY": master, "LOG_LEVEL": "debug", **secrets}
    served = Served(tmp_path, **environment)
    answers: list[str] = []
    with served, served.http(master) as admin:
        admin.event_hooks["response"] = [lambda answer: answers.append(answer.read().decode("utf-8", "replace"))]
        provider: dict[str, Any] = {"id": "p", "base_url": upstream.url, "api_key": PROVIDER_KEY, "type": "openai"}
        provider |= {"headers": {"x-own": f"{CANARY}-header"}, "proxy": None}
        assert admin.post("/api/admin/providers", json=provider).status_code == 201
        for name, path in (
            ("gpt-x", "gpt-x"),
            ("echo", "fault:echo-auth"),
            ("down", "fault:401"),
            ("cut", "fault:cut:2"),
        ):
            model = {"id": name, "provider_id": "p", "upstream_model": path}
            assert admin.post("/api/admin/models", json=model).status_code == 201
        key = admin.post("/api/admin/apikeys", json={"name": "k", "key": CALLER_KEY}).json()
        assert key["key"] == CALLER_KEY
        answers.clear()
        person = {"username": "carl", "password": PASSWORD, "role": "user"}
        assert admin.post("/api/admin/users", json=person).status_code == 201
        bad = admin.post("/api/user/login", json={"username": "carl", "password": PASSWORD + "x"})
        assert bad.status_code == 401
        _ask_all(served, answers)
        admin.put("/api/admin/providers/p", json=provider | {"name": "other"})
        admin.post("/api/admin/providers/p/test", json={})
        for path in (
            "providers",
            "models",
            "apikeys",
            "users",
            "settings",
            "audit",
            "requests",
            "usage",
            "providers/p",
        ):
            admin.get(f"/api/admin/{path}")
        for path in (
            "/health",
            "/ready",
            "/openapi.json",
            "/v1/models",
            "/metrics",
            "/stats",
            f"/?api_key={CALLER_KEY}",
        ):
            admin.get(path)
        eventually(lambda: len(usage_rows(admin)) >= 5)
    for answer in answers:
        assert CANARY not in answer, answer[:500]
    assert CANARY not in served.log
    for file in served.state.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
            assert file.stat().st_mode & 0o077 == 0, file


def _ask_all(served: Served, answers: list[str]) -> None:
    body = chat_body() | {"messages": [{"role": "user", "content": PROMPT}]}
    with served.http(CALLER_KEY) as caller:
        for model in ("gpt-x", "echo", "down", "cut", "missing"):
            for stream in (False, True):
                answer = caller.post("/v1/chat/completions", json=body | {"model": model, "stream": stream})
                answers.append(answer.text)
        answers.append(caller.post("/v1/chat/completions", content=json.dumps(body)[:-3]).text)
        answers.append(caller.post(f"/v1/chat/completions?api_key={CALLER_KEY}", json={"model": "gpt-x"}).text)
    with httpx.Client(base_url=served.url) as stranger:
        answers.append(stranger.get("/v1/models", headers={"authorization": f"Bearer {CALLER_KEY}x"}).text)


@pytest.mark.parametrize("file", ["master_key", "secret_key", "gateway.db", "setup_token", ".env", "../etc/passwd"])
def test_files_of_the_state_folder_are_not_served(gateway: RunningGateway, file: str) -> None:
    ways = [
        "/",
        "/ui/",
        "/assets/",
        "/ui/assets/",
        "/static/",
        "/ui/../../state/",
        "/assets/..%2f..%2f",
        "//",
        "/%2e%2e/",
    ]
    for way in [*ways, "/ui/%2e%2e%2f%2e%2e%2f", "/assets/....//", f"/{gateway.state_dir}/", "/ui/\\..\\"]:
        with connect(gateway) as line:
            line.sendall(f"GET {way}{file} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            answer = all_of(line)
        assert b"SQLite format" not in answer and b"root:" not in answer
        for kept in gateway.state_dir.glob("*_key"):
            assert kept.read_bytes().strip() not in answer


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://127.0.0.1:9/v1\r\nx-injected: 1"},
        {"base_url": "http://user:password@api.example.com/v1"},
        {"base_url": "http://169.254.169.254/latest"},
        {"base_url": "http://[fd00:ec2::254]/"},
        {"base_url": "file:///etc/passwd"},
        {"base_url": "gopher://127.0.0.1:70/"},
        {"base_url": "http://api.example.com/v1?x=1"},
        {"base_url": "http://api.example.com/v1#x"},
        {"base_url": "http://"},
        {"api_key": "sk-one\r\nx-injected: 1"},
        {"api_key": "sk-one\x00"},
        {"headers": {"x-a": "b\r\nx-injected: 1"}},
        {"headers": {"x-a\r\nx-injected": "b"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"host": "other.example"}},
        {"proxy": "file:///x"},
    ],
)
def test_a_provider_that_would_reach_elsewhere_is_refused(gateway: RunningGateway, change: dict[str, object]) -> None:
    good = {"id": "p", "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-one-0123456789", "type": "openai"}
    with gateway.http() as admin:
        answer = admin.post("/api/admin/providers", json=good | change)
        assert answer.status_code == 400, answer.text
        assert admin.post("/api/admin/providers", json=good).status_code == 201


@pytest.mark.parametrize(
    "more",
    [
        {"base_url": "http://127.0.0.1:1"},
        {"api_base": "http://127.0.0.1:1"},
        {"api_key": "sk-of-the-caller"},
        {"provider": "http://127.0.0.1:1"},
        {"extra_headers": {"authorization": "x"}},
    ],
)
def test_a_caller_names_no_upstream_no_key_and_no_header(
    gateway: RunningGateway, upstream: Upstream, more: dict[str, object]
) -> None:
    headers = {"x-base-url": "http://127.0.0.1:1", "x-provider-key": "y", "openai-organization": "z", "cookie": "a=b"}
    with gateway.http() as client:
        answer = client.post("/v1/chat/completions", json=chat_body() | more, headers=headers)
    assert answer.status_code in (200, 400)
    for request in upstream.requests:
        assert request.key == "sk-up-0123456789"
        assert not {"x-base-url", "x-provider-key", "openai-organization", "cookie"} & set(request.headers)
