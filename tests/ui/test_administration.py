"""What administrators do, from a provider to a key and back, through the pages alone.

Rows of docs/acceptance.md: A002-05, A002-11, A002-32, A004-09.
"""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from gateway.openai_api.operations import OPERATIONS
from tests.api.jobs import eventually
from tests.ui.house import EVIL, House


def ask(house: House, key: str, model: str) -> httpx.Response:
    with house.gateway.http(key) as http:
        return http.post("/v1/chat/completions", json={"model": model, "messages": [{"role": "user", "content": "Hi"}]})


def test_from_a_provider_to_a_key_to_a_request_and_back(admin: Page, house: House) -> None:
    house.open(admin, "providers")
    admin.get_by_role("button", name="Add provider").first.click()
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Name", exact=True).fill("Acme")
    drawer.get_by_label("Base URL").fill(f"{house.upstream.url}/v1")
    drawer.get_by_role("textbox", name="API key").fill("sk-acme-0123456789abcdef")
    drawer.get_by_role("button", name="Add model").click()
    drawer.get_by_label("Model name 1").fill("acme-chat")
    drawer.get_by_role("button", name="Save and test").click()
    expect(admin.get_by_role("dialog").get_by_text("It answers, and the key is good.")).to_be_visible()
    admin.keyboard.press("Escape")
    row = admin.get_by_role("row", name=re.compile("Acme"))
    expect(row).to_contain_text("sk-a")
    expect(row).not_to_contain_text("0123456789")

    house.open(admin, "models?open=new")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Public name").fill("my-chat")
    drawer.get_by_label("Provider 1").select_option("provider:acme")
    drawer.get_by_label("Model there 1").fill("acme-chat")
    drawer.get_by_role("button", name="Save").click()
    expect(admin.get_by_role("row", name=re.compile("^my-chat"))).to_be_visible()

    house.open(admin, "keys?open=new")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Name").fill("John's Key")
    drawer.get_by_label("Allowed models").fill("my-*")
    drawer.get_by_role("button", name="Make key").click()
    key = admin.get_by_test_id("new-key").inner_text()
    admin.get_by_role("button", name="I have copied it").click()
    expect(admin.get_by_role("row", name=re.compile("John's Key"))).to_be_visible()
    assert key not in admin.content()
    assert ask(house, key, "my-chat").status_code == 200 and ask(house, key, "gpt-4o-mini").status_code == 403

    house.open(admin, "requests")
    admin.get_by_role("row", name=re.compile("my-chat")).first.click()
    drawer = admin.get_by_role("dialog")
    expect(drawer.get_by_text("acme/acme-chat")).to_be_visible()
    expect(drawer.get_by_text("answered")).to_be_visible()
    drawer.get_by_text("As code").click()
    expect(drawer.locator("pre").get_by_text("curl ")).to_be_visible()

    house.open(admin, "keys")
    admin.get_by_role("switch", name="Enabled: John's Key").click()
    expect(admin.get_by_text("John's Key is off.")).to_be_visible()
    assert ask(house, key, "my-chat").status_code == 401
    admin.get_by_role("button", name="Undo").click()
    expect(admin.get_by_text("John's Key is on.")).to_be_visible()
    assert ask(house, key, "my-chat").status_code == 200


