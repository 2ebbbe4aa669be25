"""Somebody else saves what stands open in a form: what was typed stays, and whose is saved is chosen field by field."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.house import House
from tests.ui.test_looks import PHONE, settled, violations


@pytest.fixture
def http(house: House) -> Iterator[httpx.Client]:
    """Somebody else."""
    with house.gateway.http() as http:
        yield http


def change(http: httpx.Client, path: str, **fields: Any) -> None:
    reply = http.put(f"/api/admin/{path}", json=fields)
    assert reply.is_success, reply.text


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def told(form: Locator) -> None:
    expect(form.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile, so nothing was saved.")


def test_what_was_typed_stays_and_is_saved_over_theirs(admin: Page, house: House, http: httpx.Client) -> None:
    id = http.post("/api/admin/apikeys", json={"name": "shared", "rpm": 10, "budget_usd": 1}).json()["id"]
    house.open_listening(admin, "keys")
    admin.get_by_role("row", name=re.compile("^shared")).click()
    form = admin.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("mine")
    form.get_by_label("Tokens per minute").fill("5000")
    change(http, f"apikeys/{id}", name="theirs", rpm=77, budget_usd=1)
    expect(admin.get_by_text("theirs", exact=True)).to_be_attached()
    save(admin)
    told(form)
    rows = form.get_by_role("row")
    expect(rows).to_have_text(["FieldTheirsYours", "nametheirsmine", "rpm7710"])
    assert http.get(f"/api/admin/apikeys/{id}").json()["name"] == "theirs"
    expect(form.get_by_role("radio", name="name: Yours")).to_be_checked()
    expect(form.get_by_role("radio", name="rpm: Theirs")).to_be_checked()
    expect(form.get_by_label("Name", exact=True)).to_have_value("mine")
    expect(form.get_by_label("Tokens per minute")).to_have_value("5000")
    expect(form.get_by_label("Requests per minute")).to_have_value("77")
    save(admin)
    expect(admin.get_by_text("mine is saved.")).to_be_visible()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    saved = http.get(f"/api/admin/apikeys/{id}").json()
    assert [saved[name] for name in ("name", "rpm", "tpm", "budget_usd")] == ["mine", 77, 5000, 1]


def test_theirs_is_taken_by_field_and_all_of_it_leaves_nothing_unsaved(
    admin: Page, house: House, http: httpx.Client
) -> None:
    body = {"id": "shared", "base_url": f"{house.upstream.url}/v1", "api_key": "sk-before-0123456789"}
    http.post("/api/admin/providers", json=body)
    house.open(admin, "providers?open=shared")
    form = admin.get_by_role("dialog")
    name, key = form.get_by_label("Name", exact=True), form.get_by_role("textbox", name="API key")
    name.fill("Mine")
    key.fill("sk-typed-here-0123456789")
    change(http, "providers/shared", **body | {"name": "Theirs", "api_key": "sk-theirs-0123456789"})
    save(admin)
    told(form)
    expect(form.get_by_role("row", name=re.compile("^api_keys"))).not_to_contain_text("here")
    form.get_by_role("radio", name="name: Theirs").check()
    expect(name).to_have_value("Theirs")
    form.get_by_role("radio", name="name: Yours").check()
    expect(name).to_have_value("Mine")
    expect(key).to_have_value("sk-typed-here-0123456789")
    for field in ("name", "api_keys"):
        form.get_by_role("radio", name=f"{field}: Theirs").check()
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("third", [False, True])
def test_a_user_and_a_new_password(admin: Page, house: House, http: httpx.Client, third: bool) -> None:
    user = {"username": "shared", "password": "a-long-enough-one"}
    id = http.post("/api/admin/users", json=user).json()["id"]
    house.open(admin, f"users?open={id}")
    form = admin.get_by_role("dialog")
    form.get_by_role("textbox", name="New password").fill("another-long-one-9")
    change(http, f"users/{id}", username="shared", rpm=5)
    save(admin)
    told(form)
    form.get_by_role("radio", name="rpm: Yours").check()
    expect(form.get_by_label("Requests per minute")).to_have_value("")
    form.get_by_role("radio", name="rpm: Theirs").check()
    if third:
        change(http, f"users/{id}", username="renamed", rpm=6)
        save(admin)
        expect(form.get_by_role("row", name=re.compile("^username"))).to_contain_text("renamed")
        expect(form.get_by_label("Requests per minute")).to_have_value("6")
    save(admin)
    expect(admin.get_by_role("dialog")).to_have_count(0)
    saved = http.get(f"/api/admin/users/{id}").json()
    assert (saved["username"], saved["rpm"]) == (("renamed", 6) if third else ("shared", 5))
    login = {"username": saved["username"], "password": "another-long-one-9"}
    assert httpx.post(f"{house.url}/api/user/login", json=login).status_code == 200


@pytest.mark.parametrize("tab", ["", "&tab=yaml"])
def test_a_route_in_the_form_and_as_yaml(admin: Page, house: House, http: httpx.Client, tab: str) -> None:
    first = {"provider": "main", "model": "gpt-4o-mini"}
    second = {"provider": "spare", "model": "qwen-vl", "priority": 1}
    http.post("/api/admin/models", json={"id": "shared", "targets": [first], "max_tokens": 500})
    house.open(admin, f"models?open=shared{tab}")
    form = admin.get_by_role("dialog")
    editor = form.get_by_role("textbox", name="YAML")
    if tab:
        expect(editor).to_have_value(re.compile("policy: ordered"))
        editor.fill(editor.input_value().replace("policy: ordered", "policy: cheapest"))
        expect(form.get_by_text("It fits")).to_be_visible()
    else:
        form.get_by_label("Policy").select_option("cheapest")
    change(http, "models/shared", id="shared", targets=[first, second], max_tokens=900, policy="least-busy")
    save(admin)
    told(form)
    if tab:
        for written in ("policy: cheapest", "qwen-vl", "max_tokens: 900"):
            expect(editor).to_have_value(re.compile(written))
    else:
        expect(form.get_by_label("Model there 2")).to_have_value("qwen-vl")
        expect(form.get_by_label("Policy", exact=True)).to_have_value("cheapest")
    form.get_by_role("radio", name="max_tokens: Yours").check()
    save(admin)
    expect(admin.get_by_role("dialog")).to_have_count(0)
    saved = http.get("/api/admin/models/shared").json()
    assert (saved["policy"], saved["max_tokens"], len(saved["targets"])) == ("cheapest", 500, 2)


def test_a_setting(admin: Page, house: House, http: httpx.Client) -> None:
    house.open(admin, "settings?open=queue_size")
    form = admin.get_by_role("dialog")
    value = form.get_by_label("Value", exact=True)
    value.fill("98")
    change(http, "settings/queue_size", value=97)
    save(admin)
    told(form)
    expect(value).to_have_value("98")
    form.get_by_role("radio", name="value: Theirs").check()
    expect(value).to_have_value("97")
    form.get_by_role("radio", name="value: Yours").check()
    save(admin)
    expect(admin.get_by_text("queue_size is saved.")).to_be_visible()
    assert http.get("/api/admin/settings/queue_size").json()["value"] == 98


def test_two_who_change_the_same_to_the_same_are_asked_nothing(admin: Page, house: House, http: httpx.Client) -> None:
    id = http.post("/api/admin/apikeys", json={"name": "shared"}).json()["id"]
    house.open(admin, f"keys?open={id}")
    form = admin.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("both")
    change(http, f"apikeys/{id}", name="both")
    save(admin)
    expect(admin.get_by_text("both is saved.")).to_be_visible()


def test_what_differs_can_be_read_by_everybody_and_fits_a_phone(admin: Page, house: House, http: httpx.Client) -> None:
    id = http.post("/api/admin/apikeys", json={"name": "shared"}).json()["id"]
    admin.set_viewport_size(PHONE)
    house.open(admin, f"keys?open={id}")
    form = admin.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("mine " * 12)
    form.get_by_text("More", exact=True).click()
    form.get_by_label("Allowed addresses").fill("10.0.0.0/8")
    change(http, f"apikeys/{id}", name="theirs " * 12, allowed_models=[f"vendor/model-{n}" for n in range(20)])
    save(admin)
    told(form)
    expect(form.get_by_role("alert")).to_be_in_viewport()
    assert form.locator(".dialog-body").evaluate("(body) => body.scrollWidth - body.clientWidth") <= 0
    for dark in (False, True):
        admin.emulate_media(color_scheme="dark" if dark else "light")
        settled(admin)
        assert violations(admin) == []
