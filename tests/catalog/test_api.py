"""The catalog's endpoints on a running gateway, with a real server as the platform.

Rows of docs/acceptance.md: A001-05, A001-07, A001-10, A001-12, A004-01, A004-03, A004-04, A004-05, A004-06,
A004-13.
"""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway.api.catalog import catalog_routes
from gateway.api.catalog_schemas import PageFilters
from gateway.catalog.facts import Facts, PriceKind
from gateway.catalog.sources.chutes import ChutesList
from tests.api.jobs import eventually
from tests.api.running import MASTER, RunningGateway
from tests.catalog.documents import chute, tokens
from tests.catalog.platform import FakePlatform
from tests.fakes.inbox import Inbox

ROOT = Path(__file__).resolve().parents[2]
FENCED = "sk-fenced-0123456789abcdef"
SECRET = "a secret of the receiver"


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.stop()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, platform_server: FakePlatform, inbox: Inbox
) -> Iterator[RunningGateway]:
    platform_server.reset()
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        chutes_api_url=platform_server.url,
        chutes_base_url=platform_server.url,
        chutes_api_key="cpk_account",
        chutes_signals=False,
        keys=[{"name": "fenced", "key": FENCED}],
        catalog={
            "refresh": "off",
            "webhooks": [{"name": "hook", "url": inbox.url, "secret": SECRET}],
        },
    )
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway, platform: FakePlatform) -> Iterator[httpx.Client]:
    """As the master, after a refresh."""
    with gateway.http() as client:
        assert client.delete("/api/cache").status_code == 200
        assert client.post("/catalog/refresh").status_code == 200
        yield client


def ids(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [one["id"] for one in reply.json()["data"]]


def test_models_come_in_the_envelope_of_document_001(http: httpx.Client) -> None:
    reply = http.get("/catalog/models?gateway=chutes&limit=3")
    body = reply.json()
    assert (body["total"], body["returned"], body["gateway"]) == (11, 3, "chutes")
    assert body["note"] == "Chutes.ai catalog" and re.match(r"\d{4}-\d\d-\d\dT.*Z", body["timestamp"])
    assert reply.headers["x-cache"] == "HIT" and int(reply.headers["x-cache-age"]) < 60
    assert "facets" not in body and body["data"][0]["source_gateway"] == "chutes"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("provider=Qwen", {"Qwen/Qwen3-32B", "Qwen/Qwen3-Embedding-8B"}),
        ("type=transcription", {"whisper-large-v3"}),
        ("type=Video,Image Generation", {"wan2.1-14b", "FLUX.1-schnell"}),
        ("feature=tools&max_price=0.1", {"Qwen/Qwen3-32B"}),
        ("tee=true", {"Qwen/Qwen3-32B"}),
        ("hot=false", {"wan2.1-14b"}),
        ("q=flux", {"FLUX.1-schnell"}),
        ("tag=best for reasoning/code", {"deepseek-ai/DeepSeek-R1"}),
        ("min_context=100000&quantization=bf16", {"Qwen/Qwen3-32B"}),
    ],
)
def test_filters_of_the_url(http: httpx.Client, query: str, found: set[str]) -> None:
    assert set(ids(http.get(f"/catalog/models?{query}"))) == found


def test_sorting_paging_and_facets(http: httpx.Client) -> None:
    first = ids(http.get("/catalog/models?sort=-invocation_count&limit=2"))
    assert first == ["deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B"]
    assert first[1:] == ids(http.get("/catalog/models?sort=-invocation_count&limit=1&offset=1"))
    facets = http.get("/catalog/models?limit=1&facets=true").json()["facets"]
    assert facets["provider"]["qwen"] == 2 and facets["gateway"] == {"chutes": 11}


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=999999", "limit"), ("offset=-1", "offset"),
     (f"offset={2**64}", "offset"), ("colour=red", "colour"), ("tee=maybe", "tee"),
     ("min_context=much", "min_context"), ("sort=nothing", "sort"), ("q=" + "x" * 300, "q")],
)  # fmt: skip
def test_a_query_that_cannot_be_names_the_field(http: httpx.Client, query: str, param: str) -> None:
    reply = http.get(f"/catalog/models?{query}")
    assert reply.status_code == 400 and reply.json()["error"]["param"] == param


