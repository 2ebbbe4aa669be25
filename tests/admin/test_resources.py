"""The admin API as a script meets it: create, read, replace, delete, with previews, versions and cascades.

Rows of docs/acceptance.md: A002-05, A002-06, A002-07, A002-10, A002-11.
"""

import os
import sys
from datetime import datetime
from pathlib import Path
from subprocess import run
from typing import Any

import httpx
import pytest

from gateway.admin.administration import Actor
from gateway.admin.documents import ModelDocument, ProviderDocument, SettingDocument
from gateway.admin.opening import opened
from gateway.errors import InvalidRequest
from gateway.settings import load_settings
from gateway.store.records import Resource
from tests.admin.people import log_in
from tests.api.jobs import eventually
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream


def ask(gateway: RunningGateway, key: str, model: str) -> httpx.Response:
    with gateway.http(key) as client:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        return client.post("/v1/chat/completions", json=body)


def test_a_provider_and_a_model_added_now_answer_at_once(
    gateway: RunningGateway, admin: httpx.Client, model: str, upstream: Upstream
) -> None:
    made = admin.post("/api/admin/apikeys", json={"name": "John's Key"}).json()
    answer = ask(gateway, made["key"], model)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == upstream.text
    assert upstream.requests[-1].key == "sk-upstream-0123456789"


def test_a_model_stays_as_old_as_it_is(gateway: RunningGateway, admin: httpx.Client, model: str) -> None:
    made = datetime.fromisoformat(admin.get(f"/api/admin/models/{model}").json()["created_at"])
    assert created(admin) == {model: int(made.timestamp())}
    body = {"id": model, "type": "chat", "provider_id": "fake", "upstream_model": "gpt-x", "aliases": ["x"]}
    assert admin.put(f"/api/admin/models/{model}", json=body).is_success
    gateway.stop()
    again = RunningGateway(gateway.state_dir)
    with again.http() as client:
        assert created(client) == {model: int(made.timestamp())}
    again.stop()


def created(client: httpx.Client) -> dict[str, int]:
    return {one["id"]: one["created"] for one in client.get("/v1/models").json()["data"]}


def test_a_provider_key_is_never_shown_and_a_mask_sent_back_changes_nothing(
    admin: httpx.Client, provider: str, model: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    shown = admin.get(f"/api/admin/providers/{provider}").json()
    assert shown["api_key"] == "sk-u…6789"
    fields = ("name", "base_url", "type", "enabled", "api_key")
    body = {name: shown[name] for name in fields} | {"name": "Renamed"}
    assert admin.put(f"/api/admin/providers/{provider}", json=body).json()["name"] == "Renamed"
    assert ask(gateway, "sk-master-0123456789abcdef", model).status_code == 200
    assert upstream.requests[-1].key == "sk-upstream-0123456789"


def test_a_change_based_on_an_old_version_is_refused(admin: httpx.Client, provider: str) -> None:
    etag = admin.get(f"/api/admin/providers/{provider}").headers["etag"]
    body = {"name": "One", "base_url": "http://127.0.0.1:9", "type": "openai"}
    path = f"/api/admin/providers/{provider}"
    assert admin.put(path, json=body, headers={"If-Match": etag}).status_code == 200
    refused = admin.put(path, json=body | {"name": "Two"}, headers={"If-Match": etag})
    assert (refused.status_code, refused.json()["error"]["code"]) == (412, "outdated")
    assert admin.get(path).json()["name"] == "One"


def test_a_dry_run_says_what_would_change_and_changes_nothing(admin: httpx.Client, provider: str) -> None:
    path = f"/api/admin/providers/{provider}"
    before = admin.get(path).json()
    body = {"name": "Fake", "base_url": before["base_url"], "type": "openai", "enabled": False}
    preview = admin.put(f"{path}?dry_run=true", json=body).json()
    assert preview["dry_run"] is True
    assert preview["changes"]["enabled"] == [True, False]
    assert admin.get(path).json() == before


def test_deleting_a_provider_says_what_goes_with_it(admin: httpx.Client, provider: str, model: str) -> None:
    refused = admin.delete(f"/api/admin/providers/{provider}")
    assert refused.status_code == 409
    assert f"models/{model} is deleted" in refused.json()["error"]["message"]
    preview = admin.delete(f"/api/admin/providers/{provider}?dry_run=true").json()
    assert [(one["resource"], one["id"]) for one in preview["dependents"]] == [("models", model)]
    assert admin.delete(f"/api/admin/providers/{provider}?cascade=true").json()["deleted"] is True
    assert admin.get(f"/api/admin/models/{model}").status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"id": "x", "base_url": "not a url", "type": "openai"}, "base_url"),
        ({"id": "x", "base_url": "http://169.254.169.254/", "type": "openai"}, "base_url"),
        ({"id": "x", "type": "openai"}, "base_url"),
        ({"id": "x", "base_url": "https://a.example", "colour": "red"}, "colour"),
        ({"id": "x", "base_url": "https://a.example", "timeout": -1}, "timeout"),
        ({"id": "../etc", "base_url": "https://a.example"}, "id"),
        ({"base_url": "https://a.example"}, None),
    ],
)
def test_a_wrong_provider_is_refused_naming_the_field(
    admin: httpx.Client, body: dict[str, object], param: str | None
) -> None:
    refused = admin.post("/api/admin/providers", json=body)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param
    assert admin.get("/api/admin/providers").json()["total"] == 0


