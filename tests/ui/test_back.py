"""What was opened over a screen stands in the address, and the browser's Back closes it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.ui.house import SCREENS, House
from tests.ui.test_looks import settled

TABLES = ["requests", "catalog", "models", "providers", "keys", "users", "settings", "audit"]


@pytest.mark.parametrize("screen", TABLES)
def test_back_closes_what_a_row_opened(admin: Page, house: House, screen: str) -> None:
    with house.gateway.http() as http:
        http.post("/catalog/refresh")
        http.post("/api/admin/users", json={"username": "back", "password": "a-long-enough-one"})
    house.open(admin, "overview")
    admin.get_by_role("navigation", name="Main").get_by_role("link", name=SCREENS[screen]).click()
    settled(admin)
    admin.get_by_role("row").nth(1).get_by_role("cell").nth(1).click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_be_visible()
    settled(admin)
    title = dialog.get_by_role("heading").first.inner_text()
    admin.reload()
    expect(dialog.get_by_role("heading").first).to_have_text(title)
    admin.go_back()
    expect(dialog).to_have_count(0)
    expect(admin.get_by_role("heading", name=SCREENS[screen], exact=True)).to_be_visible()
    admin.go_forward()
    expect(dialog).to_be_visible()
    admin.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(admin).not_to_have_url(re.compile("open="))
    admin.go_back()
    expect(admin.get_by_role("heading", name="Overview", exact=True)).to_be_visible()


def test_a_tab_of_a_drawer_is_no_step_and_what_was_searched_for_stays(admin: Page, house: House) -> None:
    house.open(admin, "models")
    admin.get_by_role("searchbox", name="Search models").fill("saf")
    admin.get_by_role("row", name=re.compile("^safe")).click()
    admin.get_by_role("button", name="YAML").click()
    expect(admin).to_have_url(re.compile("tab=yaml"))
    admin.get_by_role("button", name="Close").click()
    expect(admin).to_have_url(re.compile(r"/models\?q=saf$"))
    expect(admin.get_by_role("searchbox", name="Search models")).to_have_value("saf")


def test_a_shared_address_is_closed_where_it_stands(admin: Page, house: House) -> None:
    house.open(admin, "overview")
    house.open(admin, "models?open=safe&tab=yaml")
    expect(admin.get_by_role("dialog")).to_be_visible()
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(admin).to_have_url(re.compile("/models$"))
    admin.go_back()
    expect(admin.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
