"""Sessions, live events, lost connections, and the keyboard."""

import asyncio
import re
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.api.jobs import eventually
from tests.ui.house import PASSWORD, House, watched

Done = TypeVar("Done")


class Wire:
    """A TCP line to the gateway that can be cut and mended. It keeps its port: while cut, it drops whoever comes."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url).port
        self._loop = asyncio.new_event_loop()
        self._links: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = self._do(asyncio.start_server(self._join, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _do(self, work: Coroutine[Any, Any, Done]) -> Done:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.add(writer)
        if not self._is_cut:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
            self._links.add(forth)
        if self._is_cut:
            self._drop()
        else:
            await asyncio.gather(self._pass(reader, forth), self._pass(back, writer))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    def _drop(self) -> None:
        for link in self._links:
            link.transport.abort()
        self._links.clear()

    def cut(self) -> None:
        async def work() -> None:
            self._is_cut = True
            self._drop()

        self._do(work())

    def mend(self) -> None:
        self._is_cut = False

    def stop(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)


def ask(house: House, model: str) -> None:
    with house.gateway.http() as http:
        http.post("/v1/chat/completions", json={"model": model, "messages": [{"role": "user", "content": "Hi"}]})


@pytest.fixture
def wire(house: House) -> Iterator[Wire]:
    wire = Wire(house.url)
    yield wire
    wire.stop()


def test_a_request_appears_while_one_looks(admin: Page, house: House) -> None:
    house.open_listening(admin, "requests")
    admin.get_by_role("row").nth(1).wait_for()
    rows = admin.get_by_role("row", name=re.compile("live-one"))
    expect(rows).to_have_count(0)
    ask(house, "live-one")
    expect(rows).to_have_count(1)


def test_a_request_that_ends_while_the_list_is_on_its_way_stands_in_it(admin: Page, house: House) -> None:
    held: list[tuple[Route, APIResponse]] = []
    admin.clock.install()
    with admin.expect_websocket() as sockets:
        house.open(admin, "overview")
    expect(admin.get_by_text("live", exact=True)).to_be_visible()
    admin.route("**/api/admin/requests?*", lambda route: held.append((route, route.fetch())), times=1)
    admin.get_by_role("navigation", name="Main").get_by_role("link", name="Requests").click()
    eventually(lambda: held or admin.evaluate("null"))
    with sockets.value.expect_event("framereceived", lambda message: "too-late-for-it" in message):
        ask(house, "too-late-for-it")
    admin.clock.fast_forward(10_000)
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(admin.get_by_role("row", name=re.compile("too-late-for-it"))).to_have_count(1)


def test_a_lost_gateway_is_told_and_found_again(browser: Browser, house: House, wire: Wire) -> None:
    context = browser.new_context()
    page, _ = watched(context)
    page.goto(f"{wire.url}/ui/login")
    page.get_by_label("User name").fill("ada")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    wire.cut()
    expect(page.get_by_text("The gateway does not answer. This page goes on")).to_be_visible(timeout=20_000)
    wire.mend()
    expect(page.get_by_text("live", exact=True)).to_be_visible(timeout=30_000)
    context.close()


def test_an_ended_session_asks_for_a_login_and_returns_to_the_screen(visitor: Page, house: House) -> None:
    house.log_in(visitor)
    visitor.context.clear_cookies()
    house.open(visitor, "keys")
    visitor.get_by_label("User name").fill("ada")
    visitor.get_by_role("textbox", name="Password").fill("wrong password")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("alert")).to_contain_text("Wrong user name or password.")
    visitor.get_by_role("textbox", name="Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("heading", name="API keys")).to_be_visible()
    visitor.get_by_role("button", name="Sign out").click()
    expect(visitor.get_by_role("button", name="Sign in")).to_be_visible()


def test_everything_can_be_reached_by_keyboard(visitor: Page, house: House) -> None:
    keys = visitor.keyboard
    visitor.goto(f"{house.url}/ui/login")
    expect(visitor.get_by_label("User name")).to_be_focused()
    keys.type("ada")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(visitor.get_by_role("heading", name="Overview")).to_be_visible()
    keys.press("Control+k")
    expect(visitor.get_by_role("combobox", name="Commands")).to_be_focused()
    keys.type("models")
    keys.press("Enter")
    expect(visitor.get_by_role("heading", name="Models & routes")).to_be_visible()
    expect(visitor.get_by_role("row").nth(1)).to_be_visible()
    for key in ("j", "j", "k"):
        keys.press(key)
    expect(visitor.locator("tr.active")).to_have_count(1)
    name = visitor.locator("tr.active td").first.inner_text()
    keys.press("Enter")
    expect(visitor.get_by_role("dialog", name=name)).to_be_visible()
    keys.press("Escape")
    expect(visitor.get_by_role("dialog")).to_have_count(0)
    keys.press("/")
    expect(visitor.get_by_role("searchbox")).to_be_focused()
    keys.type("safe")
    expect(visitor.get_by_role("row")).to_have_count(2)
    expect(visitor).to_have_url(re.compile("q=safe"))


def test_the_theme_is_chosen_and_kept(admin: Page, house: House) -> None:
    house.open(admin, "keys")
    admin.get_by_role("button", name="Theme: as the system").click()
    admin.get_by_role("button", name="Theme: light").click()
    admin.reload()
    expect(admin.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert admin.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_view_can_be_shared_and_downloaded(admin: Page, house: House) -> None:
    house.open(admin, "models?q=gpt-4o&sort=-id")
    expect(admin.get_by_role("row")).to_have_count(2)
    admin.get_by_role("button", name="Columns").click()
    admin.get_by_label("Policy").uncheck()
    expect(admin.get_by_role("columnheader", name="Policy")).to_have_count(0)
    with admin.expect_download() as saved:
        admin.get_by_role("button", name="Download CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("Public name,") and lines[1].startswith("gpt-4o-mini,")


def test_the_first_paint_comes_soon_and_asks_nobody_else(visitor: Page, house: House) -> None:
    hosts: set[str | None] = set()
    visitor.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    visitor.goto(f"{house.url}/")
    visitor.get_by_role("button", name="Sign in").wait_for()
    paint = visitor.evaluate(
        """() => new Promise((done) => new PerformanceObserver((list) => {
            const [first] = list.getEntriesByName("first-contentful-paint");
            if (first) done(first.startTime);
        }).observe({ type: "paint", buffered: true }))"""
    )
    assert paint > 0 and hosts == {"127.0.0.1"}
