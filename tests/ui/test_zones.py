"""Readers in other zones and languages: days are the gateway's own, and a moment is typed as one that there is."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.house import PATIENCE, House, watched

ZONES = [("America/St_Johns", "de-DE"), ("Pacific/Kiritimati", "ar"), ("Asia/Kolkata", "hi-IN")]


@pytest.fixture(params=ZONES, ids=[zone for zone, _ in ZONES])
def abroad(request: pytest.FixtureRequest, browser: Browser, logged_in: Any) -> Iterator[Page]:
    zone, language = request.param
    context = browser.new_context(
        storage_state=logged_in, timezone_id=zone, locale=language, viewport={"width": 1280, "height": 800}
    )
    context.set_default_timeout(PATIENCE)
    page, complaints = watched(context)
    yield page
    context.close()
    assert complaints == []


def today() -> str:
    now = datetime.now(UTC)
    return f"{now:%b} {now.day}"


def test_days_are_called_what_they_are_where_the_gateway_counts_them(abroad: Page, house: House) -> None:
    before = today()
    house.open(abroad, "usage?range=7d&by=day")
    table = abroad.get_by_role("region", name="By day")
    first = table.get_by_role("row").nth(1).get_by_role("cell").first
    expect(first).to_be_visible()
    day = re.compile(f"^({before}|{today()})$")
    expect(first).to_have_text(day)
    expect(table.get_by_role("columnheader", name="Day")).to_have_attribute("title", "Days begin at midnight in UTC.")

    abroad.get_by_role("button", name="Show as table").first.click()
    figures = abroad.get_by_role("region", name="Requests", exact=True)
    expect(figures.get_by_role("columnheader").first).to_have_text("Day (UTC)")
    expect(figures.get_by_role("row").last.get_by_role("cell").first).to_have_text(day)


def test_a_request_of_another_day_is_dated(abroad: Page, house: House) -> None:
    """The page's clock is a day and a half ahead of the gateway's: what is there was asked before today."""
    abroad.clock.install(time=datetime.now().timestamp() + 36 * 3_600)
    house.open(abroad, "requests?range=7d")
    times = abroad.get_by_role("row").nth(1).get_by_role("time")
    expect(times).to_have_text(re.compile(r"^[A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d$"))


def test_a_key_expires_in_a_year_of_four_digits(abroad: Page, house: House) -> None:
    house.open(abroad, "keys?open=new")
    form = abroad.get_by_role("dialog")
    form.get_by_label("Name").fill("far away")
    expires = form.get_by_label("Expires")
    expires.fill("20266-01-01T00:00")
    form.get_by_role("button", name="Make key").click()
    expect(expires).to_be_focused()
    assert expires.evaluate("(box) => box.validity.rangeOverflow")
    expect(form.get_by_role("alert")).to_have_count(0)
    expires.fill("9999-12-30T23:59")
    form.get_by_role("button", name="Make key").click()
    expect(abroad.get_by_test_id("new-key")).to_be_visible()
