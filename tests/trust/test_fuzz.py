"""10,000 mutated bodies at every inference endpoint and 3,000 at the administration: no 5xx, no hang, healthy after."""

import base64
import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.killers import MULTIPART, Mutations

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
CONTENT = [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
CHAT: dict[str, Any] = {
    "model": "gpt-x",
    "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": CONTENT}],
    "max_tokens": 5,
    "temperature": 0.5,
    "tools": TOOLS,
    "response_format": {"type": "json_object"},
    "stream_options": {"include_usage": True},
    "prompt_cache_key": "k",
    "stop": ["a"],
}
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA="
AUDIO = {"model": "whisper-1", "file_b64": WAV, "language": "en"}
FORM = (
    b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="response_format"\r\n\r\nverbose_json\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00\x00}\x00\x00"
    b"\x02\x00\x10\x00data\x00\x00\x00\x00"
    b"\r\n--cut--\r\n"
)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNgYGBgYAAAAAYAAXKCmeoAAAAASUVORK5CYII="
PICTURE = {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}
PAGE = {"model": "page-reader", "document": PICTURE, "pages": [0]}
PAGE_FORM = (
    b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\npage-reader\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    + base64.b64decode(PNG)
    + b"\r\n--cut--\r\n"
)
INFERENCE: list[tuple[str, int, Any, bytes | None]] = [
    ("/v1/chat/completions", 3500, CHAT, None),
    ("/v1/chat/completions", 1000, CHAT | {"stream": True}, None),
    (
        "/v1/completions",
        1000,
        {"model": "gpt-x", "prompt": ["a", "b"], "max_tokens": 3, "suffix": "x", "logprobs": 1},
        None,
    ),
    ("/v1/embeddings", 1000, {"model": "text-embed", "input": ["a", [1, 2]], "encoding_format": "base64"}, None),
    ("/v1/audio/transcriptions", 1000, AUDIO, FORM),
    ("/v1/audio/translations", 700, AUDIO, FORM),
    ("/transcribe", 500, AUDIO, FORM),
    (
        "/v1/ocr",
        1000,
        PAGE,
        PAGE_FORM,
    ),
    ("/v1/route/explain", 300, {"model": "gpt-x", "body": CHAT}, None),
]
KEY = {
    "name": "k",
    "allowed_models": ["a*"],
    "expires_at": "2030-01-01T00:00:00Z",
    "allowed_ips": ["10.0.0.0/8"],
    "rpm": 5,
    "tpm": 100,
    "max_parallel": 2,
    "budget_usd": 1.5,
    "budget_period": "day",
    "stream_policy": "error",
}
PROVIDER = {
    "id": "p",
    "base_url": "http://127.0.0.1:9",
    "api_key": "sk-abcdefgh",
    "headers": {"x-a": "b"},
    "timeout": 3,
    "models": ["a"],
    "performance": {"max_retries": 1},
    "health_check": {"interval": 60},
}
MODEL = {
    "id": "m",
    "type": "chat",
    "provider_id": "main",
    "upstream_model": "gpt-x",
    "aliases": ["n"],
    "targets": [{"provider": "main", "model": "gpt-x", "weight": 2}],
    "hedge": {"after": 1},
    "spill": {"in_flight": 3},
}
PERSON = {"username": "carl", "password": "correct horse battery", "role": "user", "rpm": 5}
ADMIN: list[tuple[str, str, int, Any]] = [
    ("POST", "/api/admin/apikeys", 500, KEY),
    ("PUT", "/api/admin/apikeys/nobody", 200, KEY),
    ("POST", "/api/admin/providers", 500, PROVIDER),
    ("PUT", "/api/admin/providers/main", 200, PROVIDER),
    ("POST", "/api/admin/models", 500, MODEL),
    ("PUT", "/api/admin/models/gpt-x", 200, MODEL),
    ("POST", "/api/admin/users", 200, PERSON),
    ("PUT", "/api/admin/settings/queue_size", 200, {"value": 5}),
    ("PUT", "/api/admin/settings/limits", 150, {"value": {"rpm": 5, "budget_usd": 3}}),
    ("POST", "/api/admin/login", 150, {"username": "ada", "password": "correct horse battery"}),
    ("POST", "/api/admin/setup", 200, {"token": "x", "username": "ada", "password": "correct horse battery"}),
]


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    listed = ["gpt-x", {"id": "text-embed", "type": "embedding"}, {"id": "whisper-1", "type": "transcription"}]
    listed.append({"id": "page-reader", "type": "ocr"})
    main = {"base_url": f"{upstream.url}/v1", "api_key": "sk-up", "models": listed, "max_retries": 0}
    running = RunningGateway(tmp_path, providers={"main": main}, body_timeout=5, queue_timeout=0)
    yield running
    running.stop()


