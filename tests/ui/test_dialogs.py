"""Dialogs that the address does not name: Back closes them, what was typed is asked for, the focus comes back."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.ui.house import SCREENS, House
from tests.ui.test_looks import settled, violations


def arrive(page: Page, house: House, screen: str) -> None:
    """At a screen that has another before it in the history."""
    house.open(page, "overview")
    page.get_by_role("navigation", name="Main").get_by_role("link", name=SCREENS[screen]).click()
    settled(page)


def deep(page: Page, dialogs: int) -> None:
    """Waits until the history has an entry for each of so many dialogs that the address does not name. One that closes
    gives up its entry a moment later, and a Back that comes before leads elsewhere."""
    page.wait_for_function("(dialogs) => (history.state?.dialogs ?? 0) === dialogs", arg=dialogs)


def at_screen(page: Page, screen: str) -> Locator:
    return page.get_by_role("heading", name=SCREENS[screen], exact=True, level=1)


def make_user(house: House, name: str) -> None:
    with house.gateway.http() as http:
        http.post("/api/admin/users", json={"username": name, "password": "a-long-enough-one"})


def test_back_closes_one_dialog_after_another(admin: Page, house: House) -> None:
    make_user(house, "layered")
    arrive(admin, house, "users")
    admin.get_by_role("row", name=re.compile("^layered")).click()
    drawer = admin.get_by_role("dialog", name="layered")
    drawer.get_by_role("button", name="Delete").click()
    asking = admin.get_by_role("dialog", name="Delete layered?")
    expect(asking).to_be_visible()
    admin.go_back()
    expect(asking).to_have_count(0)
    expect(drawer).to_be_visible()
    admin.go_back()
    expect(drawer).to_have_count(0)
    expect(at_screen(admin, "users")).to_be_visible()
    admin.go_back()
    expect(at_screen(admin, "overview")).to_be_visible()


@pytest.mark.parametrize("closing", ["Escape", "Cancel"])
def test_a_dialog_that_was_closed_leaves_nothing_in_the_history(admin: Page, house: House, closing: str) -> None:
    make_user(house, "passing")
    arrive(admin, house, "users")
    admin.get_by_role("row", name=re.compile("^passing")).click()
    for _ in range(2):
        admin.get_by_role("button", name="Delete").click()
        asking = admin.get_by_role("dialog", name="Delete passing?")
        expect(asking).to_be_visible()
        if closing == "Escape":
            admin.keyboard.press("Escape")
        else:
            asking.get_by_role("button", name=closing).click()
        expect(asking).to_have_count(0)
    admin.get_by_role("button", name="Close").click()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(admin).to_have_url(re.compile("/users$"))
    admin.go_back()
    expect(at_screen(admin, "overview")).to_be_visible()


def test_what_was_deleted_leaves_nothing_in_the_history(admin: Page, house: House) -> None:
    make_user(house, "doomed")
    arrive(admin, house, "users")
    admin.get_by_role("row", name=re.compile("^doomed")).click()
    admin.get_by_role("button", name="Delete").click()
    admin.get_by_role("dialog", name="Delete doomed?").get_by_role("button", name="Delete").click()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(admin).to_have_url(re.compile("/users$"))
    expect(admin.get_by_role("region", name="Users")).to_be_focused()
    admin.go_back()
    expect(at_screen(admin, "overview")).to_be_visible()


@pytest.mark.parametrize("leaving", ["Back", "Escape", "Close"])
@pytest.mark.parametrize(
    ("screen", "add", "field", "address"),
    [
        ("models", "Add model", "Public name", "models?open=new"),
        ("providers", "Add provider", "Name", "providers?open=new"),
        ("keys", "Make key", "Name", "keys?open=new"),
        ("users", "Add user", "User name", "users?open=new"),
    ],
)
def test_what_was_typed_is_discarded_only_after_a_question(
    admin: Page, house: House, leaving: str, screen: str, add: str, field: str, address: str
) -> None:
    def leave() -> None:
        if leaving == "Back":
            admin.go_back()
        elif leaving == "Escape":
            admin.keyboard.press("Escape")
        else:
            form.get_by_role("button", name="Close").first.click()

    arrive(admin, house, screen)
    admin.get_by_role("main").get_by_role("button", name=add).first.click()
    form = admin.get_by_role("dialog").first
    box = form.get_by_label(field, exact=True)
    box.fill("half-typed")
    question = admin.get_by_role("dialog", name="Discard your changes?")
    leave()
    expect(question).to_be_visible()
    question.get_by_role("button", name="Keep editing").click()
    expect(question).to_have_count(0)
    expect(box).to_have_value("half-typed")
    expect(admin).to_have_url(re.compile(re.escape(address)))
    deep(admin, 0)
    leave()
    question.get_by_role("button", name="Discard").click()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(at_screen(admin, screen)).to_be_visible()
    expect(admin).to_have_url(re.compile(f"/{screen}$"))
    admin.go_back()
    expect(at_screen(admin, "overview")).to_be_visible()


def test_the_question_can_be_read_by_everybody(admin: Page, house: House) -> None:
    house.open(admin, "keys?open=new")
    admin.get_by_role("dialog").get_by_label("Name", exact=True).fill("half-typed")
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog", name="Discard your changes?")).to_be_visible()
    settled(admin)
    assert violations(admin) == []


def test_a_form_that_says_what_it_said_before_closes_at_once(admin: Page, house: House) -> None:
    arrive(admin, house, "models")
    admin.get_by_role("row", name=re.compile("^safe")).click()
    form = admin.get_by_role("dialog", name="safe")
    form.get_by_text("More", exact=True).click()
    box = form.get_by_label("Aliases")
    box.fill("another")
    box.fill("")
    admin.go_back()
    expect(admin.get_by_role("dialog")).to_have_count(0)


def test_back_closes_a_key_that_was_just_made(admin: Page, house: House) -> None:
    arrive(admin, house, "keys")
    admin.get_by_role("button", name="Make key").click()
    admin.get_by_role("dialog").get_by_label("Name", exact=True).fill("shown and gone")
    admin.get_by_role("dialog").get_by_role("button", name="Make key").click()
    expect(admin.get_by_test_id("new-key")).to_be_visible()
    deep(admin, 1)
    admin.go_back()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(at_screen(admin, "keys")).to_be_visible()
    expect(admin.get_by_role("button", name="Make key")).to_be_focused()


def test_forward_and_a_reload_open_no_dialog_that_is_gone(admin: Page, house: House) -> None:
    arrive(admin, house, "playground")
    admin.get_by_role("button", name="Make a key for this tab").click()
    admin.get_by_role("button", name="Test connection").click()
    expect(admin.get_by_role("dialog")).to_be_visible()
    admin.go_back()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    admin.go_forward()
    expect(at_screen(admin, "playground")).to_be_visible()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    admin.get_by_role("button", name="Test connection").click()
    expect(admin.get_by_role("dialog")).to_be_visible()
    admin.reload()
    expect(at_screen(admin, "playground")).to_be_visible()
    deep(admin, 0)
    admin.go_back()
    expect(at_screen(admin, "overview")).to_be_visible()


def test_back_closes_the_commands_and_a_command_takes_their_place(admin: Page, house: House) -> None:
    arrive(admin, house, "models")
    admin.keyboard.press("Control+k")
    expect(admin.get_by_role("combobox", name="Commands")).to_be_focused()
    admin.go_back()
    expect(admin.get_by_role("combobox", name="Commands")).to_have_count(0)
    admin.keyboard.press("Control+k")
    expect(admin.get_by_role("combobox", name="Commands")).to_be_focused()
    admin.keyboard.type("Audit")
    admin.keyboard.press("Enter")
    expect(at_screen(admin, "audit")).to_be_visible()
    expect(admin).to_have_url(re.compile("/audit$"))
    admin.go_back()
    expect(at_screen(admin, "models")).to_be_visible()


@pytest.mark.parametrize("open_by", ["row", "button"])
def test_keys_of_the_page_rest_under_a_dialog(admin: Page, house: House, open_by: str) -> None:
    house.open(admin, "models")
    settled(admin)
    admin.keyboard.press("j")
    active = admin.locator("tr.active")
    expect(active).to_have_attribute("aria-rowindex", "2")
    if open_by == "row":
        admin.keyboard.press("Enter")
    else:
        admin.get_by_role("button", name="Add model").click()
        admin.get_by_role("dialog").get_by_role("button", name="YAML").click()
    expect(admin.get_by_role("dialog")).to_be_visible()
    for key in ("j", "j", "k", "/", "Control+k"):
        admin.keyboard.press(key)
    expect(admin.get_by_role("combobox", name="Commands")).to_have_count(0)
    expect(active).to_have_attribute("aria-rowindex", "2")
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)
    admin.keyboard.press("j")
    expect(active).to_have_attribute("aria-rowindex", "3")


def test_a_button_keeps_the_focus_while_it_saves(admin: Page, house: House) -> None:
    house.open(admin, "users?open=new")
    form = admin.get_by_role("dialog")
    form.get_by_label("User name").fill("ada")
    form.get_by_role("textbox", name="Password").fill("a-long-enough-one")
    held: list[Route] = []
    admin.route("**/api/admin/users", lambda route: held.append(route))
    save = form.get_by_role("button", name="Save")
    with admin.expect_request("**/api/admin/users"):
        save.press("Enter")
    expect(save).to_have_attribute("aria-busy", "true")
    expect(save).to_be_focused()
    save.press("Enter")
    form.get_by_label("User name").press("Enter")
    save.focus()
    held[0].continue_()
    expect(form.get_by_text("There is already a user")).to_be_visible()
    expect(save).to_be_focused()
    assert len(held) == 1, "a form that is on its way is not sent again"