@pytest.mark.parametrize(
    ("resource", "id", "document", "message", "param"),
    [
        (
            Resource.PROVIDERS,
            "new.one",
            ProviderDocument(id="new.one", base_url="x"),
            "providers.new.one.base_url: must be a URL",
            "base_url",
        ),
        (
            Resource.MODELS,
            "new",
            ModelDocument(id="new", provider="nobody", model="x"),
            "models.new: there is no provider or engine 'nobody'",
            None,
        ),
        (
            Resource.MODELS,
            "new",
            ModelDocument(id="new", targets=({"provider": "p", "model": "x", "base_url": "http://a.example"},)),
            "models.new.targets.0.base_url: must use https",
            "targets.0.base_url",
        ),
        (
            Resource.SETTINGS,
            "default_model",
            SettingDocument(value="nothing"),
            "default_model: there is no model 'nothing'",
            "default_model",
        ),
    ],
)
async def test_what_is_wrong_is_not_blamed_on_a_line_of_the_file(
    tmp_path: Path, resource: Resource, id: str, document: object, message: str, param: str | None
) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("providers: {p: {base_url: 'https://example.com/v1'}}\nmodels: {m: {provider: p, model: x}}\n")
    loaded = load_settings({"STATE_DIR": str(tmp_path / "state")}, config)
    async with opened(loaded.settings, None, loaded.origins) as administration:
        with pytest.raises(InvalidRequest) as refused:
            if resource is Resource.SETTINGS:
                await administration.replace(resource, id, document, Actor("tester"), None)
            else:
                await administration.create(resource, document, Actor("tester"))
    assert refused.value.message.startswith(message)
    assert refused.value.param == param


def test_camel_case_is_accepted(admin: httpx.Client) -> None:
    made = admin.post("/api/admin/providers", json={"id": "camel", "baseUrl": "http://127.0.0.1:9", "apiKey": "k" * 20})
    assert made.status_code == 201
    assert made.json()["base_url"] == "http://127.0.0.1:9"


def test_a_key_is_shown_once_and_its_fence_holds(gateway: RunningGateway, admin: httpx.Client, model: str) -> None:
    made = admin.post("/api/admin/apikeys", json={"name": "fenced", "allowed_models": ["other-*"]}).json()
    assert made["key"].startswith("sk-gw-")
    assert admin.get(f"/api/admin/apikeys/{made['id']}").json()["key"] != made["key"]
    refused = ask(gateway, made["key"], model)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")


