"""Rules and declarations by the admin API, the command line and the chute's door."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.cli import main
from gateway.settings import Settings
from tests.api.running import RunningGateway
from tests.chute.toys import call, toy_chute
from tests.confidentiality.conftest import HELLO, chat
from tests.fakes.upstream import Upstream


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningGateway]:
    made = RunningGateway(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def admin(running: RunningGateway) -> Iterator[httpx.Client]:
    with running.http() as client:
        yield client


def put(admin: httpx.Client, path: str, body: Any, **changed: Any) -> Any:
    reply = admin.put(f"/api/admin/{path}", json={**body, **changed})
    assert reply.status_code == 200, reply.text
    return reply.json()


def post(admin: httpx.Client, path: str, **body: Any) -> Any:
    reply = admin.post(f"/api/admin/{path}", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()


def test_what_is_declared_and_demanded_is_changed_while_the_gateway_runs(
    running: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    provider = {"id": "p", "name": "P", "type": "openai", "base_url": upstream.url}
    made = post(admin, "providers", **provider)
    assert (made["tee"], made["data"]) == (None, None)
    model = {"id": "m", "targets": [{"provider": "p", "model": "gpt-x"}]}
    assert (post(admin, "models", **model)["tee"], model.get("data")) == (None, None)
    key = post(admin, "apikeys", name="k", tee="required", data="local-only")
    assert (key["tee"], key["data"]) == ("required", "local-only")
    shown = admin.get(f"/api/admin/apikeys/{key['id']}").json()
    assert (shown["tee"], shown["data"]) == ("required", "local-only")

    def ask() -> httpx.Response:
        with running.http(key["key"]) as caller:
            return chat(caller, "m")

    assert ask().status_code == 403
    assert put(admin, "providers/p", provider, data="local")["data"] == "local"
    refused = ask()
    assert refused.status_code == 403 and "not declared as `tee: true`" in refused.text
    target = {"provider": "p", "model": "gpt-x", "tee": True}
    shown = put(admin, "models/m", model, targets=[target], tee="required", data="local-only")
    assert (shown["tee"], shown["data"], shown["targets"][0]["tee"]) == ("required", "local-only", True)
    reply = ask()
    assert reply.status_code == 200 and reply.headers["x-gateway-confidentiality"] == "tee, local-only"
    put(admin, "providers/p", provider)
    assert ask().status_code == 403, "what is no longer declared does not count"
    off = put(admin, "models/m", model, targets=[target], tee="required", enabled=False)
    assert (off["enabled"], off["tee"], off["targets"][0]["tee"]) == (False, "required", True)


@pytest.mark.parametrize("field", [{"tee": "maybe"}, {"tee": True}, {"data": "local"}])
def test_another_word_is_refused_with_its_field(admin: httpx.Client, field: dict[str, Any]) -> None:
    for path, body in (("apikeys", {"name": "k"}), ("models", {"id": "m", "provider": "p"})):
        reply = admin.post(f"/api/admin/{path}", json={**body, **field})
        assert reply.status_code == 400 and next(iter(field)) in reply.json()["error"]["param"]


def test_a_rotated_key_keeps_its_rule_for_both_values(
    running: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    post(admin, "providers", id="p", name="P", type="openai", base_url=upstream.url)
    key = post(admin, "apikeys", name="k", data="local-only")
    rotated = admin.post(f"/api/admin/apikeys/{key['id']}/rotate", json={"overlap_seconds": 60}).json()
    for value in (key["key"], rotated["key"]):
        with running.http(value) as caller:
            assert chat(caller, "p/gpt-x").status_code == 403
    assert upstream.requests == []


def test_the_openapi_document_tells_of_the_fields(admin: httpx.Client) -> None:
    schemas = admin.get("/openapi.json", timeout=120).json()["components"]["schemas"]
    for name in ("ApiKeyDocument", "ApiKeyView", "ModelDocument", "ModelView", "ProviderDocument", "ProviderView"):
        assert {"tee", "data"} <= schemas[name]["properties"].keys(), name


def test_the_command_line_makes_keys_with_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("ENGINES", "off")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    main(["keys", "create", "strict", "--tee", "required", "--data", "local-only"])
    main(["keys", "create", "plain"])
    capsys.readouterr()
    main(["keys", "list"])
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()[1:] if line.split()}
    assert "tee, local-only" in lines["strict"] and "tee" not in lines["plain"]
    with pytest.raises(SystemExit, match="tee: Input should be 'required'"):
        main(["keys", "create", "other", "--tee", "off"])


# --- the platform ------------------------------------------------------------------------------------------


async def test_on_the_platform_a_refusal_keeps_its_words_and_blames_no_instance(
    tmp_path: Path, upstream: Upstream
) -> None:
    app = create_app(
        Settings.model_validate(
            {
                "state_dir": tmp_path,
                "allow_private_upstreams": True,
                "providers": {"p": {"base_url": upstream.url, "tee": True, "models": ["gpt-x"]}},
            }
        )
    )
    chute: Any = toy_chute(platform=True)
    chute.open_gateway(app)
    cord = chute.gateway_cord("/chat", "/v1/chat/completions", "POST")
    body = {"model": "gpt-x", "messages": HELLO}
    refused = await call(cord, {**body, "gw_data": "local-only"}, platform=True)
    detail = refused.as_platform_reads(stream=False)
    assert refused.status == 400 and detail["status"] == 403
    assert detail["error"]["code"] == "confidentiality_unmet" and "p/gpt-x" in detail["error"]["message"]
    for stream in (False, True):
        asked = {**body, "gw_data": "local-only", "stream": stream}
        assert (await call(cord, asked, params={"gw_tee": "required"}, platform=True)).status == 400
    assert upstream.requests == []
    wrong = await call(cord, {**body, "gw_tee": "please"}, platform=True)
    assert wrong.as_platform_reads(stream=False)["error"]["param"] == "x-gateway-tee"
    reply = await call(cord, {**body, "gw_tee": "required"}, platform=True)
    assert reply.status == 200 and upstream.last.json == body
    await app.shutdown()
