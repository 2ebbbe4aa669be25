"""Quotas, usage, break-even, what-if, engines at work, themes and pages of tables, in a real Chromium."""

import csv
import re
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gateway.routing.forecast import Window
from gateway.routing.signals import Account
from tests.fakes.upstream import Upstream
from tests.platform.process import PlatformProcess
from tests.ui.house import PATIENCE, House, watched
from tests.ui.money import MoneyHouse
from tests.ui.test_looks import PHONE, settled, violations

THEMES = ["paper", "midnight", "contrast"]
"""`test_looks` has light and dark."""
WHAT_IF = "usage/what-if?range=7d&model=gpt-4o-mini&policy=weighted&go=1"
SHOWN = [
    "overview?range=7d", "usage?range=7d", "usage?range=30d&by=day", "usage/break-even?range=7d", WHAT_IF,
    "usage/what-if?range=7d&policy=weighted&go=1", "engines", "settings/quota", "settings/appearance", "settings",
]  # fmt: skip


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoneyHouse]:
    upstream, engine = Upstream.start(), Upstream.start()
    platform = PlatformProcess(tmp_path_factory.mktemp("platform"))
    platform.set_account(
        balance=12.4, four_hour_usage=1.5, monthly_usage=57.0, quotas={"*": 100_000}, used={"*": 61_000}
    )
    house = MoneyHouse(tmp_path_factory.mktemp("state"), upstream, engine, platform)
    yield house
    house.stop()
    platform.stop()
    upstream.close()
    engine.close()


@pytest.fixture(scope="module")
def kept(browser: Browser, money: MoneyHouse) -> Any:
    context = browser.new_context()
    money.log_in(context.new_page())
    state = context.storage_state()
    context.close()
    return state


