"""Every screen by keyboard alone: what has the focus is seen, nothing holds it, rows are walked and opened."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.house import SCREENS, House
from tests.ui.test_looks import settled

MOST = 90
"""Stops of a page that are looked at; a long table has more."""
STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const seen = (one) => {
    const style = one && getComputedStyle(one);
    return Boolean(style) && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  const near = [at, at.nextElementSibling, at.parentElement, at.parentElement?.parentElement];
  const box = at.getBoundingClientRect();
  const label = at.matches(":disabled") ? "disabled " : "";
  if (!at.dataset.stop) at.dataset.stop = String(document.querySelectorAll("[data-stop]").length + 1);
  return {
    stop: Number(at.dataset.stop), what: label + at.outerHTML.slice(0, 120), seen: near.some(seen),
    inside: box.bottom > -1 && box.top < innerHeight + 1 && box.right > -1 && box.left < innerWidth + 1,
    order: at.tabIndex, parts: at.type === "datetime-local",
  };
}"""
PLAYGROUND = ["playground/speech", "playground/images", "playground/rerank", "playground/transcription"]
TABLES = ["requests", "models", "providers", "keys", "users", "catalog"]


def stops(page: Page) -> list[dict[str, Any]]:
    """Where Tab leads, until it leaves the page or comes back to the first."""
    found: list[dict[str, Any]] = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None or (found and stop["stop"] == 1):
            return found
        if not (found and found[-1]["stop"] == stop["stop"] and stop["parts"]):
            found.append(stop)
    return found


@pytest.mark.parametrize("screen", [*SCREENS, *PLAYGROUND, "keys?open=new", "models?open=new"])
def test_whatever_has_the_focus_is_seen(browser: Browser, logged_in: Any, house: House, screen: str) -> None:
    context = browser.new_context(storage_state=logged_in, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    if "playground" in screen:
        page.goto(f"{house.url}/ui/playground")
        page.get_by_role("button", name="Make a key for this tab").click()
        page.get_by_role("button", name="Test connection").wait_for()
    page.goto(f"{house.url}/ui/{screen}")
    settled(page)
    found = stops(page)
    context.close()
    stations = {(one["stop"], one["what"]) for one in found}  # a long table uses its elements again for later rows
    assert len(found) >= 6 and len(stations) == len(found), "nothing holds the focus or gets it twice"
    assert [one["what"] for one in found if not one["seen"]] == []
    assert [one["what"] for one in found if not one["inside"]] == []
    assert [one["what"] for one in found if one["order"] > 0] == []


@pytest.mark.parametrize("screen", TABLES)
def test_rows_are_walked_and_opened(admin: Page, house: House, screen: str) -> None:
    with house.gateway.http() as http:
        http.post("/catalog/refresh")
    house.open(admin, screen)
    settled(admin)
    admin.get_by_role("row").nth(1).wait_for()
    for key in ("j", "j", "k"):
        admin.keyboard.press(key)
    expect(admin.locator("tr.active")).to_have_count(1)
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("dialog")).to_be_visible()
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("key", ["Enter", "ArrowDown"])
def test_the_search_leads_to_the_rows_that_it_found(admin: Page, house: House, key: str) -> None:
    house.open(admin, "models")
    settled(admin)
    admin.get_by_role("row").nth(1).wait_for()
    admin.keyboard.press("/")
    admin.keyboard.type("saf")
    admin.keyboard.press(key)
    expect(admin.get_by_role("region", name="Models & routes")).to_be_focused()
    expect(admin.locator("tr.active")).to_contain_text("safe")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("dialog", name="safe")).to_be_visible()


def test_the_menu_of_a_phone_has_the_focus_until_it_closes(admin: Page, house: House) -> None:
    admin.set_viewport_size({"width": 390, "height": 780})
    house.open(admin, "requests")
    opener = admin.get_by_role("button", name="Menu")
    opener.press("Enter")
    menu = admin.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link").first).to_be_focused()
    admin.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()
    opener.press("Enter")
    admin.get_by_role("button", name="Search").last.press("Enter")
    expect(admin.get_by_role("combobox", name="Commands")).to_be_focused()
    expect(menu).to_be_hidden()


def test_back_closes_the_menu_of_a_phone_and_leaves_the_screen(admin: Page, house: House) -> None:
    admin.set_viewport_size({"width": 390, "height": 780})
    house.open(admin, "requests")
    admin.get_by_role("button", name="Menu").click()
    menu = admin.get_by_role("navigation", name="Main")
    expect(menu).to_be_visible()
    admin.go_back()
    expect(menu).to_be_hidden()
    expect(admin.get_by_role("heading", name="Requests", exact=True)).to_be_visible()
    admin.get_by_role("button", name="Menu").click()
    menu.get_by_role("link", name="Users").click()
    expect(admin.get_by_role("heading", name="Users", exact=True)).to_be_visible()
    expect(admin).to_have_url(re.compile("/users$"))
    admin.go_back()
    expect(admin.get_by_role("heading", name="Requests", exact=True)).to_be_visible()
    expect(menu).to_be_hidden()


def test_the_focus_stays_on_the_page_when_the_last_row_found_is_deleted(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        http.post("/api/admin/apikeys", json={"name": "last-of-its-kind"})
    house.open(admin, "keys?q=last-of-its-kind")
    expect(admin.get_by_role("row")).to_have_count(2)
    admin.keyboard.press("j")
    admin.keyboard.press("Enter")
    admin.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    question = admin.get_by_role("dialog", name="Delete last-of-its-kind?")
    expect(question.get_by_role("button", name="Delete")).to_have_attribute("aria-busy", "false")
    question.get_by_role("button", name="Delete").press("Enter")
    expect(admin.get_by_role("heading", name="Nothing matches")).to_be_visible()
    expect(admin.locator("#main")).to_be_focused()


@pytest.mark.parametrize("keys", ["Control+k", "Meta+k"])
def test_every_screen_is_a_command_away(admin: Page, house: House, keys: str) -> None:
    house.open(admin, "overview")
    settled(admin)
    for heading in SCREENS.values():
        admin.keyboard.press(keys)
        expect(admin.get_by_role("combobox", name="Commands")).to_be_focused()
        admin.keyboard.type(heading)
        admin.keyboard.press("Enter")
        expect(admin.get_by_role("heading", name=heading, exact=True, level=1)).to_be_visible()


def test_commands_that_are_opened_again_at_once_stay(admin: Page, house: House) -> None:
    """That the ones before are closed is told with a later frame of the browser."""
    house.open(admin, "overview")
    settled(admin)
    box = admin.get_by_role("combobox", name="Commands")
    admin.keyboard.press("Control+k")
    expect(box).to_be_focused()
    before = admin.locator("dialog.palette").element_handle()
    admin.keyboard.press("Escape")
    expect(box).to_have_count(0)
    admin.keyboard.press("Control+k")
    expect(box).to_be_focused()
    before.dispatch_event("close")
    admin.keyboard.type("Audit")
    expect(box).to_have_value("Audit")


@pytest.mark.parametrize(
    ("screen", "button"), [("providers", "Add provider"), ("models", "Add model"), ("users", "Add user")]
)
def test_the_focus_is_back_where_a_dialog_was_opened(admin: Page, house: House, screen: str, button: str) -> None:
    house.open(admin, screen)
    opener = admin.get_by_role("main").get_by_role("button", name=button).first
    opener.press("Enter")
    expect(admin.get_by_role("dialog")).to_be_visible()
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