def test_a_disabled_key_stops_at_the_next_request(gateway: RunningGateway, admin: httpx.Client, model: str) -> None:
    made = admin.post("/api/admin/apikeys", json={"name": "short-lived"}).json()
    assert ask(gateway, made["key"], model).status_code == 200
    admin.put(f"/api/admin/apikeys/{made['id']}", json={"name": "short-lived", "enabled": False})
    assert ask(gateway, made["key"], model).status_code == 401
    admin.put(f"/api/admin/apikeys/{made['id']}", json={"name": "short-lived", "enabled": True})
    assert ask(gateway, made["key"], model).status_code == 200
    admin.delete(f"/api/admin/apikeys/{made['id']}")
    assert ask(gateway, made["key"], model).status_code == 401


def test_rotation_with_overlap_keeps_both_values_alive(
    gateway: RunningGateway, admin: httpx.Client, model: str
) -> None:
    made = admin.post("/api/admin/apikeys", json={"name": "rotating"}).json()
    rotated = admin.post(f"/api/admin/apikeys/{made['id']}/rotate", json={"overlap_seconds": 60}).json()
    assert rotated["key"] != made["key"]
    assert rotated["previous_until"]
    assert ask(gateway, made["key"], model).status_code == ask(gateway, rotated["key"], model).status_code == 200
    again = admin.post(f"/api/admin/apikeys/{made['id']}/rotate").json()
    assert ask(gateway, again["key"], model).status_code == 200
    assert ask(gateway, rotated["key"], model).status_code == 401


@pytest.mark.parametrize(
    ("resource", "fields", "field"),
    [
        ("apikeys", {"name": " "}, "name"),
        ("apikeys", {"name": "x", "allowed_models": ["gpt-*", " "]}, "allowed_models.1"),
        ("users", {"username": " ", "password": "correct horse battery"}, "username"),
    ],
)
def test_nothing_is_no_name_and_no_pattern(
    admin: httpx.Client, resource: str, fields: dict[str, object], field: str
) -> None:
    refused = admin.post(f"/api/admin/{resource}", json=fields)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == f"'{field}': must not be empty"


def test_a_key_of_the_file_is_deleted_where_it_stands(tmp_path: Path) -> None:
    gateway = RunningGateway(tmp_path, keys=[{"name": "ci", "key": "sk-file-9a8b7c6d5e4f3g2h"}])
    with gateway.http() as admin:
        refused = admin.delete("/api/admin/apikeys/file-ci")
    gateway.stop()
    assert refused.status_code == 409
    assert refused.json()["error"]["message"].endswith("remove it there.")


def test_the_master_key_cannot_be_deleted(admin: httpx.Client) -> None:
    refused = admin.delete("/api/admin/apikeys/master")
    assert refused.status_code == 409
    assert "master key cannot be deleted" in refused.json()["error"]["message"]


def test_a_custom_key_that_anybody_could_guess_is_refused(admin: httpx.Client) -> None:
    refused = admin.post("/api/admin/apikeys", json={"name": "weak", "key": "1234567890123456"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "key")
    custom = "my-own-key-7f3a9c1e5b"
    assert admin.post("/api/admin/apikeys", json={"name": "own", "key": custom}).json()["key"] == custom
    assert admin.post("/api/admin/apikeys", json={"name": "again", "key": custom}).status_code == 409


def test_lists_are_searched_sorted_and_cut(admin: httpx.Client) -> None:
    for name in ("alpha", "beta", "gamma"):
        admin.post("/api/admin/apikeys", json={"name": name})
    page = admin.get("/api/admin/apikeys?sort=-name&limit=2").json()
    assert ([one["name"] for one in page["data"]], page["total"]) == (["master", "gamma"], 4)
    assert [one["name"] for one in admin.get("/api/admin/apikeys?q=ALPH").json()["data"]] == ["alpha"]
    wrong = admin.get("/api/admin/apikeys?sort=colour")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "sort")