@pytest.mark.parametrize("param", ["from", "to"])
def test_a_time_that_is_none_names_its_field(http: httpx.Client, param: str) -> None:
    error = http.get(f"/catalog/diff?{param}=yesterday").json()["error"]
    assert error["param"] == param and "is no time" in error["message"]


def test_a_plus_that_nobody_encoded_is_the_plus_of_a_zone(http: httpx.Client) -> None:
    reply = http.get("/catalog/diff?from=2020-01-01T00:00:00+00:00")
    assert reply.request.url.query == b"from=2020-01-01T00:00:00+00:00" and reply.status_code == 200, reply.text


def test_one_model_by_any_of_its_names_with_its_history(http: httpx.Client) -> None:
    for name in ("deepseek-ai/DeepSeek-R1", "c-r1", "chutes-deepseek-ai-deepseek-r1"):
        assert http.get(f"/catalog/models/{name}").json()["id"] == "deepseek-ai/DeepSeek-R1"
    body = http.get("/catalog/models/deepseek-ai/DeepSeek-R1?history=true").json()
    assert body["history"][0]["price_input"] == 0.3 and body["provenance"]["context_length"] == "llm"
    missing = http.get("/catalog/models/deepseek-r1-ultra")
    assert missing.status_code == 404 and "deepseek-ai/DeepSeek-R1" in missing.json()["error"]["message"]


def test_every_logo_that_is_named_is_there(http: httpx.Client) -> None:
    named = {one["model_logo_url"] for one in http.get("/catalog/provider").json()["data"]} - {None}
    assert named
    for address in named:
        reply = http.get(address)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/svg+xml")
        assert "<title>" in reply.text and "<script" not in reply.text
    assert http.get("/logos/nobody.svg").status_code == 404


def test_the_records_of_each_source_are_shown_as_they_came(http: httpx.Client) -> None:
    model = next(one for one in http.get("/catalog/models").json()["data"] if len(one["origins"]) > 1)
    found = http.get(f"/catalog/models/{model['id']}/raw").json()
    assert found["id"] == model["id"]
    assert {one["source"] for one in found["sources"]} & set(model["origins"])
    assert all(one["records"] and one["at"] for one in found["sources"])
    assert http.get("/catalog/models/nothing/raw").status_code == 404
    assert http.get(f"/catalog/models/{model['id']}/raw", headers={"authorization": ""}).status_code in (401, 403)


def test_providers_are_counted_with_logos(http: httpx.Client) -> None:
    body = http.get("/catalog/provider?gateway=chutes").json()
    qwen = next(one for one in body["data"] if one["slug"] == "Qwen")
    assert qwen["models"] == 2 and qwen["model_logo_url"] == "/logos/qwen.svg" and qwen["name"] == "Qwen"
    assert qwen["model_types"] == {"Embeddings": 1, "LLM": 1} and body["total"] == len(body["data"])
    assert http.get("/catalog/provider?gateway=none").json()["data"] == []


def test_who_has_no_key_sees_public_models_of_chutes_alone(gateway: RunningGateway, http: httpx.Client) -> None:
    with gateway.http(None) as nobody:
        seen = ids(nobody.get("/catalog/models"))
        assert len(seen) == 10 and "acme/private-tune" not in seen
        assert nobody.get("/catalog/models/acme/private-tune").status_code == 404
        assert nobody.get("/catalog/models?q=private").json()["total"] == 0
        assert "private" not in nobody.get("/catalog/export?format=csv").text
        assert all(one["slug"] != "acme" for one in nobody.get("/catalog/provider").json()["data"])
        for path in (
            "/catalog/models/c-r1?history=true",
            "/catalog/report",
            "/catalog/diff",
            "/api/cache/status",
            "/api/export/data",
        ):
            assert nobody.get(path).status_code == 401, path
    with gateway.http(FENCED) as caller:
        assert len(ids(caller.get("/catalog/models"))) == 11


@pytest.mark.parametrize("key", [None, FENCED, "sk-wrong-0123456789"])
def test_only_administrators_change_anything(gateway: RunningGateway, key: str | None) -> None:
    with gateway.http(key) as client:
        for method, path in (("POST", "/catalog/refresh"), ("DELETE", "/api/cache"), ("GET", "/catalog/webhooks"),
                             ("POST", "/catalog/webhooks/hook/test")):  # fmt: skip
            assert client.request(method, path).status_code in (401, 403), path


