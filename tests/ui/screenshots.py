"""Takes the pictures of the documentation: `python -m tests.ui.screenshots docs/images`.

Two gateways: one with routes, people and misbehaving providers, one with an account at Chutes, engines and prices. Both
are real and have a week of made-up traffic behind them, as far as usage rows go.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from gateway.admin.opening import open_store
from tests.fakes.upstream import Upstream
from tests.platform.process import PlatformProcess
from tests.ui.conftest import CHROMIUM
from tests.ui.house import FLAGS, House
from tests.ui.money import MoneyHouse
from tests.ui.traffic import history

SIZE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=800)
PAGES = {
    "overview": "overview?range=7d",
    "requests": "requests",
    "models": "models?open=safe",
    "provider-health": "providers?open=main&tab=health",
    "catalog": "catalog",
    "keys": "keys",
}
TABS = {"speech": ("playground/speech", "Speak"), "images": ("playground/images", "Draw"),
        "rerank": ("playground/rerank", "Rank")}  # fmt: skip
KEYS: dict[str, dict[str, Any]] = {
    "website": {"allowed_models": ["gpt-*", "safe"], "rpm": 600, "budget_usd": 250},
    "nightly reports": {
        "allowed_models": ["llama-3.3-70b"],
        "max_parallel": 4,
        "budget_usd": 40,
        "budget_period": "week",
    },
    "summer intern": {"rpm": 30, "tpm": 20_000, "budget_usd": 5, "expires_at": "2031-08-31T00:00:00Z"},
}
MONEY = {
    "quota": "overview?range=7d",
    "engines": "engines",
    "usage": "usage?range=7d",
    "break-even": "usage/break-even?range=7d",
    "what-if": "usage/what-if?range=7d&model=gpt-4o-mini&policy=weighted&go=1",
}


async def remember(house: House) -> None:
    store = await open_store(house.gateway.app.settings)
    await store.append(history(), [])
    await store.close()


def use_keys(house: House) -> None:
    """Each of KEYS, all but the last with a request."""
    with house.gateway.http() as http:
        made = [http.post("/api/admin/apikeys", json={"name": name, **limits}).json() for name, limits in KEYS.items()]
        for key, model in zip(made[:-1], ("gpt-4o-mini", "llama-3.3-70b"), strict=True):
            body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
            http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key['key']}"})


def take(browser: Browser, house: House, folder: Path) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    page = context.new_page()
    house.log_in(page)
    for name, path in PAGES.items():
        _shoot(page, house.url, path, folder / f"{name}.png")
    _drain(page, house, folder / "drain.png")
    _chat(page, house, folder / "playground.png")
    for name, (path, action) in TABS.items():
        _try(page, f"{house.url}/ui/{path}", action, folder / f"{name}.png")
    kept = context.storage_state()
    dark = browser.new_context(viewport=SIZE, color_scheme="dark", storage_state=kept).new_page()
    _shoot(dark, house.url, "overview?range=7d", folder / "overview-dark.png")
    phone = browser.new_context(viewport=PHONE, color_scheme="light", storage_state=kept).new_page()
    _shoot(phone, house.url, "overview?range=7d", folder / "phone.png")


def take_money(browser: Browser, house: MoneyHouse, folder: Path) -> None:
    page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
    house.log_in(page)
    for name, path in MONEY.items():
        _shoot(page, house.url, path, folder / f"{name}.png")


def _shoot(page: Page, url: str, path: str, file: Path) -> None:
    page.goto(f"{url}/ui/{path}")
    page.get_by_role("heading").first.wait_for()
    _settle(page)
    page.screenshot(path=file)


def _settle(page: Page) -> None:
    page.wait_for_timeout(600)
    expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=30_000)
    page.wait_for_timeout(1200)


def _drain(page: Page, house: House, file: Path) -> None:
    page.goto(f"{house.url}/ui/models?open=safe")
    page.get_by_role("button", name="Drain").first.click()
    page.get_by_text("drained").first.wait_for()
    page.get_by_role("button", name="Take requests again").last.scroll_into_view_if_needed()
    _settle(page)
    page.screenshot(path=file)
    page.get_by_role("button", name="Take requests again").first.click()


def _chat(page: Page, house: House, file: Path) -> None:
    page.goto(f"{house.url}/ui/playground?model=gpt-4o-mini%0Allama-3.3-70b")
    page.get_by_role("button", name="Make a key for this tab").click()
    page.get_by_placeholder("Write a message…").fill("What is a chute?")
    page.keyboard.press("Enter")
    page.get_by_text("Total", exact=True).nth(1).wait_for()
    page.wait_for_timeout(2500)
    page.screenshot(path=file)


def _try(page: Page, address: str, action: str, file: Path) -> None:
    page.goto(address)
    page.get_by_role("button", name=action, exact=True).wait_for()
    if action == "Draw":
        page.get_by_label("Pictures").fill("2")
    if action == "Rank":
        page.get_by_label("Question").fill("Where are passports renewed, and who needs a photo?")
    page.get_by_role("button", name=action, exact=True).click()
    page.get_by_text("Route", exact=True).last.wait_for()
    page.wait_for_timeout(2000)
    page.screenshot(path=file)


def _with_browser(work: Callable[[Browser], None]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        work(browser)
        browser.close()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    upstream, spare = Upstream.start(), Upstream.start()
    with tempfile.TemporaryDirectory() as state:
        house = House(Path(state), upstream, spare)
        asyncio.run(remember(house))
        house.send_traffic()
        use_keys(house)
        _with_browser(lambda browser: take(browser, house, folder))
        house.gateway.stop()
    with tempfile.TemporaryDirectory() as state:
        platform = PlatformProcess(Path(state) / "platform")
        platform.set_account(
            balance=12.4, four_hour_usage=1.5, monthly_usage=57.0, quotas={"*": 100_000}, used={"*": 61_000}
        )
        money = MoneyHouse(Path(state), upstream, spare, platform)
        _with_browser(lambda browser: take_money(browser, money, folder))
        money.stop()
        platform.stop()
    upstream.close()
    spare.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
