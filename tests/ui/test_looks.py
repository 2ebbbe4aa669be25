"""Every screen: nothing for axe to complain of, light and dark, on a phone, by keyboard alone."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.ui.house import SCREENS, House, watched

AXE = Path(__file__).resolve().parents[2] / "ui/node_modules/axe-core/axe.min.js"
PHONE = ViewportSize(width=390, height=780)
OPENED = [
    "models?open=safe", "models?open=safe&tab=yaml", "models?open=safe&tab=dryRun", "providers?open=main",
    "providers?open=main&tab=health", "providers?open=main&tab=yaml", "providers?open=new", "keys?open=new",
    "users?open=new", "settings?open=stream_policy", "catalog?open=main/vendor/model-0001", "catalog/report",
    "playground/embeddings", "playground/transcription", "playground/ocr", "playground/docs", "playground/speech",
    "playground/images", "playground/rerank", "batches/files",
]  # fmt: skip


@pytest.fixture(scope="module")
def looking(browser: Browser, logged_in: Any) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a context for each way to look, whose pages share what the browser has loaded."""
    known: dict[str, BrowserContext] = {}

    def context(**options: Any) -> BrowserContext:
        way = json.dumps(options, sort_keys=True)
        if way not in known:
            known[way] = browser.new_context(storage_state=logged_in, **options)
        return known[way]

    yield context
    for one in known.values():
        one.close()


WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def violations(page: Page, rules: Sequence[str] = WCAG) -> list[str]:
    """What axe finds against WCAG 2.2 AA, or only some rules of it, with the elements."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci in ui)")
    page.evaluate(AXE.read_text())
    found: Any = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(list(rules))}}})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def settled(page: Page) -> None:
    expect(page.get_by_role("heading").first).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=20_000)
    page.evaluate(
        "() => Promise.all(document.getAnimations().filter((one) => isFinite(one.effect.getComputedTiming().endTime))"
        ".map((one) => one.finished.catch(() => null)))"
    )


@pytest.mark.parametrize(
    ("screen", "dark"), [*product(SCREENS, [False, True]), *((screen, n % 2 == 0) for n, screen in enumerate(OPENED))]
)
def test_a_screen_is_accessible(looking: Callable[..., BrowserContext], house: House, screen: str, dark: bool) -> None:
    context = looking(color_scheme="dark" if dark else "light")
    page, complaints = watched(context)
    page.goto(f"{house.url}/ui/{screen}")
    settled(page)
    found = violations(page)
    page.close()
    assert found == [] and complaints == []


@pytest.mark.parametrize("tab", ["speech", "images", "rerank", "transcription", "ocr", "embeddings", "docs"])
def test_a_tab_of_the_playground_fits_a_phone_and_is_seen_in_the_row(
    looking: Callable[..., BrowserContext], house: House, tab: str
) -> None:
    context = looking(viewport=PHONE, has_touch=True)
    page, complaints = watched(context)
    page.goto(f"{house.url}/ui/playground/{tab}")
    page.get_by_role("button", name="Make a key for this tab").click()
    row = page.get_by_role("navigation", name="Playground")
    expect(page.get_by_role("button", name="Test connection")).to_be_visible()
    settled(page)
    expect(row.locator("[aria-current]")).to_be_in_viewport(ratio=0.9)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    found = violations(page)
    page.close()
    assert overflow <= 0 and found == [] and complaints == []


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_fits_a_phone(looking: Callable[..., BrowserContext], house: House, screen: str) -> None:
    context = looking(viewport=PHONE, has_touch=True)
    page, complaints = watched(context)
    page.goto(f"{house.url}/ui/{screen}")
    settled(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    found = violations(page)
    page.get_by_role("button", name="Menu").click()
    expect(
        page.get_by_role("navigation", name="Main").get_by_role(
            "link", name=SCREENS[screen] if screen != "account" else "Overview"
        )
    ).to_be_visible()
    page.close()
    assert overflow <= 0 and found == [] and complaints == []


@pytest.mark.parametrize(
    "screen", ["models?open=safe", "providers?open=main", "keys?open=new", "users?open=new", "settings?open=prices"]
)
def test_what_is_open_fits_a_phone(looking: Callable[..., BrowserContext], house: House, screen: str) -> None:
    with house.gateway.http() as http:
        prices = {"main/gpt-4o-mini": {"input": 0.15, "output": 0.6, "cached_input": 0.07, "per_request": 0}}
        http.put("/api/admin/settings/prices", json={"value": prices})
        http.delete("/api/admin/settings/prices")
    page = looking(viewport=PHONE, has_touch=True).new_page()
    page.goto(f"{house.url}/ui/{screen}")
    expect(page.get_by_role("dialog")).to_be_visible()
    settled(page)
    overflow = page.locator(".dialog-body").evaluate("(body) => body.scrollWidth - body.clientWidth")
    page.close()
    assert overflow <= 0


@pytest.mark.parametrize("screen", ["requests", "catalog", "models", "keys", "usage"])
@pytest.mark.parametrize("width", [768, 860])
def test_wide_tables_scroll_in_their_own_box(
    looking: Callable[..., BrowserContext], house: House, screen: str, width: int
) -> None:
    page = looking(viewport=ViewportSize(width=width, height=900)).new_page()
    page.goto(f"{house.url}/ui/{screen}")
    settled(page)
    page.get_by_role("row").nth(1).wait_for()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.close()
    assert overflow <= 0


@pytest.mark.parametrize(
    ("screen", "button"), [("requests", "More filters"), ("requests", "Columns"), ("keys", "Columns")]
)
def test_what_a_button_opens_is_inside_of_a_phone(
    looking: Callable[..., BrowserContext], house: House, screen: str, button: str
) -> None:
    page = looking(viewport=PHONE, has_touch=True).new_page()
    page.goto(f"{house.url}/ui/{screen}")
    settled(page)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".menu-box input").first).to_be_visible()
    for control in page.locator(".menu-box input").all()[:4]:
        expect(control).to_be_in_viewport(ratio=1)
    page.close()


@pytest.mark.parametrize("screen", ["audit", "models", "settings"])
def test_the_last_column_is_seen_on_a_small_laptop(
    looking: Callable[..., BrowserContext], house: House, screen: str
) -> None:
    with house.gateway.http() as http:
        http.post("/catalog/refresh")
        http.post("/api/admin/apikeys", json={"name": "a name of many words " * 3})
        target = {"provider": "main", "model": "gpt-4o-mini"}
        http.post("/api/admin/models", json={"id": "vendor/a-model-with-a-long-name-of-its-own", "targets": [target]})
    page = looking(viewport=ViewportSize(width=1100, height=800)).new_page()
    page.goto(f"{house.url}/ui/{screen}")
    settled(page)
    expect(page.get_by_role("columnheader").last).to_be_in_viewport(ratio=0.99)
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark", "paper", "midnight", "contrast"])
def test_a_button_under_the_pointer_can_be_read(browser: Browser, logged_in: Any, house: House, theme: str) -> None:
    context = browser.new_context(storage_state=logged_in)
    context.add_init_script(f"localStorage.setItem('gateway.theme', '\"{theme}\"')")
    page = context.new_page()
    house.open(page, "keys?open=new")
    page.get_by_role("dialog").get_by_role("button", name="Make key").hover()
    settled(page)
    found = violations(page, ["color-contrast"])
    context.close()
    assert found == []


@pytest.mark.parametrize("address", ["catalog/nothing", "usage/nothing", "settings/nothing"])
def test_a_tab_that_there_is_not_is_the_first(
    looking: Callable[..., BrowserContext], house: House, address: str
) -> None:
    page = looking().new_page()
    page.goto(f"{house.url}/ui/{address}")
    settled(page)
    tabs = page.get_by_role("main").get_by_role("navigation").get_by_role("link")
    expect(tabs.first).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("table").first).to_be_visible()
    page.close()
