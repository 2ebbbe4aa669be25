"""The playground with a pasted key: chat beside chat, images, embeddings, transcription, OCR.

Rows of docs/acceptance.md: A002-17, A002-31, A002-32.
"""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.running import MASTER
from tests.api.test_files import picture, tone
from tests.fakes.answers import SPOKEN
from tests.ui.house import EVIL, House


@pytest.fixture
def play(visitor: Page, house: House) -> Page:
    house.upstream.faults.clear()
    visitor.goto(f"{house.url}/chat.html")
    visitor.get_by_role("textbox", name="API key").fill(MASTER)
    visitor.get_by_role("button", name="Use this key").click()
    visitor.get_by_role("button", name="Test connection").wait_for()
    return visitor


def choose(page: Page, model: str, nth: int = 0) -> None:
    page.get_by_role("button", name=re.compile("^Choose a model")).nth(nth).click()
    page.get_by_role("combobox", name="Search models").fill(model)
    page.get_by_role("option", name=re.compile(f"^{re.escape(model)}")).click()


def say(page: Page, words: str) -> None:
    page.get_by_placeholder("Write a message…").fill(words)
    page.keyboard.press("Enter")


def test_an_answer_streams_with_its_figures(play: Page, house: House) -> None:
    choose(play, "gpt-4o-mini")
    say(play, "What is a chute?")
    answer = play.get_by_role("article", name="gpt-4o-mini")
    expect(answer.get_by_text("A chute is a small program.")).to_be_visible()
    expect(answer.get_by_role("listitem")).to_have_count(2)
    for fact in ("First token", "Speed", "Tokens", "Total", "Route"):
        expect(answer.get_by_text(fact, exact=True)).to_be_visible()
    assert house.upstream.last.json["stream"] is True


def test_a_slow_answer_can_be_stopped(play: Page, house: House) -> None:
    house.upstream.faults["llama-3.3-70b"] = "slow:0.3"
    choose(play, "llama-3.3-70b")
    say(play, "Take your time")
    play.get_by_role("button", name="Stop").click()
    expect(play.get_by_text("stopped")).to_be_visible()
    assert house.upstream.wait_disconnect(5)


def test_three_models_answer_side_by_side_and_each_keeps_its_own_history(play: Page, house: House) -> None:
    choose(play, "gpt-4o-mini")
    play.get_by_role("button", name="Compare with another model").click()
    play.get_by_role("button", name="Compare with another model").click()
    expect(play.get_by_role("button", name="Compare with another model")).to_have_count(0)
    choose(play, "safe", 2)
    say(play, "Hello")
    expect(play.get_by_role("article")).to_have_count(3)
    expect(play.get_by_role("article", name="safe").get_by_text("Hello from the upstream.")).to_be_visible()
    say(play, "And again")
    expect(play.get_by_role("article")).to_have_count(6)
    expect(play.locator("article[aria-busy=true]")).to_have_count(0)
    told = [one.json["messages"] for one in house.spare.requests[-1:]]
    assert [one["content"] for one in told[0]] == ["Hello", "Hello from the upstream.", "And again"]


def test_system_prompt_and_parameters_are_sent(play: Page, house: House) -> None:
    choose(play, "gpt-4o-mini")
    play.get_by_label("System prompt").fill("Be brief.")
    play.get_by_label("Temperature").fill("0.3")
    play.get_by_label("Max tokens").fill("50")
    play.get_by_label("Other fields").fill("no json")
    expect(play.get_by_text("This is no JSON object.")).to_be_visible()
    play.get_by_label("Other fields").fill('{"seed": 7}')
    say(play, "Hi")
    expect(play.get_by_role("article").get_by_text("Total", exact=True)).to_be_visible()
    sent = house.upstream.last.json
    assert (sent["temperature"], sent["max_tokens"], sent["seed"]) == (0.3, 50, 7)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    play.get_by_role("button", name="This request as code").click()
    expect(play.get_by_role("dialog").get_by_text("$GATEWAY_KEY")).to_be_visible()
    assert MASTER not in play.get_by_role("dialog").inner_text()


def test_images_are_shown_sent_and_bounded(play: Page, house: House, tmp_path: Path) -> None:
    choose(play, "gpt-4o-mini")
    (tmp_path / "page.png").write_bytes(picture("PNG"))
    (tmp_path / "large.png").write_bytes(b"\x89PNG" + bytes(11 * 2**20))
    (tmp_path / "notes.txt").write_text("no image")
    chooser = play.locator("input[type=file]")
    chooser.set_input_files(tmp_path / "large.png")
    expect(play.get_by_text("large.png is 12 MB. Images here may have 10 MB at most")).to_be_visible()
    chooser.set_input_files(tmp_path / "notes.txt")
    expect(play.get_by_text("notes.txt is no PNG, JPEG, WebP or GIF.")).to_be_visible()
    chooser.set_input_files(tmp_path / "page.png")
    expect(play.get_by_role("img", name="page.png")).to_be_visible()
    say(play, "What is it?")
    expect(play.get_by_role("article").get_by_text("Total", exact=True)).to_be_visible()
    text, image = house.upstream.last.json["messages"][0]["content"]
    assert text["text"] == "What is it?" and image["image_url"]["url"].startswith("data:image/png;base64,")