@pytest.mark.parametrize("resource", ["apikeys", "users"])
def test_what_a_record_leaves_out_is_filtered_and_sorted_by_its_default(admin: httpx.Client, resource: str) -> None:
    def add(name: str, **fields: object) -> None:
        fields |= {"name": name} if resource == "apikeys" else {"username": name, "password": "correct horse battery"}
        assert admin.post(f"/api/admin/{resource}", json=fields).status_code == 201

    def listed(query: str) -> list[str]:
        page = admin.get(f"/api/admin/{resource}?{query}").json()
        return [one.get("username") or one["name"] for one in page["data"] if one.get("name") != "master"]

    add("plain")
    assert listed("sort=budget_usd") == ["plain"]
    add("off", enabled=False, budget_usd=2)
    add("dear", budget_usd=10)
    assert sorted(listed("enabled=true")) == ["dear", "plain"]
    assert listed("enabled=false") == ["off"]
    assert listed("sort=budget_usd") == ["off", "dear", "plain"]
    assert listed("sort=-budget_usd") == ["dear", "off", "plain"]


def test_a_key_of_the_file_tells_whose_it_is(tmp_path: Path) -> None:
    gateway = RunningGateway(tmp_path, keys=[{"name": "ci", "key": "sk-file-9a8b7c6d5e4f3g2h", "user": "ada"}])
    with gateway.http() as admin:
        (key,) = admin.get("/api/admin/apikeys?user_id=ada").json()["data"]
    gateway.stop()
    assert (key["name"], key["user_id"]) == ("ci", "ada")


def test_keys_and_users_tell_what_they_spent_in_the_period_of_their_budget(
    gateway: RunningGateway, admin: httpx.Client, model: str
) -> None:
    prices = {"value": {"fake/gpt-x": {"per_request": 0.25}}}
    assert admin.put("/api/admin/settings/prices", json=prices).status_code == 200
    account = {"username": "bob", "password": "correct horse battery", "budget_usd": 5, "budget_period": "week"}
    user = admin.post("/api/admin/users", json=account).json()["id"]
    fields = {"name": "bob's", "user_id": user, "budget_usd": 1, "budget_period": "month"}
    key = admin.post("/api/admin/apikeys", json=fields).json()
    idle = admin.post("/api/admin/apikeys", json={"name": "idle"}).json()["id"]
    for _ in range(3):
        assert ask(gateway, key["key"], model).status_code == 200

    def spent(path: str) -> object:
        return admin.get(path).json()["spent_usd"]

    eventually(lambda: spent(f"/api/admin/apikeys/{key['id']}") == 0.75)
    assert spent(f"/api/admin/users/{user}") == 0.75
    assert spent(f"/api/admin/apikeys/{idle}") == 0
    for resource, id in (("apikeys", key["id"]), ("users", user)):
        page = admin.get(f"/api/admin/{resource}").json()["data"]
        assert {one["id"]: one["spent_usd"] for one in page}[id] == 0.75
    person = log_in(gateway, {name: account[name] for name in ("username", "password")})
    assert person.get("/api/user/me").json()["spent_usd"] == 0.75
    assert [one["spent_usd"] for one in person.get("/api/user/keys").json()["data"]] == [0.75]


def test_a_setting_changed_here_wins_until_it_is_deleted(admin: httpx.Client) -> None:
    path = "/api/admin/settings/max_body_mb"
    assert admin.get(path).json()["origin"] == "default"
    changed = admin.put(path, json={"value": 1}).json()
    assert (changed["value"], changed["origin"]) == (1, "database")
    too_big = admin.post("/v1/chat/completions", json={"model": "x", "messages": ["a" * 2**21]})
    assert too_big.status_code == 413
    assert admin.put(path, json={"value": "much"}).json()["error"]["param"] == "value"
    assert admin.delete(path).json()["restored"] is True
    assert admin.get(path).json()["value"] == 64


