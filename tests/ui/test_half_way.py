"""What breaks off or is answered by something in between is told in words, and changes nothing that was typed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.api.running import MASTER
from tests.ui.house import PASSWORD, PATIENCE, House, watched
from tests.ui.test_living import Wire

IN_BETWEEN = [
    pytest.param(
        200, "<html>Log in to the network first</html>", "Something else than the gateway answered", id="page"
    ),
    pytest.param(502, "null", "The gateway answered with status 502.", id="null"),
    pytest.param(503, '{"error": {"message": {"code": 7}}}', "The gateway answered with status 503.", id="no message"),
    pytest.param(502, '{"error": "upstream connect error"}', "The gateway answered with status 502.", id="words"),
]


@pytest.fixture
def line(house: House) -> Iterator[Wire]:
    line = Wire(house.url)
    yield line
    line.stop()


@pytest.fixture
def apart(browser: Browser) -> Iterator[BrowserContext]:
    """With a session of its own: these tests end it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.mark.parametrize(("status", "body", "told"), IN_BETWEEN)
def test_what_a_proxy_answers_is_told_in_words(admin: Page, house: House, status: int, body: str, told: str) -> None:
    def answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=status, content_type="text/html", body=body)
        else:
            route.fallback()

    house.open(admin, "keys?open=new")
    form = admin.get_by_role("dialog")
    form.get_by_label("Name").fill("in between")
    admin.route("**/api/admin/apikeys", answer)
    form.get_by_role("button", name="Make key").click()
    expect(form.get_by_role("alert")).to_contain_text(told)
    expect(form.get_by_label("Name")).to_have_value("in between")


def test_an_answer_that_breaks_off_says_so_and_stays(apart: BrowserContext, house: House, line: Wire) -> None:
    page, _ = watched(apart)
    house.upstream.faults["mistral-small"] = "slow:3"
    page.goto(f"{line.url}/ui/playground?model=mistral-small")
    page.get_by_role("textbox", name="API key").fill(MASTER)
    page.get_by_role("button", name="Use this key").click()
    page.get_by_placeholder("Write a message…").fill("Take your time")
    page.keyboard.press("Enter")
    answer = page.get_by_role("article", name="mistral-small")
    expect(answer.get_by_text("A", exact=False).first).to_be_visible()
    expect(answer.locator(".markdown")).to_be_visible()
    line.cut()
    expect(answer.get_by_role("alert")).to_contain_text("The answer broke off half-way.")
    expect(answer.locator(".markdown")).to_be_visible()


def test_nobody_is_signed_out_who_the_gateway_did_not_sign_out(apart: BrowserContext, house: House) -> None:
    page, _ = watched(apart)
    house.log_in(page)
    apart.set_offline(True)
    leave = page.get_by_role("button", name="Sign out")
    leave.click()
    expect(page.locator(".toaster").get_by_text("The gateway does not answer.")).to_be_visible()
    expect(leave).to_be_visible()
    apart.set_offline(False)
    leave.click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_who_signs_out_in_one_tab_is_not_seen_in_another(apart: BrowserContext, house: House) -> None:
    one, two = apart.new_page(), apart.new_page()
    house.log_in(one)
    house.open(two, "keys?open=new")
    two.get_by_role("dialog").get_by_label("Name").fill("half-typed")
    one.get_by_role("button", name="Sign out").click()
    two.bring_to_front()
    again = two.get_by_role("dialog", name="Sign in again")
    expect(again).to_be_visible()
    for _ in range(4):  # the second Escape in a row closes a dialog that does not want to be closed
        two.keyboard.press("Escape")
    expect(again).to_be_visible()
    again.get_by_label("User name").fill("ada")
    again.get_by_role("textbox", name="Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(again).to_have_count(0)
    expect(two.get_by_label("Name", exact=True)).to_have_value("half-typed")


def test_nothing_of_one_person_is_left_to_another(apart: BrowserContext, house: House) -> None:
    with house.gateway.http() as http:
        http.post("/api/admin/users", json={"username": "successor", "password": PASSWORD, "role": "user"})
    one, two = apart.new_page(), apart.new_page()
    house.log_in(one)
    house.open(one, "playground")
    one.get_by_role("button", name="Make a key for this tab").click()
    one.get_by_placeholder("Write a message…").fill("Nobody else's business")
    house.open(two, "account")
    two.get_by_role("button", name="Sign out").click()
    two.get_by_label("User name").wait_for()
    house.log_in(two, "successor")
    one.bring_to_front()
    expect(one.get_by_role("link", name="My usage")).to_be_visible()
    expect(one.get_by_role("link", name="Providers")).to_have_count(0)
    house.open(one, "playground")
    expect(one.get_by_role("button", name="Make a key for this tab")).to_be_visible()
    assert one.evaluate("Object.values({...sessionStorage}).filter((one) => /sk-|business/.test(one))") == []


def test_a_page_without_a_clipboard_copies_all_the_same(admin: Page, house: House) -> None:
    """As every page that comes over plain HTTP from another machine."""
    admin.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    house.open(admin, "keys?open=new")
    form = admin.get_by_role("dialog")
    form.get_by_label("Name").fill("to be copied")
    form.get_by_role("button", name="Make key").click()
    made = admin.get_by_test_id("new-key").inner_text()
    copy = admin.get_by_role("button", name="Copy", exact=True).first
    copy.click()
    expect(copy).to_be_focused()
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)
    search = admin.get_by_role("searchbox", name=re.compile("^Search"))
    search.focus()
    admin.keyboard.press("Control+v")
    expect(search).to_have_value(made)