class Line:
    """A connection that is kept for as many requests as the gateway allows."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._line = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=60)
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0

    def send(self, method: str, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        """A body is never waited for in vain: the timeout of the socket ends the test."""
        headers: dict[str, str | bytes] = {"authorization": f"Bearer {MASTER}", "content-type": kind.encode("latin-1")}
        began = time.monotonic()
        try:
            self._line.request(method, path, body, headers)
            answer = self._line.getresponse()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            self._line.close()  # an idle connection that was closed, or a refusal before the body was read
            self._line.request(method, path, body, headers)
            answer = self._line.getresponse()
        content = answer.read()
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[answer.status] += 1
        return answer.status, content


def test_10_000_mutated_bodies_for_inference(gateway: RunningGateway, upstream: Upstream) -> None:
    line, began = Line(gateway), time.monotonic()
    for seed, (path, amount, good, form) in enumerate(INFERENCE):
        status, answer = line.send("POST", path, MULTIPART if form else "application/json", form or _bytes(good))
        assert status < 500, answer
        for kind, body in islice(Mutations(seed).of(good, form), amount):
            status, answer = line.send("POST", path, kind, body)
            assert status < 500, (path, kind, body[:300], status, answer[:300])
            assert status < 400 or b'"error"' in answer, (path, kind, body[:300], answer[:300])
    _is_healthy(line)
    _report("inference", line, began)
    assert sum(line.statuses.values()) >= 10_000 and line.statuses[200] > 100


def test_3_000_mutated_bodies_for_the_administration(gateway: RunningGateway) -> None:
    line, began = Line(gateway), time.monotonic()
    for seed, (method, path, amount, good) in enumerate(ADMIN):
        dry = "" if "login" in path or "setup" in path else "?dry_run=true"
        for n, (kind, body) in enumerate(islice(Mutations(100 + seed).of(good), amount)):
            asked = path + (dry if n % 3 else "")
            status, answer = line.send(method, asked, kind, body)
            assert status < 500, (asked, kind, body[:300], status, answer[:300])
            assert status < 400 or b'"error"' in answer, (asked, kind, body[:300], answer[:300])
            if status in (200, 201) and not n % 3:
                _undo(line, method, path, answer)
    _is_healthy(line)
    _report("administration", line, began)
    assert sum(line.statuses.values()) >= 3_000


def _bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def _undo(line: Line, method: str, path: str, answer: bytes) -> None:
    """So that what was accepted does not pile up."""
    id = json.loads(answer).get("id") or path.rpartition("/")[2]
    where = path if method == "PUT" else f"{path}/{quote(id, safe='')}"
    status, said = line.send("DELETE", f"{where}?cascade=true", "application/json", b"")
    assert status < 500, (where, said)


def _is_healthy(line: Line) -> None:
    for path in ("/health", "/ready", "/v1/models", "/api/admin/apikeys", "/api/admin/requests", "/api/admin/usage"):
        status, answer = line.send("GET", path, "application/json", b"")
        assert status == 200, (path, answer)


def _report(what: str, line: Line, began: float) -> None:
    took, count = time.monotonic() - began, sum(line.statuses.values())
    said = ", ".join(f"{status}: {amount}" for status, amount in sorted(line.statuses.items()))
    print(f"{what}: {count} bodies in {took:.0f} s, slowest {line.slowest:.2f} s; {said}")