def test_an_image_can_be_pasted(play: Page) -> None:
    play.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
            const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
            document.querySelector("textarea[aria-label^='Write']").dispatchEvent(paste);
        }""",
        list(picture("PNG")),
    )
    expect(play.get_by_role("img", name="pasted.png")).to_be_visible()
    play.get_by_role("button", name="Take this image away").click()
    expect(play.get_by_role("img", name="pasted.png")).to_have_count(0)


def test_a_failure_says_what_happened_and_can_be_tried_again(play: Page, house: House) -> None:
    house.upstream.faults["gpt-4o-mini"] = "context"
    choose(play, "gpt-4o-mini")
    say(play, "Too much")
    expect(play.get_by_role("alert")).to_contain_text("Request id: req-")
    house.upstream.faults.clear()
    play.get_by_role("alert").get_by_role("button", name="Try again").click()
    expect(play.get_by_text("A chute is a small program.")).to_be_visible()


def test_what_a_model_writes_never_becomes_part_of_the_page(play: Page, house: House) -> None:
    before = house.upstream.text
    house.upstream.text = f"{EVIL} [click](javascript:alert(1)) **{EVIL}**"
    choose(play, "gpt-4o-mini")
    say(play, EVIL)
    answer = play.get_by_role("article")
    expect(answer.get_by_text("Total", exact=True)).to_be_visible()
    house.upstream.text = before
    assert answer.locator("img, a").count() == 0 and EVIL in answer.inner_text()


def test_embeddings_become_a_matrix(play: Page) -> None:
    play.get_by_role("link", name="Embeddings").click()
    play.get_by_role("button", name="Embed", exact=True).click()
    matrix = play.get_by_role("region", name="Similarity")
    expect(matrix.get_by_role("row")).to_have_count(5)
    expect(matrix.get_by_role("cell", name="1.00").first).to_be_visible()


def test_a_transcript_follows_its_recording_and_becomes_subtitles(play: Page, tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(tone())
    play.get_by_role("link", name="Transcription").click()
    play.locator("input[type=file]").set_input_files(tmp_path / "speech.wav")
    play.get_by_role("button", name="Transcribe").click()
    expect(play.get_by_role("button", name="Hello", exact=True)).to_be_visible()
    with play.expect_download() as saved:
        play.get_by_role("button", name="SRT").click()
    lines = Path(saved.value.path()).read_text()
    assert saved.value.suggested_filename == "speech.srt"
    assert lines.startswith("1\n00:00:00,000 --> 00:00:01,200\n") and SPOKEN.split()[0] in lines


def test_ocr_draws_what_it_found(play: Page, tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(picture("PNG"))
    play.get_by_role("link", name="OCR").click()
    play.locator("input[type=file]").set_input_files(tmp_path / "page.png")
    play.get_by_role("button", name="Read text").click()
    expect(play.get_by_role("heading", name="Page 1")).to_be_visible()
    expect(play.get_by_text("A page of text.")).to_be_visible()


def test_the_connection_test_tells_which_models_work(play: Page, house: House) -> None:
    house.upstream.faults["llama-3.3-70b"] = "500"
    play.get_by_role("button", name="Test connection").click()
    dialog = play.get_by_role("dialog")
    expect(dialog.get_by_text("The key works")).to_be_visible()
    dialog.get_by_role("button", name=re.compile("Check .* models")).click()
    expect(dialog.get_by_role("row", name=re.compile("^mistral-small")).get_by_text("works")).to_be_visible()
    expect(dialog.get_by_role("row", name=re.compile("^llama-3.3-70b")).locator(".bad-text")).to_be_visible()


def test_a_wrong_key_is_told_and_can_be_replaced(visitor: Page, house: House) -> None:
    visitor.goto(f"{house.url}/ui/playground")
    visitor.get_by_role("textbox", name="API key").fill("sk-wrong-0123456789")
    visitor.get_by_role("button", name="Use this key").click()
    expect(visitor.get_by_role("alert")).to_contain_text("key")
    visitor.get_by_role("button", name="Forget this key").click()
    expect(visitor.get_by_role("textbox", name="API key")).to_be_visible()
    assert "sk-wrong" not in json.dumps(visitor.context.storage_state())