def test_a_setting_that_is_read_before_the_database_says_where_it_goes(admin: httpx.Client) -> None:
    refused = admin.put("/api/admin/settings/port", json={"value": 9})
    assert refused.status_code == 409
    assert "PORT" in refused.json()["error"]["message"]


def test_every_setting_says_what_it_does(admin: httpx.Client) -> None:
    listed = admin.get("/api/admin/settings?limit=500").json()
    told = {row["id"]: row["description"] for row in listed["data"]}
    assert len(told) == listed["total"] > 50
    assert [name for name, description in told.items() if not description.strip()] == []
    assert told["max_body_mb"] == "Largest JSON body, in MB."
    assert told["retention"] == "How long what happened is kept; the oldest goes first."
    assert told["prices"].startswith("What one model of one provider costs, in USD")
    found = admin.get("/api/admin/settings?q=the oldest goes first").json()["data"]
    assert [row["id"] for row in found] == ["retention"]


def test_every_change_is_in_the_audit_log_without_secrets(admin: httpx.Client, provider: str) -> None:
    admin.delete(f"/api/admin/providers/{provider}")
    log = admin.get("/api/admin/audit?resource=providers").json()["data"]
    assert [(row["action"], row["resource_id"], row["actor"]) for row in log] == [
        ("delete", "fake", "master key"),
        ("create", "fake", "master key"),
    ]
    assert "sk-upstream-0123456789" not in str(log)


def test_what_was_changed_is_there_after_a_restart(
    gateway: RunningGateway, admin: httpx.Client, model: str, upstream: Upstream
) -> None:
    key = admin.post("/api/admin/apikeys", json={"name": "lasting"}).json()["key"]
    gateway.stop()
    again = RunningGateway(gateway.state_dir)
    try:
        assert ask(again, key, model).status_code == 200
        assert upstream.requests[-1].key == "sk-upstream-0123456789"
    finally:
        again.stop()


def test_a_new_secret_key_opens_what_the_old_one_sealed_and_reseal_makes_the_old_one_needless(
    tmp_path: Path, upstream: Upstream
) -> None:
    old, new = "old-secret-key-0123456789-abcdefghij-xyz", "new-secret-key-9876543210-jihgfedcba-zyx"
    first = RunningGateway(tmp_path, secret_key=old)
    with first.http() as admin:
        body = {"id": "p", "base_url": upstream.url, "type": "openai", "models": ["gpt-x"]}
        admin.post("/api/admin/providers", json=body | {"api_key": "sk-upstream-0123456789"})
    first.stop()
    environ = {"STATE_DIR": str(tmp_path), "SECRET_KEY": new, "SECRET_KEY_PREVIOUS": old, "ENGINES": "off"}
    environ |= {"ALLOW_PRIVATE_UPSTREAMS": "1"}
    done = run([sys.executable, "-m", "gateway", "reseal"], env=os.environ | environ, capture_output=True, text=True)
    assert done.stdout.startswith("1 providers are sealed anew"), done.stderr
    second = RunningGateway(tmp_path, secret_key=new)
    assert ask(second, MASTER, "gpt-x").status_code == 200
    second.stop()
    third = RunningGateway(tmp_path, secret_key=old)
    try:
        refused = ask(third, MASTER, "gpt-x")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "provider_not_configured")
        with third.http() as admin:
            assert "another SECRET_KEY" in admin.get("/api/admin/providers/p").json()["status"]
    finally:
        third.stop()


