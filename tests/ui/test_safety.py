"""What others may try against whoever is signed in: names that would run, pages elsewhere that send, ended sessions."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.jobs import eventually
from tests.api.running import MASTER
from tests.api.test_files import picture, tone
from tests.fakes.http_server import Exchange, HttpServer
from tests.fakes.upstream import Upstream
from tests.ui.house import EVIL, PASSWORD, House, watched

MORE_EVIL = "\"><svg onload=alert(1)>'-alert(1)-'"


@pytest.fixture
def hostile(house: House) -> Iterator[Upstream]:
    """A provider whose model names, answers and errors would run where they became part of a page."""
    upstream = Upstream.start()
    upstream.models = [f"{EVIL}/model", MORE_EVIL]
    with house.gateway.http() as http:
        body: dict[str, Any] = {
            "id": "hostile", "name": MORE_EVIL, "base_url": upstream.url, "headers": {"x-evil": EVIL},
            "models": [{"id": "hostile-chat"}, {"id": "hostile-ocr", "type": "ocr"}],
        }  # fmt: skip
        assert http.post("/api/admin/providers", json=body).status_code == 201
        names = {"id": MORE_EVIL, "name": EVIL, "aliases": [f"a{EVIL}"], "upstream_model": EVIL}
        assert http.post("/api/admin/models", json={**names, "provider_id": "hostile"}).status_code == 201
        key = {"name": MORE_EVIL, "allowed_models": [EVIL]}
        made = http.post("/api/admin/apikeys", json=key).json()["id"]
        yield upstream
        http.delete("/api/admin/providers/hostile?cascade=true")
        http.delete(f"/api/admin/apikeys/{made}")
    upstream.close()


def nothing_ran(page: Page) -> None:
    """`watched` tells of dialogs; here: nothing became an element."""
    found = page.locator("main img[src=x], main svg[onload], dialog img[src=x], dialog svg[onload], aside svg[onload]")
    assert found.count() == 0


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("screen", ["providers", "models", "keys", "audit", "requests", "overview"])
def test_a_name_of_every_kind_stays_text(admin: Page, house: House, screen: str) -> None:
    with house.gateway.http() as http:
        chat = {"model": MORE_EVIL, "messages": [{"role": "user", "content": "Hi"}]}
        http.post("/v1/chat/completions", json=chat, headers={"user-agent": EVIL})
    house.open(admin, screen)
    expect(admin.get_by_text("<svg onload").first).to_be_visible()
    nothing_ran(admin)
    if screen != "overview":
        admin.get_by_role("row").filter(has_text="<svg onload").first.click()
        nothing_ran(admin)


def test_names_of_the_catalog_stay_text(admin: Page, house: House, hostile: Upstream) -> None:
    with house.gateway.http() as http:
        http.post("/catalog/refresh")
    house.open(admin, "catalog?gateway=hostile")
    expect(admin.get_by_text("<svg onload").first).to_be_visible()
    nothing_ran(admin)
    admin.get_by_role("row").filter(has_text="<svg onload").first.click()
    expect(admin.get_by_role("dialog")).to_be_visible()
    nothing_ran(admin)


def test_an_error_that_repeats_a_name_stays_text(admin: Page, house: House) -> None:
    house.open(admin, f"playground?model={quote(EVIL)}")
    admin.get_by_role("button", name="Make a key for this tab").click()
    admin.get_by_placeholder("Write a message…").fill("Hi")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("article").get_by_role("alert")).to_contain_text("<img src=x")
    nothing_ran(admin)


@pytest.mark.parametrize(("tab", "content"), [("ocr", picture("PNG")), ("transcription", tone())])
def test_the_name_of_a_file_stays_text(visitor: Page, house: House, tmp_path: Path, tab: str, content: bytes) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    (tmp_path / name).write_bytes(content)
    visitor.goto(f"{house.url}/ui/playground/{tab}")
    visitor.get_by_role("textbox", name="API key").fill(MASTER)
    visitor.get_by_role("button", name="Use this key").click()
    visitor.locator("input[type=file]").set_input_files(tmp_path / name)
    expect(visitor.get_by_text(name).first).to_be_visible()
    visitor.get_by_role("button", name="This request as code").click()
    expect(visitor.get_by_role("dialog").locator("pre")).to_contain_text("onerror")
    nothing_ran(visitor)


@pytest.fixture
def elsewhere(house: House) -> Iterator[str]:
    """A page at another port of the same host, to which the browser would give the cookie along."""
    target = json.dumps(f"{house.url}/api/admin/apikeys")
    script = f"""
      const send = (type, headers) => fetch({target}, {{method: "POST", mode: "no-cors", credentials: "include",
        headers: {{"content-type": type, ...headers}}, body: JSON.stringify({{name: "stolen"}})}}).catch(() => null);
      Promise.all([send("text/plain"), send("application/json")]).then(() => {{ document.title = "sent"; }});
    """
    page = f"<iframe src={json.dumps(house.url + '/ui/keys')}></iframe><script>{script}</script>"

    async def answer(exchange: Exchange) -> None:
        exchange.send(200, page.encode(), "text/html")

    server = HttpServer(answer)
    server.start()
    yield server.url
    server.stop()


def test_a_page_elsewhere_can_neither_change_nor_frame_anything(
    browser: Browser, logged_in: Any, house: House, elsewhere: str
) -> None:
    context = browser.new_context(storage_state=logged_in)
    page = context.new_page()
    statuses: list[int] = []
    page.on("response", lambda reply: statuses.append(reply.status) if "/api/admin" in reply.url else None)
    page.goto(elsewhere)
    page.wait_for_function("document.title === 'sent'")
    eventually(lambda: len(statuses) == 2 or page.evaluate("null"))
    assert all(status in (400, 403, 415) for status in statuses)
    page.frames[1].wait_for_url(re.compile("^chrome-error:"), wait_until="commit")  # it is shown in no frame
    context.close()
    with house.gateway.http() as http:
        assert "stolen" not in http.get("/api/admin/apikeys").text


def test_a_session_that_the_gateway_ended_is_noticed_where_one_is(
    browser: Browser, visitor: Page, house: House
) -> None:
    visitor.route_web_socket("**/api/admin/live", lambda socket: None)  # by which it is told too, at its own time
    house.log_in(visitor)
    house.open(visitor, "keys?open=new")
    visitor.get_by_role("dialog").get_by_label("Name").fill("half done")
    csrf = visitor.evaluate("fetch('/api/session').then((reply) => reply.json()).then((told) => told.csrf_token)")
    ended = visitor.evaluate(
        "(csrf) => fetch('/api/admin/logout', {method: 'POST', headers: {'x-csrf-token': csrf}}).then((r) => r.status)",
        csrf,
    )
    assert ended < 300
    visitor.get_by_role("dialog").get_by_role("button", name="Make key").click()
    again = visitor.get_by_role("dialog", name="Sign in again")
    expect(again).to_be_visible()
    visitor.keyboard.press("Escape")
    again.get_by_label("User name").fill("ada")
    again.get_by_role("textbox", name="Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(again).to_have_count(0)
    drawer = visitor.get_by_role("dialog", name="Make a key")
    expect(drawer.get_by_label("Name")).to_have_value("half done")
    with house.gateway.http() as http:
        assert "half done" not in http.get("/api/admin/apikeys").text
        drawer.get_by_role("button", name="Make key").click()
        expect(visitor.get_by_test_id("new-key")).to_be_visible()
        made = next(key for key in http.get("/api/admin/apikeys?q=half").json()["data"] if key["name"] == "half done")
        http.delete(f"/api/admin/apikeys/{made['id']}")


def test_whoever_else_signs_in_then_sees_nothing_of_the_one_before(visitor: Page, house: House) -> None:
    with house.gateway.http() as http:
        user = {"username": "bob", "password": PASSWORD, "role": "user"}
        bob = http.post("/api/admin/users", json=user).json()["id"]
    house.log_in(visitor)
    house.open(visitor, "users?open=new")
    visitor.get_by_role("dialog").get_by_label("User name").fill("half done")
    visitor.context.clear_cookies()
    visitor.get_by_role("dialog").get_by_role("textbox", name="Password").fill(PASSWORD)
    visitor.get_by_role("dialog").get_by_role("button", name="Save").click()
    again = visitor.get_by_role("dialog", name="Sign in again")
    again.get_by_label("User name").fill("bob")
    again.get_by_role("textbox", name="Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("heading", name="My usage")).to_be_visible()
    expect(visitor.get_by_role("dialog")).to_have_count(0)
    with house.gateway.http() as http:
        http.delete(f"/api/admin/users/{bob}")


def test_the_cookie_is_out_of_reach_of_scripts(admin: Page, house: House) -> None:
    house.open(admin, "overview")
    kept = [one for one in admin.context.cookies() if one["httpOnly"]]
    assert kept and all(one["sameSite"] == "Strict" for one in kept)
    assert admin.evaluate("document.cookie") == ""


def test_a_script_that_got_in_would_not_run(visitor: Page, house: House) -> None:
    page, complaints = watched(visitor.context)
    page.goto(f"{house.url}/ui/login")
    with page.expect_console_message(lambda message: message.type == "error"):
        ran = page.evaluate(
            """() => {
                const script = document.createElement("script");
                try { script.textContent = "window.ran = true"; document.body.append(script); }
                catch { return "refused"; }
                return window.ran === true;
            }"""
        )
    assert ran in (False, "refused")
    assert complaints, "the browser tells of it"