def opened(browser: Browser, kept: Any, **options: Any) -> BrowserContext:
    context = browser.new_context(storage_state=kept, **{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture
def page(browser: Browser, kept: Any) -> Iterator[Page]:
    context = opened(browser, kept)
    page, complaints = watched(context)
    yield page
    context.close()
    assert complaints == []


def show(page: Page, money: MoneyHouse, screen: str) -> None:
    money.open(page, screen)
    settled(page)


def panel(page: Page, name: str) -> Any:
    return page.locator("section.panel").filter(has=page.get_by_role("heading", name=name, exact=True))


def downloaded(page: Page, button: Any) -> list[list[str]]:
    with page.expect_download() as found:
        button.click()
    return list(csv.reader(Path(found.value.path()).read_text().splitlines()))


# --- the account at Chutes -----------------------------------------------------------------------------------


def test_caps_are_shown_with_their_countdown_and_what_the_gateway_does(page: Page, money: MoneyHouse) -> None:
    show(page, money, "overview")
    account = panel(page, "Chutes account")
    expect(account).to_contain_text("$12.40")
    for said in ("4-hour cap", "$1.50 of $3.00", "monthly cap", "$57.00 of $60.00", "nearly used", "61,000 of 100,000"):
        expect(account).to_contain_text(said)
    expect(account.get_by_text(re.compile(r"^resets in (4 h|3 h \d+ min)$"))).to_be_visible()
    expect(account).to_contain_text("Routes that look at cost ask their other targets first")
    expect(page.get_by_role("link", name=re.compile("^Chutes reachable"))).to_be_visible()
    account.get_by_role("link", name="Quota and balance").click()
    rows = downloaded(page, panel(page, "Caps").get_by_role("button", name="Download CSV"))
    assert rows[0][:3] == ["Cap", "Provider", "Used"] and [row[0] for row in rows[1:]] == [
        "4-hour cap", "monthly cap", "daily requests",
    ]  # fmt: skip


def test_when_a_cap_runs_out_is_told_live_and_so_is_a_platform_that_does_not_answer(
    page: Page, money: MoneyHouse
) -> None:
    signals, now = money.gateway.app.state.dispatcher.vitals.signals, time.time()
    before = signals.accounts["chutes"]
    show(page, money, "overview")
    expect(panel(page, "Chutes account")).to_contain_text("$1.50 of $3.00")
    account = panel(page, "Chutes account")

    def told(accounts: list[Account], *words: str | re.Pattern[str]) -> None:
        """Once more, should the gateway have asked the platform itself meanwhile: it does so every two minutes."""
        for last in (False, True):
            for one in accounts:
                signals.take_account("chutes", one)
            try:
                for said in words:
                    expect(account).to_contain_text(said)
                return
            except AssertionError:
                if last:
                    raise

    caps = [Window("4-hour cap", used, 3.0, "USD", now + 3 * 3600) for used in (1.6, 2.0)]
    spent = [Account(now + 600 * n, True, True, 3.25, (cap,)) for n, cap in enumerate(caps)]
    told(spent, "$2.00 of $3.00", re.compile(r"runs out in ~\d+ min at this pace"), "$3.25")
    down = Account(now, False, None, 3.25, (), error="The platform is down.")
    told([down], "does not answer", "The platform is down.")
    told([before], "$12.40")


# --- usage ---------------------------------------------------------------------------------------------------


def test_a_period_is_compared_with_the_one_before_as_a_whole_and_by_model(page: Page, money: MoneyHouse) -> None:
    show(page, money, "usage?range=7d")
    compared = panel(page, "Against the period before")
    expect(compared.get_by_role("row", name=re.compile("^Success as callers saw it 9[89]"))).to_be_visible()
    rows = downloaded(page, compared.get_by_role("button", name="Download CSV"))
    assert rows[0] == ["Figure", "This period", "Before", "Change"]
    asked = {row[0]: row[1:] for row in rows[1:]}
    now, earlier, change = (float(cell) for cell in asked["Requests"])
    assert now > earlier > 1000 and change == pytest.approx((now - earlier) / earlier)
    table = panel(page, "By model").get_by_role("row", name=re.compile("gpt-4o-mini"))
    expect(table.locator(".change").first).to_have_text(re.compile(r"^\d+%$"))


def test_every_column_of_the_comparison_is_in_sight(page: Page, money: MoneyHouse) -> None:
    show(page, money, "usage?range=7d")
    compared = page.get_by_role("region", name="Against the period before")
    expect(compared.get_by_role("columnheader", name="Change")).to_be_in_viewport(ratio=0.99)


def test_usage_by_day_and_by_key_has_a_chart_with_a_table_and_a_file(page: Page, money: MoneyHouse) -> None:
    show(page, money, "usage?range=30d&by=day")
    rows = downloaded(page, panel(page, "By day").get_by_role("button", name="Download CSV"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", rows[1][0]) and sum(int(row[1]) for row in rows[1:]) > 3000
    page.get_by_role("combobox", name="By", exact=True).select_option("key")
    expect(page).to_have_url(re.compile("by=key"))
    page.get_by_role("combobox", name="Figure").select_option("cost")
    chart = panel(page, "Over time by key")
    chart.get_by_role("button", name="Show as table").click()
    expect(chart.get_by_role("cell", name=re.compile(r"^\$0\.")).first).to_be_visible()
    head, *rows = downloaded(page, chart.get_by_role("button", name="Download CSV"))
    assert head == ["Day (UTC)", "master"] and [date.fromisoformat(row[0]).isoformat() for row in rows] == sorted(
        row[0] for row in rows
    )


def test_files_of_charts_have_moments_and_figures_that_programs_read(page: Page, money: MoneyHouse) -> None:
    for screen, name in (("overview?range=7d", "Latency"), ("usage?range=24h", "Over time by model")):
        show(page, money, screen)
        _, *rows = downloaded(page, panel(page, name).get_by_role("button", name="Download CSV"))
        moments = [datetime.fromisoformat(row[0]) for row in rows]
        assert len(moments) >= 24 and all(one.utcoffset() == timedelta(0) for one in moments)
        assert {after - before for before, after in pairwise(moments)} == {timedelta(hours=1)}
    show(page, money, "usage/break-even?range=7d")
    chart = panel(page, "Cost a day by tokens a day")
    _, *rows = downloaded(page, chart.get_by_role("button", name="Download CSV"))
    tokens = [float(row[0]) for row in rows]
    assert tokens[0] == 0 and tokens == sorted(set(tokens))


def choose(page: Page, chosen: str, model: str) -> None:
    page.get_by_role("button", name=f"Model: {chosen}", exact=True).press("Enter")
    expect(page.get_by_role("combobox", name="Search models")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth + scrollX") <= 0, "it opens inside"
    page.keyboard.type(model)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Model: {model}", exact=True)).to_be_focused()


def test_break_even_says_in_a_sentence_what_a_gpu_would_have_changed(page: Page, money: MoneyHouse) -> None:
    show(page, money, "usage/break-even?range=7d")
    verdict = page.get_by_role("status").filter(has_text="GPU of your own")
    expect(verdict).to_contain_text(
        re.compile(r"A GPU of your own would have been dearer: \$336\.00 in place of \$0\.\d+")
    )
    expect(verdict).to_contain_text(re.compile(r"It pays from 1\d\d(\.\d)?M tokens a day"))
    page.get_by_label("GPU, $ an hour").fill("0.001")
    expect(verdict).to_contain_text(re.compile(r"would have been cheaper: \$0\.168"))
    expect(page).to_have_url(re.compile("hourly=0.001"))
    page.get_by_label("GPU, $ an hour").fill("")
    expect(page.get_by_text("Put in the price of an hour and the speed.")).to_be_visible()
    page.get_by_label("GPU, $ an hour").fill("1")
    page.get_by_label("Compare with").select_option("remote")
    page.get_by_label("Remote, $ per 1 M output").fill("900")
    expect(verdict).to_contain_text("would have been cheaper")
    chart = panel(page, "Cost a day by tokens a day")
    rows = downloaded(page, chart.get_by_role("button", name="Download CSV"))
    assert rows[0] == ["Tokens a day", "As it is", "Own GPUs"] and len(rows) == 26
    assert [float(rows[1][1]), float(rows[1][2])] == [0, 24], "a GPU costs as much when nobody asks"
    choose(page, "All", "safe")
    expect(page).to_have_url(re.compile("model=safe"))
    show(page, money, "usage/break-even?model=never-asked")
    expect(page.get_by_text("No requests in this period")).to_be_visible()


def test_what_if_reckons_one_model_with_other_targets_and_sends_nothing(page: Page, money: MoneyHouse) -> None:
    seen = len(money.asked)
    show(page, money, "usage/what-if?range=7d")
    expect(page.get_by_role("button", name="Reckon")).to_be_disabled()
    choose(page, "All models", "gpt-4o-mini")
    page.get_by_role("button", name="Reckon").click()
    expect(page.get_by_text("It would cost the same.")).to_be_visible()
    page.get_by_role("spinbutton", name="Priority 2").fill("0")
    page.get_by_label("Policy", exact=True).select_option("cheapest")
    page.get_by_role("button", name="Reckon").click()
    expect(page.get_by_text(re.compile(r"^\d\d\.\d% cheaper: \$0\.\d+ less in this period\.$"))).to_be_visible()
    shares = panel(page, "Who would answer")
    expect(shares.get_by_role("row", name=re.compile("^spare.qwen-vl"))).to_contain_text("100.0%")
    shared = page.url
    page.goto(shared)
    expect(shares.get_by_role("row", name=re.compile("^spare.qwen-vl"))).to_contain_text("100.0%")
    page.get_by_role("button", name="As it is now").click()
    expect(page.get_by_role("spinbutton", name="Priority 2")).to_have_value("1")
    choose(page, "gpt-4o-mini", "All models")
    assert len(money.asked) == seen, "nothing was asked of a provider"


def test_what_if_reckons_all_models_under_one_policy_and_tells_where_there_is_nothing(
    page: Page, money: MoneyHouse
) -> None:
    show(page, money, "usage/what-if?range=7d&policy=weighted&go=1")
    rows = downloaded(page, panel(page, "By model").get_by_role("button", name="Download CSV"))
    found = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}
    assert found.keys() == {"gpt-4o-mini", "llama-3.3-70b", "mistral-small"}
    assert float(found["gpt-4o-mini"]["Cost then"]) < float(found["gpt-4o-mini"]["Cost now"])
    assert found["llama-3.3-70b"]["Cost then"] == found["llama-3.3-70b"]["Cost now"], "it has one target"
    panel(page, "By model").get_by_role("row", name=re.compile("^gpt-4o-mini")).click()
    expect(page.get_by_role("spinbutton", name="Priority 2")).to_be_visible()
    show(page, money, "usage/what-if?model=never-asked&go=1")
    expect(page.get_by_text("Nothing to reckon")).to_be_visible()


def test_the_palette_leads_to_the_money(page: Page, money: MoneyHouse) -> None:
    show(page, money, "overview")
    for typed, heading in (
        ("break", "Own GPU against what was paid"),
        ("what if", "Recent requests through another policy"),
        ("quota", "Chutes account"),
    ):
        page.get_by_role("button", name=re.compile("^Search")).click()
        page.get_by_role("combobox", name="Commands").fill(typed)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=heading)).to_be_visible()


# --- engines -------------------------------------------------------------------------------------------------


def test_an_engine_shows_its_memory_its_queue_and_its_speed_live(page: Page, money: MoneyHouse) -> None:
    show(page, money, "engines")
    chat = page.get_by_role("region", name="chat", exact=True)
    for said in ("2.1 GB", "23 GB", "Running", "Waiting", "37%"):
        expect(chat).to_contain_text(said)
    speed = chat.locator(".stat").filter(has_text="Tokens per second").locator("strong")
    expect(speed).to_have_text(re.compile(r"^\d{2,4}$"), timeout=20_000)
    first = speed.inner_text()
    expect(speed).not_to_have_text(first, timeout=20_000)
    failed = page.get_by_role("region", name="ocr", exact=True)
    expect(failed).to_contain_text("onnxruntime is not installed")
    expect(failed.get_by_text("Tokens per second")).to_have_count(0)


# --- looks ---------------------------------------------------------------------------------------------------


def test_theme_and_density_are_chosen_and_kept(page: Page, money: MoneyHouse) -> None:
    root = page.locator("html")
    show(page, money, "settings/appearance")
    page.get_by_role("button", name="Paper").click()
    expect(root).to_have_attribute("data-theme", "paper")
    page.reload()
    expect(root).to_have_attribute("data-theme", "paper")
    expect(page.get_by_role("button", name="Paper", pressed=True)).to_be_visible()
    page.get_by_role("button", name=re.compile("^Search")).click()
    page.get_by_role("combobox", name="Commands").fill("midnight")
    page.keyboard.press("Enter")
    expect(root).to_have_attribute("data-theme", "midnight")
    heights = []
    for density in ("Compact", "Roomy"):
        show(page, money, "settings/appearance")
        page.get_by_role("button", name=density).click()
        show(page, money, "settings")
        box = page.get_by_role("region", name="Settings").locator("tbody tr").nth(3).bounding_box()
        heights.append(round(box["height"]) if box else 0)
    assert heights == [28, 42]


def test_a_long_table_comes_in_pages_of_the_chosen_size(page: Page, money: MoneyHouse) -> None:
    show(page, money, "settings")
    table = page.get_by_role("region", name="Settings")
    first = table.locator("tbody tr").first.inner_text()
    page.get_by_role("combobox", name="Rows on a page").select_option("25")
    expect(table.locator("tbody tr")).to_have_count(25)
    table.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text(re.compile(r"^26–\d+ of \d+$"))).to_be_visible()
    expect(table).to_have_js_property("scrollTop", 0)
    expect(page).to_have_url(re.compile("page=2"))
    page.reload()
    expect(page.get_by_text(re.compile(r"^26–\d+ of \d+$"))).to_be_visible()
    assert first not in table.inner_text()
    page.get_by_role("searchbox").fill("timeout")
    expect(table.get_by_text("request_timeout", exact=True)).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.get_by_role("combobox", name="Rows on a page").select_option("0")
    expect(page.get_by_role("button", name="Next page")).to_have_count(0)


def test_the_catalog_comes_in_pages_that_fit_the_screen(browser: Browser, house: House, logged_in: Any) -> None:
    """A004-09."""
    context = opened(browser, logged_in)
    context.add_init_script("localStorage.setItem('gateway.page-size', '100')")
    page, complaints = watched(context)
    house.open(page, "catalog?page=2")
    expect(page.get_by_text(re.compile(r"^101–\d+ of [\d,]+$"))).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollHeight - window.innerHeight") <= 0
    pager = page.get_by_role("combobox", name="Rows on a page").bounding_box()
    assert pager is not None and pager["y"] + pager["height"] <= 800
    page.get_by_role("searchbox").fill("nothing like this")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    expect(page).not_to_have_url(re.compile("page=2"))
    context.close()
    assert complaints == []


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_has_enough_contrast(browser: Browser, kept: Any, money: MoneyHouse, theme: str) -> None:
    """A004-09. A theme changes colours and nothing else; `test_looks` asks for the rest."""
    context = opened(browser, kept)
    context.add_init_script(f"localStorage.setItem('gateway.theme', '\"{theme}\"')")
    page, complaints = watched(context)
    found = {}
    for screen in ["overview?range=7d", WHAT_IF, "engines", "settings/quota", "requests", "keys?open=new"]:
        show(page, money, screen)
        found[screen] = violations(page, ["color-contrast"])
    context.close()
    assert {screen: what for screen, what in found.items() if what} == {} and complaints == []


def test_the_screens_of_money_fit_a_phone(browser: Browser, kept: Any, money: MoneyHouse) -> None:
    context = opened(browser, kept, viewport=PHONE, has_touch=True)
    page, complaints = watched(context)
    wide = {}
    for screen in SHOWN:
        show(page, money, screen)
        wide[screen] = page.evaluate("document.documentElement.scrollWidth - window.innerWidth"), violations(page)
    context.close()
    assert {screen: what for screen, what in wide.items() if what != (0, [])} == {} and complaints == []