def test_a_model_may_bound_the_length_of_its_answers(
    gateway: RunningGateway, admin: httpx.Client, provider: str, upstream: Upstream
) -> None:
    """A000-18."""
    body = {"id": "short", "type": "chat", "provider_id": provider, "upstream_model": "gpt-x"}
    admin.post("/api/admin/models", json=body | {"default_max_tokens": 20, "max_tokens": 50})
    ask(gateway, MASTER, "short")
    assert upstream.last.json["max_tokens"] == 20
    question = {"model": "short", "messages": [{"role": "user", "content": "Hi"}]}
    admin.post("/v1/chat/completions", json=question | {"max_completion_tokens": 50})
    assert "max_tokens" not in upstream.last.json
    refused = admin.post("/v1/chat/completions", json=question | {"max_tokens": 51})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "max_tokens")
    assert "at most 50 tokens" in refused.json()["error"]["message"]


def test_the_audit_log_is_searched_whole_and_names_keys_and_users(admin: httpx.Client, provider: str) -> None:
    def found(q: str) -> Any:
        return admin.get("/api/admin/audit", params={"q": q, "limit": 1}).json()

    key = admin.post("/api/admin/apikeys", json={"name": "Ada's 100% laptop"}).json()["id"]
    admin.post("/api/admin/apikeys", json={"name": "another"})
    totals = [found(q)["total"] for q in ("CREATE", "apikey", key, "100%", "fake", "master KEY", "nothing")]
    assert totals == [3, 2, 1, 1, 1, 3, 0]
    assert found("laptop")["data"][0]["name"] == "Ada's 100% laptop"
    admin.delete(f"/api/admin/apikeys/{key}")
    rows = admin.get("/api/admin/audit", params={"resource_id": key}).json()["data"]
    assert [row["name"] for row in rows] == ["Ada's 100% laptop"] * 2


def test_an_alias_that_is_another_models_name_or_alias_is_refused(admin: httpx.Client, model: str) -> None:
    body = {"type": "chat", "provider_id": "fake", "upstream_model": "gpt-y"}

    def create(id: str, *aliases: str) -> httpx.Response:
        return admin.post("/api/admin/models", json={"id": id, "aliases": aliases, **body})

    def change(id: str, *aliases: str) -> httpx.Response:
        return admin.put(f"/api/admin/models/{id}", json={"id": id, "aliases": aliases, **body})

    refused = create("fast", model).json()["error"]
    assert refused["param"] == "aliases" and "'gpt-x'" in refused["message"] and "'fast'" in refused["message"]
    assert create("fast", "quick", "fast").status_code == 201
    assert "of the model 'fast'" in create("slow", "quick").json()["error"]["message"]
    refused = create("quick").json()["error"]
    assert "'quick'" in refused["message"] and "'fast'" in refused["message"]
    assert "'gpt-x'" in change("fast", model).json()["error"]["message"]
    assert admin.get("/api/admin/models/fast").json()["aliases"] == ["quick", "fast"]
    assert admin.post("/api/admin/models", json={"id": "old", "enabled": False, **body}).status_code == 201
    assert change("fast", "old").status_code == 200, "the name of a model that is switched off is free"
    assert "'fast'" in change("old").json()["error"]["message"]


def test_a_model_that_is_off_keeps_its_targets_and_tells_them(admin: httpx.Client, provider: str) -> None:
    """What is shown of it is sent back by whoever switches it on again."""
    first = {"provider": provider, "model": "x"}
    second = {"provider": provider, "model": "y", "priority": 1, "weight": 3, "price": 0.5, "supports": {"tools": True}}
    two = {"id": "two", "targets": [first, second]}
    spare = {"provider_id": provider, "upstream_model": "z"}
    one = {"id": "one", "provider_id": provider, "upstream_model": "x", "fallbacks": ["two", spare]}
    for model in (two, one):
        on = admin.post("/api/admin/models", json=model).json()
        switched = admin.put(f"/api/admin/models/{model['id']}", json={**model, "enabled": False})
        assert switched.is_success, switched.text
        off = admin.get(f"/api/admin/models/{model['id']}").json()
        assert not off["enabled"] and off["targets"] == on["targets"]
        assert len(off["targets"]) == (2 if model is two else 4)
        admin.put(f"/api/admin/models/{model['id']}", json=model)
