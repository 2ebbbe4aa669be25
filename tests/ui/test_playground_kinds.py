"""The playground's tabs for speech, pictures and ranks, their code to copy, and what stands where no such model is.

Row of docs/acceptance.md: A002-32.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.running import MASTER, RunningGateway
from tests.ui.house import EVIL, PASSWORD, House, sign_in, watched


@pytest.fixture
def play(visitor: Page, house: House) -> Page:
    visitor.goto(f"{house.url}/chat.html")
    visitor.get_by_role("textbox", name="API key").fill(MASTER)
    visitor.get_by_role("button", name="Use this key").click()
    visitor.get_by_role("button", name="Test connection").wait_for()
    return visitor


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Playground").get_by_role("link", name=name).click()


def code(page: Page, language: str) -> str:
    page.get_by_role("button", name="This request as code").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=language, exact=True).click()
    shown = dialog.locator("pre").inner_text()
    page.keyboard.press("Escape")
    return shown


def test_a_text_is_heard_and_kept(play: Page, house: House) -> None:
    tab(play, "Speech")
    expect(play.get_by_text("Hear a text")).to_be_visible()
    play.get_by_role("textbox", name="Text").fill("Twenty letters a sec")
    play.get_by_role("combobox", name="Voice").fill("nova")
    play.get_by_label("Format").select_option("wav")
    play.get_by_role("button", name="Speak").click()
    panel = play.get_by_role("main")
    for fact in ("Length", "Speed", "Total", "Route"):
        expect(panel.get_by_text(fact, exact=True).last).to_be_visible()
    expect(panel.get_by_text("1.0 s", exact=True)).to_be_visible()
    assert play.locator("audio").evaluate("(player) => player.play().then(() => player.duration)") == pytest.approx(1)
    with play.expect_download() as saved:
        play.get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == "speech.wav"
    assert Path(saved.value.path()).read_bytes()[:4] == b"RIFF"
    sent = house.asked[-1].json
    assert (sent["model"], sent["voice"], sent["response_format"]) == ("kokoro", "nova", "wav") and "speed" not in sent


def test_pictures_are_shown_and_kept(play: Page, house: House) -> None:
    tab(play, "Images")
    play.get_by_label("Description").fill(EVIL)
    play.get_by_label("Size").select_option("512x512")
    play.get_by_label("Pictures").fill("11")
    expect(play.get_by_text("A whole number from 1 to 10.")).to_be_visible()
    expect(play.get_by_role("button", name="Draw")).to_be_disabled()
    play.get_by_label("Pictures").fill("2")
    play.get_by_label("Other fields").fill('{"seed": 7}')
    play.get_by_role("button", name="Draw").click()
    pictures = play.get_by_role("img", name=f"Picture 2: {EVIL}")
    expect(pictures).to_be_visible()
    assert pictures.evaluate("(one) => [one.naturalWidth, one.naturalHeight]") == [512, 512]
    with play.expect_download() as saved:
        play.get_by_role("link", name="Download").nth(1).click()
    assert saved.value.suggested_filename == "picture-2.png"
    assert Path(saved.value.path()).read_bytes()[:4] == b"\x89PNG"
    sent = house.asked[-1].json
    assert (sent["n"], sent["size"], sent["seed"], sent["prompt"]) == (2, "512x512", 7, EVIL)


def test_a_picture_at_another_host_is_a_link_and_not_loaded(play: Page) -> None:
    tab(play, "Images")
    play.get_by_label("Other fields").fill('{"response_format": "url"}')
    play.get_by_role("button", name="Draw").click()
    link = play.get_by_role("link", name="Open picture 1 at the provider")
    expect(link).to_have_attribute("href", "https://pictures.invalid/0.png")
    expect(link).to_have_attribute("rel", "noreferrer")
    expect(play.get_by_role("main").get_by_role("img")).to_have_count(0)


def test_documents_are_ranked_with_their_scores(play: Page) -> None:
    tab(play, "Rerank")
    play.get_by_label("Question").fill("blue sky")
    play.get_by_label("Documents, one a line").fill(f"green grass\na blue sky\n\n{EVIL} blue")
    play.get_by_label("Only the best").fill("2")
    play.get_by_role("button", name="Rank", exact=True).click()
    rows = play.get_by_role("region", name="Ranking").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("a blue sky")
    expect(rows.nth(1)).to_contain_text("1.0000")
    expect(rows.nth(2)).to_contain_text(f"{EVIL} blue")
    with play.expect_download() as saved:
        play.get_by_role("button", name="Download CSV").click()
    assert Path(saved.value.path()).read_text().splitlines()[1] == "1,1,2,a blue sky"


@pytest.mark.parametrize(
    ("name", "model", "action"),
    [("Speech", "kokoro", "Speak"), ("Images", "flux-schnell", "Draw"), ("Rerank", "bge-reranker", "Rank")],
)
def test_each_says_what_failed_and_tries_again(play: Page, house: House, name: str, model: str, action: str) -> None:
    house.upstream.faults[model] = "context"
    tab(play, name)
    play.get_by_role("button", name=action, exact=True).click()
    expect(play.get_by_role("alert")).to_contain_text("Request id: req-")
    house.upstream.faults[model] = "late:60"
    play.get_by_role("alert").get_by_role("button", name="Try again").click()
    expect(play.get_by_role("status", name="Loading")).to_be_visible()
    play.get_by_role("button", name="Stop").click()
    expect(play.get_by_role("button", name=action, exact=True)).to_be_visible()
    house.upstream.faults.clear()
    play.get_by_role("button", name=action, exact=True).click()
    expect(play.get_by_text("Route", exact=True)).to_be_visible()


def test_only_models_of_the_kind_are_offered(play: Page) -> None:
    tab(play, "Rerank")
    play.get_by_role("button", name=re.compile("^Choose a model")).click()
    expect(play.get_by_role("option")).to_have_count(1)
    expect(play.get_by_role("option")).to_contain_text("bge-reranker")


@pytest.mark.parametrize(
    ("name", "language", "told"),
    [
        ("Speech", "curl", "--output speech.mp3"),
        ("Speech", "Python", 'reply.write_to_file("speech.mp3")'),
        ("Images", "Python", "client.images.generate("),
        ("Rerank", "curl", "/v1/rerank"),
        ("Embeddings", "Python", "client.embeddings.create("),
        ("Transcription", "curl", "-F 'file=@speech.wav'"),
        ("Transcription", "Python", 'file=open("speech.wav", "rb")'),
        ("OCR", "JavaScript", 'form.set("file", await openAsBlob("page.png"), "page.png")'),
    ],
)
def test_what_is_asked_can_be_copied_as_code(play: Page, name: str, language: str, told: str) -> None:
    tab(play, name)
    shown = code(play, language)
    assert told in shown and "GATEWAY_KEY" in shown and MASTER not in shown


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that knows no model at all."""
    running = RunningGateway(tmp_path, ui_username="ada", ui_password=PASSWORD)
    yield running
    running.stop()


@pytest.mark.parametrize("name", ["embeddings", "transcription", "speech", "images", "ocr", "rerank"])
def test_where_no_model_is_it_says_what_to_configure(browser: Browser, bare: RunningGateway, name: str) -> None:
    context = browser.new_context()
    page, complaints = watched(context)
    page.goto(f"{bare.url}/ui/playground/{name}")
    page.get_by_role("textbox", name="API key").fill(MASTER)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("heading", name=re.compile("^No .* model can be asked"))).to_be_visible()
    expect(page.get_by_text("Ask whoever runs this gateway")).to_be_visible()
    sign_in(page, bare.url)
    page.goto(f"{bare.url}/ui/playground/{name}")
    page.get_by_role("link", name="Add a model").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    context.close()
    assert complaints == []
