"""Whoever may not use a model never reaches its provider, whatever the model is called and wherever it is named."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.test_fuzz import FORM, PICTURE, WAV

OUTSIDE = [
    "secret-1",
    "SECRET-1",
    "Secret-1",
    "ｓecret-1",
    "secret‑1",
    "secret-1\u200b",
    "%73ecret-1",
    "./secret-1",
    "open-1/../secret-1",
    "vault/secret-1",
    "vault/up-secret",
    "VAULT/secret-1",
    "vault//secret-1",
    "main/../vault/secret-1",
    "main/secret-1",
    "main/up-secret",
    "vault/secret-1:latency",
    "secret-1:latency",
    "secret-1:throughput",
    "secret-1:THINKING",
    "secret-1:latency:throughput",
    "open-1,secret-1",
    "secret-1,open-1",
    "open-1,secret-1:latency",
    "open-1,secret-1:latency,open-1",
    ",secret-1",
    "secret-1,",
    "open-1,,secret-1:THINKING",
    "open-1,vault/up-secret",
    "open-1,vault/up-secret:latency,open-1",
    "open-alias",
    "open-alias:latency",
    "open-1,open-alias",
    "open-1,open-alias:latency,open-1",
    "open-1,open-alias:THINKING,open-1",
    "default",
    "default:latency",
    "open-1,default",
    "open-1,default:throughput,open-1",
    "*",
    "open-*",
    "[s]ecret-1",
]
OUTSIDE += [
    " secret-1",
    "secret-1 ",
    "secret-1\n",
    "secret-1\x00",
    "open-1, secret-1 ",
    "open-1\nsecret-1",
    "open-1 ,\tsecret-1",
]
TEXT = {"messages": [{"role": "user", "content": "hi"}], "prompt": "hi", "input": "hi"}
FILES = {"file_b64": WAV}
ENDPOINTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": TEXT,
    "/v1/completions": TEXT,
    "/v1/embeddings": TEXT,
    "/v1/audio/transcriptions": FILES,
    "/v1/audio/translations": FILES,
    "/transcribe": FILES,
    "/v1/ocr": {"document": PICTURE},
}
EVERYWHERE = pytest.mark.parametrize("path", ENDPOINTS)


@pytest.fixture(scope="module")
def vault() -> Iterator[Upstream]:
    """The provider of the model that nobody here may use."""
    server = Upstream.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, vault: Upstream
) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("fence"),
        providers={
            "main": {"base_url": upstream_server.url, "api_key": "sk-main-key", "type": "openai"},
            "vault": {"base_url": vault.url, "api_key": "sk-vault-key", "type": "openai"},
        },
        models={
            "open-1": {"provider": "main", "model": "gpt-x"},
            "open-long": {"provider": "main", "model": "too-long", "context_fallback": "secret-1"},
            "secret-1": {"provider": "vault", "model": "up-secret", "aliases": ["open-alias"]},
        },
        default_model=["secret-1"],
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def keys(gateway: RunningGateway) -> dict[str, str]:
    """By what is wrong with them; `fenced` may use `open-*`."""
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    bodies: dict[str, dict[str, Any]] = {
        "fenced": {"allowed_models": ["open-*"]},
        "disabled": {"enabled": False},
        "expired": {"expires_at": past},
        "elsewhere": {"allowed_ips": ["192.0.2.0/24"]},
        "revoked": {},
    }
    made = {}
    with gateway.http() as admin:
        for name, body in bodies.items():
            answer = admin.post("/api/admin/apikeys", json={"name": name, **body})
            assert answer.status_code == 201, answer.text
            made[name] = answer.json()["key"]
            if name == "revoked":
                assert admin.delete(f"/api/admin/apikeys/{answer.json()['id']}").status_code == 200
    return made


@pytest.fixture(autouse=True)
def nobody_asked(gateway: RunningGateway, upstream: Upstream, vault: Upstream) -> None:
    vault.reset()


@EVERYWHERE
def test_a_model_outside_the_fence_is_never_asked(
    gateway: RunningGateway, keys: dict[str, str], vault: Upstream, path: str
) -> None:
    assert len(OUTSIDE) >= 38
    with gateway.http(keys["fenced"]) as client:
        for model in OUTSIDE:
            answer = client.post(path, json=ENDPOINTS[path] | {"model": model})
            assert answer.status_code in (400, 403, 404), (model, answer.text)
            assert not vault.requests, model
        inside = client.post(path, json=ENDPOINTS[path] | {"model": "open-1"})
    assert inside.status_code == 200, inside.text
    assert not vault.requests


def test_the_same_names_reach_it_with_a_key_that_may(gateway: RunningGateway, vault: Upstream) -> None:
    """Else the test above would show nothing."""
    reached = 0
    with gateway.http() as client:
        for model in OUTSIDE:
            client.post("/v1/chat/completions", json=TEXT | {"model": model})
            reached += bool(vault.requests)
            vault.requests.clear()
    assert reached >= 10


@EVERYWHERE
def test_a_model_named_twice_or_elsewhere_is_the_one_that_is_judged(
    gateway: RunningGateway, keys: dict[str, str], vault: Upstream, path: str
) -> None:
    rest = json.dumps(ENDPOINTS[path])[1:-1]
    headers = {"content-type": "application/json", "x-model": "secret-1", "model": "secret-1"}
    with gateway.http(keys["fenced"]) as client:
        for first, second, expected in [("open-1", "secret-1", 403), ("secret-1", "open-1", 200)]:
            body = f'{{"model": "{first}", {rest}, "model": "{second}"}}'
            answer = client.post(f"{path}?model=secret-1&provider=vault", content=body, headers=headers)
            assert answer.status_code == expected, answer.text
    assert not vault.requests


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations", "/transcribe", "/v1/ocr"])
def test_a_form_with_two_models_asks_for_neither_behind_the_fence(
    gateway: RunningGateway, keys: dict[str, str], vault: Upstream, path: str
) -> None:
    part = b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'
    rest = FORM.split(b"whisper-1\r\n", 1)[1]
    headers = {"content-type": "multipart/form-data; boundary=cut"}
    with gateway.http(keys["fenced"]) as client:
        for names in ([b"open-1", b"secret-1"], [b"secret-1", b"open-1"], [b"secret-1"]):
            body = b"".join(part % name for name in names) + rest
            answer = client.post(f"{path}?model=open-1", content=body, headers=headers)
            assert answer.status_code < 500, answer.text
            assert not vault.requests, names


def test_a_larger_model_behind_the_fence_is_no_way_out_of_a_small_one(
    gateway: RunningGateway, keys: dict[str, str], upstream: Upstream, vault: Upstream
) -> None:
    upstream.faults["too-long"] = "context"
    with gateway.http(keys["fenced"]) as client:
        answer = client.post("/v1/chat/completions", json=TEXT | {"model": "open-long"})
    assert answer.status_code == 400 and not vault.requests
    with gateway.http() as master:
        assert master.post("/v1/chat/completions", json=TEXT | {"model": "open-long"}).status_code == 200
    assert vault.requests


@EVERYWHERE
@pytest.mark.parametrize(
    "how", ["none", "wrong", "half", "disabled", "expired", "revoked", "elsewhere", "basic", "query"]
)
def test_who_has_no_good_key_reaches_no_provider(
    gateway: RunningGateway, keys: dict[str, str], upstream: Upstream, path: str, how: str
) -> None:
    good = keys["fenced"]
    header = {
        "wrong": "Bearer sk-gw-this-is-not-a-key",
        "half": f"Bearer {good[: len(good) // 2]}",
        "basic": "Basic " + base64.b64encode(f"x:{good}".encode()).decode(),
    }.get(how, f"Bearer {keys.get(how, '')}")
    headers = {} if how in ("none", "query") else {"authorization": header}
    query = f"?api_key={good}&key={good}&gw_key={good}&access_token={good}" if how == "query" else ""
    body = ENDPOINTS[path] | {"model": "open-1"} | ({"gw_key": good, "api_key": good} if how == "query" else {})
    answer = httpx.post(f"{gateway.url}{path}{query}", json=body, headers=headers)
    assert answer.status_code == (403 if how == "elsewhere" else 401), answer.text
    assert not upstream.requests
    assert good not in answer.text and MASTER not in answer.text
