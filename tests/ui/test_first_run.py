"""The first visit, as a new person meets it: account, master key, a first answer, the overview."""

from playwright.sync_api import Page, expect

from tests.api.running import MASTER, RunningGateway
from tests.ui.house import PASSWORD


def token(gateway: RunningGateway) -> str:
    return (gateway.app.settings.state_dir / "setup_token").read_text().strip()


def fill_account(page: Page, token: str, password: str, repeated: str | None = None) -> None:
    page.get_by_label("Set-up token").fill(token)
    page.get_by_role("textbox", name="Password", exact=True).fill(password)
    page.get_by_role("textbox", name="Password again").fill(password if repeated is None else repeated)


def make(page: Page) -> None:
    page.get_by_role("button", name="Make account").click()


def test_a_new_gateway_is_set_up_and_answers(visitor: Page, fresh: RunningGateway) -> None:
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


def test_what_is_wrong_is_told_at_its_place(visitor: Page, fresh: RunningGateway) -> None:
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


def test_the_token_of_the_console_may_come_in_the_address(visitor: Page, fresh: RunningGateway) -> None:
    visitor.goto(f"{fresh.url}/ui/setup?token={token(fresh)}")
    expect(visitor.get_by_label("Set-up token")).to_have_value(token(fresh))
