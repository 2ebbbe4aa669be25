"""Takes the pictures of the documentation: `python -m tests.ui.screenshots docs/images`.

The gateway is a real one with a few days of made-up traffic behind it, as far as its usage rows go.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from gateway.admin.opening import open_store
from gateway.usage.types import Tried, UsageRow
from tests.fakes.upstream import Upstream
from tests.ui.house import FLAGS, House

SIZE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 800}
PAGES = {
    "overview": "overview?range=7d",
    "requests": "requests",
    "models": "models?open=safe",
    "catalog": "catalog",
    "keys": "keys?open=new",
}
DAYS = 7
ROWS = 3000


def history() -> list[UsageRow]:
    """Rows of the last week: more by day than by night, some failures, some second tries."""
    chance, now = random.Random(7), time.time()
    return [_row(chance, n, now) for n in range(ROWS)]


def _row(chance: random.Random, n: int, now: float) -> UsageRow:
    at = now - chance.random() ** 1.3 * DAYS * 86_400
    if 0 < (at / 3600) % 24 < 7 and chance.random() < 0.7:
        at += 7 * 3600 * (at + 7 * 3600 < now)
    model = chance.choice(["gpt-4o-mini", "gpt-4o-mini", "llama-3.3-70b", "safe", "mistral-small"])
    again, failed = chance.random() < 0.06, chance.random() < 0.012
    ttft = chance.lognormvariate(5.6, 0.4)
    tokens = int(chance.lognormvariate(5, 0.8))
    total = ttft + tokens * chance.uniform(7, 13)
    answer = Tried("spare" if again else "main", model, "503" if failed else "200", ttft, 120 if again else 0.3)
    return UsageRow(
        request_id=f"req-{n:08x}", at=at, operation="chat.completions", model=model, route=model,
        status=503 if failed else 200, error_code="upstream_unavailable" if failed else "", key_id="master",
        key_name=chance.choice(["master", "website", "nightly reports"]), provider_id=answer.provider_id,
        upstream_model=model,
        attempts=(Tried("main", model, "upstream_server_error", 118, 0.3), answer) if again else (answer,),
        stream=True, input_tokens=int(chance.lognormvariate(6, 0.9)), output_tokens=tokens,
        cached_tokens=int(chance.random() * 200), cost_nanos=tokens * 600 + 90_000, latency_ms=total, ttft_ms=ttft,
        overhead_ms=chance.uniform(0.2, 0.6), cached=chance.random() < 0.04,
    )  # fmt: skip


async def remember(house: House, rows: list[UsageRow]) -> None:
    store = await open_store(house.gateway.app.settings)
    await store.append(rows, [])
    await store.close()


def take(browser: Browser, house: House, folder: Path) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    page = context.new_page()
    house.log_in(page)
    for name, path in PAGES.items():
        _shoot(page, house, path, folder / f"{name}.png")
    _chat(page, house, folder / "playground.png")
    kept = context.storage_state()
    dark = browser.new_context(viewport=SIZE, color_scheme="dark", storage_state=kept).new_page()
    _shoot(dark, house, "overview?range=7d", folder / "overview-dark.png")
    phone = browser.new_context(viewport=PHONE, color_scheme="light", storage_state=kept).new_page()
    _shoot(phone, house, "overview?range=7d", folder / "phone.png")


def _shoot(page: Page, house: House, path: str, file: Path) -> None:
    house.open(page, path)
    page.wait_for_load_state("networkidle") if "overview" not in path else page.get_by_text(
        "live", exact=True
    ).wait_for()
    page.locator("[aria-label=Loading]").first.wait_for(state="detached")
    page.wait_for_timeout(600)
    page.screenshot(path=file)


def _chat(page: Page, house: House, file: Path) -> None:
    house.open(page, "playground?model=gpt-4o-mini%0Allama-3.3-70b")
    page.get_by_role("button", name="Make a key for this tab").click()
    page.get_by_placeholder("Write a message…").fill("What is a chute?")
    page.keyboard.press("Enter")
    page.get_by_text("Total", exact=True).nth(1).wait_for()
    page.wait_for_timeout(2500)
    page.screenshot(path=file)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    upstream, spare = Upstream.start(), Upstream.start()
    with tempfile.TemporaryDirectory() as state:
        house = House(Path(state), upstream, spare)
        asyncio.run(remember(house, history()))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            take(browser, house, folder)
            browser.close()
        house.gateway.stop()
    upstream.close()
    spare.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