def test_deleting_a_provider_says_what_goes_with_it(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        http.post("/api/admin/providers", json={"id": "gone", "base_url": f"{house.upstream.url}/v1"})
        http.post("/api/admin/models", json={"id": "orphan", "provider_id": "gone", "upstream_model": "x"})
    house.open(admin, "providers?open=gone")
    admin.get_by_role("button", name="Delete").click()
    ask_first = admin.get_by_role("dialog", name="Delete gone?")
    expect(ask_first).to_contain_text("orphan")
    ask_first.get_by_role("button", name="Delete").click()
    expect(admin.get_by_text("gone is deleted.")).to_be_visible()
    expect(admin.get_by_role("row", name=re.compile("gone"))).to_have_count(0)


@pytest.mark.parametrize(
    ("screen", "fills", "button", "field"),
    [
        ("providers?open=new", {"Id": "bad id!", "Base URL": "https://example.com"}, "Save", "Id"),
        ("models?open=new", {"Public name": "a,b"}, "Save", "Public name"),
        ("keys?open=new", {"Name": "x", "Own value": "short"}, "Make key", "Own value"),
        ("users?open=new", {"User name": "bob", "Password": "password"}, "Save", "Password"),
    ],
)
def test_errors_stand_at_the_field_they_name(
    admin: Page, house: House, screen: str, fills: dict[str, str], button: str, field: str
) -> None:
    house.open(admin, screen)
    drawer = admin.get_by_role("dialog")
    for label, value in fills.items():
        drawer.get_by_role("textbox", name=re.compile(f"^{label}")).fill(value)
    drawer.get_by_role("button", name=button, exact=True).click()
    expect(drawer.get_by_role("textbox", name=re.compile(f"^{field}"))).to_have_attribute("aria-invalid", "true")
    expect(drawer.get_by_role("alert").first).to_be_visible()


@pytest.mark.parametrize(
    ("screen", "resource", "document"),
    [
        ("keys", "apikeys", {"name": "short-lived"}),
        ("users", "users", {"username": "short-lived", "password": "p" * 5 + "-long-enough"}),
    ],
)
def test_what_is_deleted_while_it_stands_open_is_not_made_anew(
    admin: Page, house: House, screen: str, resource: str, document: dict[str, str]
) -> None:
    with house.gateway.http() as http:
        id = http.post(f"/api/admin/{resource}", json=document).json()["id"]
        house.open_listening(admin, screen)
        admin.get_by_role("row", name=re.compile("^short-lived")).click()
        save = admin.get_by_role("button", name="Save", exact=True)
        expect(save).to_be_visible()
        http.delete(f"/api/admin/{resource}/{id}")
        expect(admin.get_by_text("short-lived", exact=True)).to_have_count(0)
        save.click()
        expect(admin.get_by_role("dialog").get_by_role("alert")).to_contain_text("There is no")
        assert http.get(f"/api/admin/{resource}?q=short-lived").json()["total"] == 0
    house.open(admin, f"{screen}?open={id}")
    expect(admin.get_by_text(f"There is no {id} any more.")).to_be_visible()
    expect(admin.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("field", ["Id", None])
def test_what_is_wrong_is_scrolled_into_sight(admin: Page, house: House, field: str | None) -> None:
    refusal = {"error": {"message": "Nothing can be written now.", "code": "storage_failed"}}
    if field is None:
        admin.route("**/api/admin/providers", lambda route: route.fulfill(status=507, json=refusal))
    admin.set_viewport_size({"width": 1280, "height": 500})
    house.open(admin, "providers?open=new")
    drawer = admin.get_by_role("dialog")
    id = drawer.get_by_role("textbox", name=re.compile("^Id"))
    id.fill("bad id!")
    drawer.get_by_label("Base URL").fill("https://example.com")
    drawer.get_by_text("More", exact=True).click()
    drawer.locator(".dialog-body").evaluate("(body) => { body.scrollTop = body.scrollHeight; }")
    expect(id).not_to_be_in_viewport()
    drawer.get_by_role("button", name="Save and test").click()
    expect(drawer.get_by_role("alert")).to_be_in_viewport()


def test_every_operation_can_be_allowed_and_a_switch_leaves_the_expiry_alone(admin: Page, house: House) -> None:
    names = {operation.name for operation in OPERATIONS.values()}
    house.open(admin, "keys?open=new")
    admin.get_by_text("More", exact=True).click()
    boxes = admin.get_by_role("dialog").get_by_role("checkbox")
    expect(boxes).to_have_count(len(names))
    assert names == set(boxes.locator("xpath=..").all_inner_texts())
    ends = "2099-01-02T03:04:56.789000Z"
    with house.gateway.http() as http:
        key = http.post("/api/admin/apikeys", json={"name": "timed", "expires_at": ends}).json()["id"]
        house.open(admin, "keys?q=timed")
        admin.get_by_role("switch", name="Enabled: timed").click()
        expect(admin.get_by_text("timed is off.")).to_be_visible()
        assert http.get(f"/api/admin/apikeys/{key}").json()["expires_at"] == ends


def test_a_budget_shows_what_was_spent(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        assert http.put(
            "/api/admin/settings/prices", json={"value": {"main/gpt-4o-mini": {"per_request": 2}}}
        ).is_success
        key = http.post("/api/admin/apikeys", json={"name": "costly", "budget_usd": 8}).json()
        assert ask(house, key["key"], "gpt-4o-mini").status_code == 200
        eventually(lambda: http.get(f"/api/admin/apikeys/{key['id']}").json()["spent_usd"])
        http.delete("/api/admin/settings/prices")
    house.open(admin, "keys?q=costly")
    expect(admin.get_by_role("row", name=re.compile("^costly"))).to_contain_text("$2.00 of $8.00")


def test_the_figures_of_an_axis_are_seen_whole(visitor: Page, house: House) -> None:
    account = {"username": "thrifty", "password": "a-long-enough-one"}
    with house.gateway.http() as http:
        prices = {"value": {"main/gpt-4o-mini": {"per_request": 0.000073}}}
        assert http.put("/api/admin/settings/prices", json=prices).is_success
        user = http.post("/api/admin/users", json=account).json()["id"]
        key = http.post("/api/admin/apikeys", json={"name": "thrifty", "user_id": user}).json()["key"]
        assert ask(house, key, "gpt-4o-mini").status_code == 200
        eventually(lambda: http.get(f"/api/admin/users/{user}").json()["spent_usd"])
        http.delete("/api/admin/settings/prices")
    house.log_in(visitor, **account)
    figure = visitor.get_by_role("img", name="Cost").get_by_text("$0.00008", exact=True)
    figure.scroll_into_view_if_needed()
    assert figure.evaluate(
        "one => one.getBoundingClientRect().left >= one.ownerSVGElement.getBoundingClientRect().left"
    )


def test_a_mistyped_password_is_told_where_it_stands_and_ends_no_session(admin: Page, house: House) -> None:
    house.open(admin, "account")
    admin.get_by_role("textbox", name="Current password").fill("not it")
    admin.get_by_role("textbox", name="New password").fill("another good one")
    admin.get_by_role("button", name="Change password").click()
    expect(admin.get_by_role("textbox", name="Current password")).to_have_attribute("aria-invalid", "true")
    expect(admin.get_by_text("That is not the current password.")).to_be_visible()


def test_a_dry_run_explains_every_target(admin: Page, house: House) -> None:
    house.open(admin, "models?open=safe&tab=dryRun")
    drawer = admin.get_by_role("dialog")
    expect(drawer.get_by_role("list").get_by_text("main/fault:500")).to_be_visible()
    expect(drawer.get_by_role("list").get_by_text("spare/qwen-vl")).to_be_visible()
    expect(drawer.get_by_text("Route safe, policy ordered.")).to_be_visible()


def test_a_key_is_rotated_with_overlap(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        old = http.post("/api/admin/apikeys", json={"name": "old"}).json()
    house.open(admin, f"keys?open={old['id']}")
    admin.get_by_role("button", name="Rotate").click()
    admin.get_by_role("dialog", name="Give old a new value?").get_by_role("button", name="Rotate").click()
    new = admin.get_by_test_id("new-key").inner_text()
    assert new != old["key"]
    assert ask(house, new, "gpt-4o-mini").status_code == ask(house, old["key"], "gpt-4o-mini").status_code == 200


def test_users_see_their_own_pages_alone(admin: Page, visitor: Page, house: House) -> None:
    house.open(admin, "users?open=new")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("User name").fill("grace")
    drawer.get_by_role("textbox", name="Password").fill("another-good-pass-77")
    drawer.get_by_role("button", name="Save").click()
    expect(admin.get_by_role("row", name=re.compile("grace"))).to_be_visible()

    house.log_in(visitor, "grace", "another-good-pass-77")
    menu = visitor.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link", name="My usage")).to_be_visible()
    expect(menu.get_by_role("link", name="Providers")).to_have_count(0)
    house.open(visitor, "providers")
    expect(visitor.get_by_role("heading", name="There is no such page")).to_be_visible()
    house.open(visitor, "my-keys")
    visitor.get_by_role("button", name="Make key").first.click()
    visitor.get_by_role("dialog").get_by_label("Name").fill("mine")
    visitor.get_by_role("dialog").get_by_role("button", name="Make key").click()
    assert ask(house, visitor.get_by_test_id("new-key").inner_text(), "gpt-4o-mini").status_code == 200


def test_names_never_become_part_of_a_page(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        made = [
            http.post("/api/admin/providers", json={"id": "evil", "name": EVIL, "base_url": house.upstream.url}),
            http.post("/api/admin/models", json={"id": EVIL, "provider_id": "evil", "upstream_model": EVIL}),
            http.post("/api/admin/apikeys", json={"name": EVIL, "allowed_models": [EVIL]}),
            http.post("/api/admin/users", json={"username": EVIL[:60], "password": "another-good-pass-77"}),
        ]
        assert [one.status_code for one in made] == [201] * 4
        ask(house, made[2].json()["key"], EVIL)
    for screen in ("providers", "models", "keys", "users", "audit", "requests", "overview"):
        house.open(admin, screen)
        expect(admin.get_by_text("<img src=x").first).to_be_visible()
        assert admin.locator("main img[src=x]").count() == 0


def test_a_setting_is_changed_and_taken_back(admin: Page, house: House) -> None:
    house.open(admin, "settings?open=queue_size")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Value").fill("99")
    drawer.get_by_role("button", name="Check").click()
    expect(drawer.get_by_role("region", name="Change")).to_contain_text("99")
    drawer.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("queue_size is saved.")).to_be_visible()
    row = admin.get_by_role("row", name=re.compile("^queue_size"))
    expect(row).to_contain_text("database")
    row.click()
    admin.get_by_role("button", name="Take the change back").click()
    expect(row).not_to_contain_text("database")


def test_the_audit_log_is_searched_beyond_the_rows_that_are_shown(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        http.post("/api/admin/apikeys", json={"name": "Nadja's tablet"})
        for n in range(201):
            http.put("/api/admin/settings/max_body_mb", json={"value": 20 + n % 2})
        http.delete("/api/admin/settings/max_body_mb")
    house.open(admin, "audit")
    rows = admin.get_by_role("region", name="Audit log")
    expect(rows.get_by_text("max_body_mb").first).to_be_visible()
    admin.get_by_role("searchbox", name="Search").fill("nadja")
    expect(rows.get_by_role("cell", name="Nadja's tablet")).to_have_count(1)
    expect(admin.get_by_text("1 entry")).to_be_visible()
    admin.get_by_role("searchbox", name="Search").fill("never heard of")
    expect(admin.get_by_text("No entry matches")).to_be_visible()


def test_an_address_that_asks_for_no_such_page_or_period_shows_what_there_is(admin: Page, house: House) -> None:
    for offset in ("-5", "abc", "1e400"):
        for screen, title in (("audit", "Audit log"), ("requests", "Requests")):
            house.open(admin, f"{screen}?offset={offset}")
            expect(admin.get_by_role("region", name=title).get_by_role("row").nth(1)).to_be_visible()
    house.open(admin, "audit?offset=99999")
    expect(admin.get_by_text("No entry matches")).to_be_visible()
    house.open(admin, "requests?offset=99999")
    expect(admin.get_by_text(re.compile(r"^0–0 of \d+"))).to_be_visible()
    house.open(admin, "usage?range=nonsense")
    expect(admin.get_by_role("heading", name="By model", exact=True)).to_be_visible()


def test_the_catalog_is_filtered_compared_and_added_to_the_models(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        assert http.post("/catalog/refresh").status_code == 200
    house.open(admin, "catalog?gateway=main&q=vendor")
    expect(admin.get_by_text("1,200 /")).to_be_visible()
    assert admin.get_by_role("table").get_by_role("row").count() < 120, "only rows in sight are drawn"
    table = admin.get_by_role("region", name="Catalog")
    table.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
    expect(admin.get_by_role("row", name=re.compile("model-1199"))).to_be_in_viewport()
    table.evaluate("(box) => { box.scrollTop = 0; }")
    admin.get_by_label("Compare main/vendor/model-0000").check()
    admin.get_by_label("Compare main/vendor/model-0001").check()
    admin.get_by_role("button", name="Compare 2").click()
    expect(admin.get_by_role("dialog", name="Compare").get_by_role("columnheader")).to_have_count(2)
    admin.keyboard.press("Escape")
    admin.get_by_role("row", name=re.compile("model-0002")).click()
    admin.get_by_role("button", name="Add to my models").click()
    admin.get_by_label("Public name").fill("added")
    admin.get_by_role("button", name="Add", exact=True).click()
    expect(admin.get_by_text("added can be asked for now.")).to_be_visible()
    with house.gateway.http() as http:
        assert http.get("/api/admin/models/added").json()["upstream_model"] == "vendor/model-0002"


def test_a_switch_that_could_not_be_turned_goes_back(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        http.post("/api/admin/apikeys", json={"name": "stays on"})
    house.open(admin, "keys?q=stays")
    switch = admin.get_by_role("switch", name="Enabled: stays on")
    expect(switch).to_be_checked()
    refusal = {"error": {"message": "Nothing can be written now.", "code": "storage_failed"}}
    admin.route("**/api/admin/apikeys/**", lambda route: route.fulfill(status=507, json=refusal))
    switch.click()
    expect(admin.get_by_text("Nothing can be written now.")).to_be_visible()
    expect(switch).to_be_checked()
