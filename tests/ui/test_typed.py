"""What was typed outlives a look elsewhere, a reload and a key that was pressed by mistake."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Dialog, Locator, Page, expect

from tests.api.running import MASTER
from tests.ui.house import House

WRITING = "Write a message…"


@pytest.fixture
def asked(context: BrowserContext) -> Iterator[tuple[Page, list[str]]]:
    """A page that stays where it is asked whether to leave it, and the kinds of questions."""
    page, kinds = context.new_page(), []

    def stay(dialog: Dialog) -> None:
        kinds.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    yield page, kinds


def test_a_reload_asks_only_where_something_was_typed(asked: tuple[Page, list[str]], house: House) -> None:
    page, kinds = asked
    house.open(page, "keys?open=new")
    name = page.get_by_role("dialog").get_by_label("Name")
    name.click()
    page.reload()
    assert kinds == []
    name.click()
    page.keyboard.type("half-typed")
    with page.expect_event("dialog"):
        page.evaluate("setTimeout(() => location.reload())")
    expect(name).to_have_value("half-typed")
    name.fill("")
    page.reload()
    expect(name).to_have_value("")
    assert kinds == ["beforeunload"]


@pytest.fixture
def writing(visitor: Page, house: House) -> Page:
    house.open(visitor, "playground")
    visitor.get_by_role("textbox", name="API key").fill(MASTER)
    visitor.get_by_role("button", name="Use this key").click()
    visitor.get_by_placeholder(WRITING).fill("A long question")
    return visitor


def test_a_message_that_is_being_written_is_kept_with_the_key(writing: Page, house: House) -> None:
    box = writing.get_by_placeholder(WRITING)
    writing.get_by_role("link", name="Embeddings").click()
    writing.get_by_role("link", name="Chat", exact=True).click()
    expect(box).to_have_value("A long question")
    writing.reload()
    expect(box).to_have_value("A long question")
    writing.get_by_role("button", name="Forget this key").click()
    writing.get_by_role("textbox", name="API key").fill(MASTER)
    writing.get_by_role("button", name="Use this key").click()
    expect(box).to_have_value("")


TABS = {
    "Embeddings": {"Texts, one a line": "one\ntwo"},
    "Transcription": {"Language": "de"},
    "Speech": {"Text": "Hear me", "Voice": "nova", "Format": "wav", "Speed": "1.5"},
    "Images": {"Description": "A kite", "Size": "512x512", "Pictures": "3", "Other fields": '{"seed": 7}'},
    "Rerank": {"Question": "Why?", "Documents, one a line": "this\nthat", "Only the best": "1"},
}


def fields(page: Page, tab: str) -> list[tuple[Locator, str]]:
    """Of a tab, with what is put into them."""
    page.get_by_role("navigation", name="Playground").get_by_role("link", name=tab).click()
    form = page.locator("form")
    return [(form.get_by_label(re.compile(f"^{label}")), value) for label, value in TABS[tab].items()]


@pytest.mark.parametrize("reload", [False, True])
def test_what_is_typed_in_a_tab_is_kept_with_the_key(writing: Page, reload: bool) -> None:
    before = {}
    for tab in TABS:
        for field, value in fields(writing, tab):
            before[tab, value] = field.input_value()
            if value in ("wav", "512x512"):
                field.select_option(value)
            else:
                field.fill(value)
    if reload:
        writing.reload()
    for tab in TABS:
        for field, value in fields(writing, tab):
            expect(field).to_have_value(value)
    writing.get_by_role("button", name="Forget this key").click()
    if reload:
        writing.reload()
    writing.get_by_role("textbox", name="API key").fill(MASTER)
    writing.get_by_role("button", name="Use this key").click()
    for tab in TABS:
        for field, value in fields(writing, tab):
            expect(field).to_have_value(before[tab, value])


def test_the_models_of_a_tab_stay_chosen(writing: Page) -> None:
    tabs = writing.get_by_role("navigation", name="Playground")
    writing.get_by_role("button", name=re.compile("^Choose a model")).click()
    writing.get_by_role("option", name=re.compile("^mistral-small")).click()
    writing.get_by_role("button", name="Compare with another model").click()
    chosen = writing.get_by_role("button", name=re.compile("^Choose a model"))
    expect(chosen).to_have_count(2)
    names = chosen.all_inner_texts()
    tabs.get_by_role("link", name="Embeddings").click()
    expect(chosen).to_have_count(1)
    tabs.get_by_role("link", name="Chat").click()
    expect(chosen).to_have_text(names)
    writing.reload()
    expect(chosen).to_have_text(names)


def test_a_message_that_was_sent_is_not_there_again(writing: Page, house: House) -> None:
    writing.keyboard.press("Enter")
    expect(writing.get_by_role("article")).to_have_count(1)
    writing.reload()
    expect(writing.get_by_role("article")).to_have_count(1)
    expect(writing.get_by_placeholder(WRITING)).to_have_value("")


@pytest.mark.parametrize(("words", "way"), [("Hello", "ltr"), ("1. مرحبا", "rtl"), ("שלום", "rtl"), ("", "ltr")])
def test_a_message_runs_as_its_first_letter_does(writing: Page, words: str, way: str) -> None:
    """Told by us: a browser that finds it out itself reads a text of a megabyte anew with every key."""
    box = writing.get_by_placeholder(WRITING)
    box.fill(words)
    expect(box).to_have_attribute("dir", way)


def test_a_search_does_not_follow_to_the_next_screen(admin: Page, house: House) -> None:
    house.open(admin, "models")
    admin.get_by_role("row").nth(1).wait_for()
    admin.clock.install()
    admin.get_by_role("searchbox", name="Search models").fill("safe")
    admin.get_by_role("link", name="Providers").click()
    expect(admin.get_by_role("heading", name="Providers", exact=True)).to_be_visible()
    admin.clock.run_for(2_000)
    expect(admin.get_by_role("row").nth(1)).to_be_visible()
    assert admin.url.endswith("/providers")


def test_a_model_that_is_added_meanwhile_can_be_chosen(admin: Page, house: House) -> None:
    house.open(admin, "overview")
    expect(admin.get_by_text("live", exact=True)).to_be_visible()
    admin.get_by_role("navigation", name="Main").get_by_role("link", name="Playground").click()
    admin.get_by_role("button", name="Make a key for this tab").click()
    admin.get_by_placeholder(WRITING).fill("Half a question")
    with house.gateway.http() as http:
        entry = {"id": "late-comer", "targets": [{"provider": "main", "model": "gpt-4o-mini"}]}
        assert http.post("/api/admin/models", json=entry).status_code < 300
        admin.get_by_role("button", name="Choose a model").first.click()
        expect(admin.get_by_role("option", name="late-comer")).to_be_visible()
        http.delete("/api/admin/models/late-comer")
    expect(admin.get_by_placeholder(WRITING)).to_have_value("Half a question")