def test_a_wrong_key_is_refused_and_not_taken_for_nobody(gateway: RunningGateway) -> None:
    with gateway.http("sk-wrong-0123456789") as client:
        assert client.get("/catalog/models").status_code == 401


def test_the_report_tells_of_every_source_and_match(http: httpx.Client) -> None:
    body = http.get("/catalog/report").json()
    assert {one["source"] for one in body["sources"]} >= {"chutes", "llm", "utilization", "statistics", "pricing"}
    assert any(one["row"] == "rednote-hilab/dots_ocr" and one["method"] == "normalised name" for one in body["matches"])
    assert any(one["model"] == "Qwen/Qwen3-32B" and one["field"] == "price_input" for one in body["conflicts"])
    assert all(one["error"] is None for one in body["refresh"]["sources"])
    assert "matches" not in http.get("/catalog/report?matches=false").json()


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [("json", "application/json", '[{"id":"'), ("csv", "text/csv", "id,gateway,"), ("md", "text/markdown", "| id |")],
)
def test_exports(http: httpx.Client, form: str, kind: str, begins: str) -> None:
    reply = http.get(f"/catalog/export?format={form}&type=LLM")
    assert reply.headers["content-type"].startswith(kind) and reply.text.startswith(begins)
    assert reply.headers["content-disposition"] == f'attachment; filename="catalog.{form}"'
    assert "whisper" not in reply.text


def test_a_price_change_reaches_the_diff_and_the_webhook(
    http: httpx.Client, platform: FakePlatform, inbox: Inbox
) -> None:
    inbox.messages.clear()
    platform.chutes[1] = {**platform.chutes[1], "current_estimated_price": tokens(0.5, 0.24)}
    assert http.post("/catalog/refresh").json()["changes"] == 1
    wanted = {"kind": "price", "model": "Qwen/Qwen3-32B", "field": "price_input", "before": 0.08, "after": 0.5}
    assert wanted in http.get("/catalog/diff").json()["changes"]
    eventually(lambda: [wanted] in [one.json["data"]["changes"] for one in inbox.messages])
    versions = http.get("/catalog/diff").json()["versions"]
    back = http.get(f"/catalog/diff?from={versions[-1]}&to={versions[-2]}").json()["changes"]
    assert {**wanted, "before": 0.5, "after": 0.08} in back
    assert http.get("/catalog/diff?from=never").status_code == 400


def test_the_test_button_of_a_webhook(http: httpx.Client) -> None:
    assert http.get("/catalog/webhooks").json()["data"] == [{"name": "hook", "events": []}]
    assert http.post("/catalog/webhooks/hook/test").json()["delivered"] is True
    assert http.post("/catalog/webhooks/other/test").status_code == 404


# --- the paths of document 004 ---------------------------------------------------------------------------


def test_chutes_lists_pass_through_with_what_the_cache_did(http: httpx.Client, platform: FakePlatform) -> None:
    first = http.get("/api/models?limit=3&name=a/../b")
    assert (first.status_code, first.headers["x-cache"]) == (200, "MISS")
    assert first.json()["items"][0]["chute_id"] == "c-r1" and first.json()["limit"] == 3
    assert http.get("/api/models?limit=3&name=a/../b").headers["x-cache"] == "HIT"
    for other in ("limit=4&name=a/../b", "limit=3", "limit=3&name=a/../b&include_schemas=false"):
        assert http.get(f"/api/models?{other}").headers["x-cache"] == "MISS"
        assert platform.server.requests[-1].key == "cpk_account"


def test_the_public_half_is_asked_for_without_the_accounts_key(
    gateway: RunningGateway, http: httpx.Client, platform: FakePlatform
) -> None:
    assert any(one["chute_id"] == "c-private" for one in http.get("/api/models").json()["items"])
    with gateway.http(None) as nobody:
        items = nobody.get("/api/models").json()["items"]
        assert platform.server.requests[-1].key == "" and all(one["chute_id"] != "c-private" for one in items)


