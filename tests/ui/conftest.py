"""A real Chromium in front of a real gateway with people, traffic and misbehaving providers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream
from tests.ui.house import FLAGS, PATIENCE, House, watched

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("slow")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    upstream, spare = Upstream.start(), Upstream.start()
    house = House(tmp_path_factory.mktemp("state"), upstream, spare)
    house.send_traffic()
    yield house
    house.gateway.stop()
    upstream.close()
    spare.close()


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test made in the house goes again, so that no other finds it."""
    house = request.getfixturevalue("house") if "house" in request.fixturenames else None
    yield
    if house is not None:
        house.tidy()


@pytest.fixture(scope="package")
def logged_in(browser: Browser, house: House) -> Any:
    """What a browser keeps of a login."""
    context = browser.new_context()
    house.log_in(context.new_page())
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(browser: Browser, logged_in: Any) -> Iterator[BrowserContext]:
    context = browser.new_context(storage_state=logged_in, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def admin(context: BrowserContext) -> Iterator[Page]:
    """A page of the administrator. Whatever the browser complains of fails the test."""
    page, complaints = watched(context)
    yield page
    assert complaints == []


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    """A page of somebody unknown."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page, complaints = watched(context)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that nobody has set up."""
    upstream = Upstream.start()
    running = RunningGateway(tmp_path, providers={"main": {"base_url": f"{upstream.url}/v1", "models": ["gpt-x"]}})
    yield running
    running.stop()
    upstream.close()
