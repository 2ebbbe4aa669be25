"""On paper, in the system's own colours, and without movement."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.house import PATIENCE, House

Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, logged_in: Any) -> Iterator[Opened]:
    """A page in a context of its own, with these options."""
    contexts = []

    def page(**options: Any) -> Page:
        context = browser.new_context(storage_state=logged_in, viewport={"width": 1280, "height": 800}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context.new_page()

    yield page
    for one in contexts:
        one.close()


def test_a_long_list_is_printed_whole(opened: Opened, house: House) -> None:
    with house.gateway.http() as http:
        http.post("/catalog/refresh")
    page = opened()
    house.open(page, "catalog?q=vendor%2Fmodel-00")
    rows = page.locator("tbody tr[aria-rowindex]")
    expect(rows.first).to_contain_text("model-00")
    known = int(page.get_by_role("table").get_attribute("aria-rowcount") or 0) - 1
    assert known >= 100
    expect(rows).not_to_have_count(known)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(rows).to_have_count(known)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(rows).not_to_have_count(known)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(page.get_by_role("region", name="Catalog")).to_have_css("overflow-y", "visible")


def test_what_is_chosen_is_seen_where_the_system_sets_the_colours(opened: Opened, house: House) -> None:
    page = opened(forced_colors="active")
    house.open(page, "overview")
    day = page.get_by_role("button", name="24h")
    expect(day).to_have_attribute("aria-pressed", "true")
    expect(day).to_have_css("outline-style", "solid")
    expect(page.get_by_role("button", name="7d")).to_have_css("outline-style", "none")
    expect(page.get_by_role("navigation", name="Main").locator("[aria-current]")).to_have_css("outline-style", "solid")
    house.open(page, "keys?open=new")
    switch = page.get_by_role("dialog").locator(".switch i").first
    expect(switch).to_have_css("border-top-style", "solid")


def test_nothing_moves_on_where_movement_is_not_wanted(opened: Opened, house: House) -> None:
    """An animation that is made endlessly short instead of being ended flickers."""
    page = opened(reduced_motion="reduce")
    page.route("**/api/admin/apikeys*", lambda route: None)
    house.open(page, "keys")
    expect(page.get_by_role("heading", name="API keys", exact=True)).to_be_visible()
    bone = page.get_by_role("status", name="Loading").locator("span").first
    expect(bone).to_have_css("animation-name", "shimmer")
    expect(bone).to_have_css("animation-iteration-count", "1")