def test_the_llm_list_and_one_chute(http: httpx.Client, platform: FakePlatform) -> None:
    models = http.get("/api/models/v1/all")
    assert models.json()["object"] == "list" and models.headers["x-cache"] == "HIT", "the refresh just read it"
    assert models.json()["data"][0]["permission"][0]["allow_view"] is True
    one = http.get("/api/models/c-kokoro")
    assert one.json()["cords"] == [{"public_api_path": "/speak"}] and one.headers["x-cache"] == "MISS"
    assert http.get("/api/models/c-kokoro").headers["x-cache"] == "HIT"
    assert http.get("/api/models/nothing/like/it").status_code == 404


def test_a_platform_that_fails_is_answered_for_by_the_last_good_copy(
    http: httpx.Client, platform: FakePlatform
) -> None:
    http.get("/api/models?limit=2")
    http.delete("/api/cache")
    platform.faults["*"] = "500"
    again = http.get("/api/models?limit=2")
    assert again.headers["x-cache"] == "STALE" and len(again.json()["items"]) == 2
    never = http.get("/api/models?limit=3&template=diffusion")
    assert never.headers["x-cache"] == "STALE" and [one["chute_id"] for one in never.json()["items"]] == ["c-flux"]
    assert http.post("/catalog/refresh").json()["models"] == 11
    stale = http.get("/catalog/models?limit=1&q=r1")
    assert stale.headers["x-cache"] == "STALE" and "500" in stale.json()["data"][0]["stale"]["chutes"]
    assert http.get("/api/health").json()["status"] == "stale"


def test_the_state_of_the_copies(http: httpx.Client) -> None:
    body = http.get("/api/cache/status").json()
    files = {one["file"]: one for one in body["files"]}
    assert {"chutes.json", "v1_models_all.json"} <= files.keys() and body["duration_minutes"] == 10
    assert files["chutes.json"]["valid"] is True and files["chutes.json"]["bytes"] > 1000
    http.delete("/api/cache")
    assert not any(one["valid"] for one in http.get("/api/cache/status").json()["files"])


def test_everything_in_one_document(http: httpx.Client) -> None:
    body = http.get("/api/export/data").json()
    assert len(body["sources"]["chutes"]["data"]["items"]) == 10 and body["merge"]["models"] == 11
    assert body["sources"]["v1_models_all"]["data"]["object"] == "list"


def test_health_names_no_address(http: httpx.Client, platform: FakePlatform) -> None:
    body = http.get("/api/health").json()
    assert body["status"] == "ok" and body["models"] == 11 and body["age_seconds"] < 60
    assert platform.url not in json.dumps(body)


def test_requests_are_answered_while_thousands_of_models_are_merged(
    gateway: RunningGateway, http: httpx.Client, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.chutes = [chute(f"org{n % 50}/model-{n}-7B") for n in range(3000)]
    read, merging, answered = ChutesList.read, threading.Event(), threading.Event()

    def late(source: ChutesList, document: object, at: int) -> Facts:
        merging.set()
        assert answered.wait(60)
        return read(source, document, at)

    monkeypatch.setattr(ChutesList, "read", late)
    outcome: list[int] = []
    with gateway.http() as other:
        other.timeout = 120
        refresh = threading.Thread(target=lambda: outcome.append(other.post("/catalog/refresh").json()["models"]))
        refresh.start()
        assert merging.wait(60)
        for _ in range(6):
            assert http.get("/catalog/models?limit=5&sort=-price_input").json()["returned"] == 5
        answered.set()
        refresh.join()
    assert outcome == [3004]
    assert http.get("/catalog/models?provider=org7&limit=50").json()["total"] == 60
    model = gateway.app.catalog.board.current.find("org7/model-7-7B")
    assert model is not None and model.usd(PriceKind.INPUT) == 0.3


def test_every_path_and_filter_is_on_the_page(gateway: RunningGateway) -> None:
    page = (ROOT / "docs" / "catalog.md").read_text()
    app = FastAPI()
    app.include_router(catalog_routes(gateway.app.catalog, lambda: None))
    paths = app.openapi()["paths"]
    assert [path for path in paths if path not in page] == []
    assert [name for name in PageFilters.model_fields if f"`{name}" not in page] == []
    assert MASTER not in page
