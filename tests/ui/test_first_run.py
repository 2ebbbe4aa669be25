"""The first visit, as a new person meets it: account, master key, a provider, a first answer, the overview."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream
from tests.ui.house import PASSWORD
from tests.ui.served import Served


def token(gateway: RunningGateway) -> str:
    return (gateway.app.settings.state_dir / "setup_token").read_text().strip()


def fill_account(page: Page, token: str, password: str, repeated: str | None = None) -> None:
    if token:
        page.get_by_label("Set-up token").fill(token)
    page.get_by_role("textbox", name="Password", exact=True).fill(password)
    page.get_by_role("textbox", name="Password again").fill(password if repeated is None else repeated)


def make(page: Page) -> None:
    page.get_by_role("button", name="Make account").click()


def test_a_new_gateway_is_set_up_and_answers(fresh: RunningGateway, visitor: Page) -> None:
    visitor.goto(fresh.url)
    fill_account(visitor, token(fresh), PASSWORD)
    make(visitor)
    expect(visitor.get_by_role("heading", name="Keep the master key")).to_be_visible()
    expect(visitor.get_by_test_id("master-key")).to_have_text(MASTER)
    visitor.get_by_role("button", name="I have kept it").click()
    visitor.get_by_role("button", name="Skip").click()
    visitor.get_by_role("button", name="Send").click()
    expect(visitor.get_by_text("Hello from the upstream.")).to_be_visible()
    expect(visitor.get_by_text("First token")).to_be_visible()
    visitor.get_by_role("button", name="Open the overview").click()
    expect(visitor.get_by_role("heading", name="Overview")).to_be_visible()


def test_what_is_wrong_is_told_at_its_place(fresh: RunningGateway, visitor: Page) -> None:
    visitor.goto(f"{fresh.url}/admin.html")
    fill_account(visitor, "wrong", PASSWORD)
    make(visitor)
    expect(visitor.get_by_role("alert")).to_contain_text("set-up token is wrong")
    fill_account(visitor, token(fresh), "short")
    make(visitor)
    field = visitor.get_by_role("textbox", name="Password", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    fill_account(visitor, token(fresh), PASSWORD, "another password")
    expect(visitor.get_by_text("The two passwords differ.")).to_be_visible()
    expect(visitor.get_by_role("button", name="Make account")).to_be_disabled()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """`gateway serve` on an empty state folder."""
    served = Served(tmp_path).wait()
    yield served
    served.stop()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream.start()
    yield upstream
    upstream.close()


def test_the_link_of_the_console_brings_the_token_and_nobody_else_sees_it(served: Served, visitor: Page) -> None:
    asked: list[str] = []
    visitor.on("request", lambda request: asked.append(request.url))
    link = served.setup_link()
    visitor.goto(link)
    secret = link.rpartition("=")[2]
    expect(visitor.get_by_text("Your link brought the set-up token along")).to_be_visible()
    expect(visitor.get_by_label("Set-up token")).to_have_count(0)
    expect(visitor).to_have_url(f"{served.url}/ui/setup")
    assert not [url for url in asked if secret in url.partition("#")[0]]
    fill_account(visitor, "", PASSWORD)
    make(visitor)
    expect(visitor.get_by_role("heading", name="Keep the master key")).to_be_visible()
    logged = [line for line in served.console.splitlines() if secret in line]
    assert logged == [f"  {link}"], "it stands in the printed link and in no line of the log"


def test_the_link_works_pasted_where_the_token_is_asked_for_and_an_old_one_says_so(
    served: Served, visitor: Page
) -> None:
    link = served.setup_link()
    visitor.goto(served.url)
    expect(visitor.get_by_label("Set-up token")).to_be_visible()
    visitor.goto(link[:-4] + "past")
    expect(visitor.get_by_text("Your link brought the set-up token along")).to_be_visible()
    fill_account(visitor, "", PASSWORD)
    make(visitor)
    expect(visitor.get_by_role("alert")).to_contain_text("set-up token is wrong")
    expect(visitor.get_by_label("Set-up token")).to_be_visible()
    visitor.goto(link)
    make(visitor)
    expect(visitor.get_by_role("heading", name="Keep the master key")).to_be_visible()


def test_a_provider_is_connected_and_its_models_are_offered(served: Served, visitor: Page, upstream: Upstream) -> None:
    upstream.valid_keys = {"sk-right-0123456789"}
    upstream.models = ["small-chat", "large-chat", "text-embed"]
    visitor.goto(served.setup_link())
    fill_account(visitor, "", PASSWORD)
    make(visitor)
    visitor.get_by_role("button", name="I have kept it").click()
    visitor.get_by_role("button", name="Another, OpenAI compatible").click()
    visitor.get_by_label("Base URL").fill("no address")
    visitor.get_by_role("button", name="Add and test").click()
    expect(visitor.get_by_label("Base URL")).to_have_attribute("aria-invalid", "true")
    visitor.get_by_label("Base URL").fill(f"{upstream.url}/v1")
    visitor.get_by_role("textbox", name="API key").fill("sk-wrong-0123456789")
    visitor.get_by_role("button", name="Add and test").click()
    expect(visitor.get_by_text("The provider refused")).to_be_visible()
    visitor.get_by_role("textbox", name="API key").fill("sk-right-0123456789")
    visitor.get_by_role("button", name="Add and test").click()
    models = visitor.get_by_label("Models to offer")
    expect(models).to_have_value("small-chat\nlarge-chat\ntext-embed")
    models.fill("small-chat\ntext-embed")
    visitor.get_by_role("button", name="Offer 2 models").click()
    visitor.get_by_role("button", name="Send").click()
    expect(visitor.get_by_text("Hello from the upstream.")).to_be_visible()
    with served.http() as http:
        assert [one["id"] for one in http.get("/v1/models").json()["data"]] == ["small-chat", "text-embed"]
