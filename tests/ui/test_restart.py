"""The gateway ends and starts again under an open page: it says so, comes back, and knows its people."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fakes.upstream import Upstream
from tests.ui.house import PASSWORD, PATIENCE, sign_in, watched
from tests.ui.served import Served

CONFIG = 'providers:\n  fake: {{base_url: "{}/v1", models: [gpt-x]}}\n'
LOST = "The gateway does not answer. This page goes on"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    upstream = Upstream.start()
    config = CONFIG.format(upstream.url)
    served = Served(tmp_path, config, UI_USERNAME="ada", UI_PASSWORD=PASSWORD).wait()
    yield served
    served.stop()
    upstream.close()


@pytest.fixture
def page(browser, served: Served) -> Iterator[Page]:  # type: ignore[no-untyped-def]
    """Signed in. Its console may complain of the connection that is gone, and of nothing else."""
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page, complaints = watched(context)
    sign_in(page, served.url)
    yield page
    context.close()
    assert [one for one in complaints if not re.search("net::ERR_|WebSocket", one)] == []


def ask(served: Served, words: str) -> None:
    with served.http() as http:
        body = {"model": "gpt-x", "messages": [{"role": "user", "content": words}]}
        assert http.post("/v1/chat/completions", json=body).status_code == 200


def test_a_restart_is_told_and_survived(page: Page, served: Served) -> None:
    ask(served, "before")
    page.goto(f"{served.url}/ui/requests")
    rows = page.get_by_role("row", name=re.compile("gpt-x"))
    expect(rows).to_have_count(1)
    cookies = page.context.cookies()

    assert served.stop() in (0, -signal.SIGTERM), "an open page does not keep it from ending in order"
    expect(page.get_by_text(LOST)).to_be_visible(timeout=20_000)
    expect(rows).to_have_count(1)

    served.start()
    expect(page.get_by_text(LOST)).to_have_count(0, timeout=30_000)
    ask(served, "after")
    expect(rows).to_have_count(2)
    assert page.context.cookies() == cookies, "nobody had to sign in again"
    page.goto(f"{served.url}/ui/keys?open=new")
    page.get_by_role("dialog").get_by_label("Name").fill("made after the restart")
    page.get_by_role("dialog").get_by_role("button", name="Make key").click()
    expect(page.get_by_test_id("new-key")).to_be_visible()


def test_what_came_while_a_page_was_cut_off_stands_there_when_it_is_back(page: Page, served: Served) -> None:
    ask(served, "before")
    page.goto(f"{served.url}/ui/requests")
    rows = page.get_by_role("row", name=re.compile("gpt-x"))
    expect(rows).to_have_count(1)
    served.stop()
    expect(page.get_by_text(LOST)).to_be_visible(timeout=20_000)
    page.context.set_offline(True)
    served.start()
    ask(served, "unseen")
    page.context.set_offline(False)
    expect(page.get_by_text(LOST)).to_have_count(0, timeout=30_000)
    expect(rows).to_have_count(2)
