"""The way of a new administrator through the pages, with the real engines of this machine and a provider that fails.

No engine here sees, so the picture of the chat goes to a provider that does, after one that does not answer; its text
is then read by the OCR engine.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chute.process import ROOT
from tests.e2e.test_main_job import LINES, spoken
from tests.e2e.test_main_job import page as written_page
from tests.fakes.upstream import Upstream
from tests.ui.house import PASSWORD, watched
from tests.ui.served import Served

pytestmark = pytest.mark.engines

CONFIG = "prices:\n  acme/sees: {input: 100, output: 300}\n"
SEEN = "An invoice."
SECONDS = 60_000


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream.start()
    upstream.text = SEEN
    upstream.models = ["sees", "fault:500"]
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not (ROOT / ".venv-engines" / "bin" / "python").exists():
        pytest.skip("the engines' environment is not installed (make engines)")
    served = Served(tmp_path_factory.mktemp("served"), CONFIG, ENGINES="auto")
    yield served.wait()
    served.stop()


@pytest.fixture(scope="module")
def context(browser: Browser, served: Served) -> Iterator[BrowserContext]:
    """Of the administrator, from the first visit on."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def admin(served: Served, context: BrowserContext) -> Iterator[Page]:
    """Set up by the link of the console; the first question goes to the engine of this machine. Whatever the browser
    complains of fails the last test."""
    page, complaints = watched(context)
    page.goto(served.setup_link())
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("textbox", name="Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make account").click()
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("textbox", name="Question").fill("what is 12 + 30?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("12 + 30 = 42")).to_be_visible(timeout=SECONDS)
    page.get_by_role("button", name="Open the overview").click()
    page.get_by_role("heading", name="Overview").wait_for()
    yield page
    assert complaints == []


def open_tab(page: Page, served: Served, path: str) -> None:
    page.goto(f"{served.url}/ui/{path}")
    form = page.get_by_role("button", name="Make a key for this tab")
    expect(form.or_(page.get_by_role("button", name="Test connection"))).to_be_visible()
    if form.is_visible():
        form.click()
        page.get_by_role("button", name="Test connection").wait_for()


def test_from_the_first_visit_to_a_revoked_key(
    admin: Page, browser: Browser, served: Served, upstream: Upstream, tmp_path: Path
) -> None:
    admin.goto(f"{served.url}/ui/providers?open=new")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Name", exact=True).fill("Acme")
    drawer.get_by_label("Base URL").fill(f"{upstream.url}/v1")
    drawer.get_by_label("Retries").or_(drawer.get_by_text("More")).first.wait_for(state="attached")
    drawer.get_by_role("button", name="Save and test").click()
    expect(drawer.get_by_text("It answers, and the key is good.")).to_be_visible()

    with served.http() as http:
        made = http.post(
            "/api/admin/models",
            json={
                "id": "eyes",
                "type": "chat",
                "supports_image_upload": True,
                "targets": [
                    {"provider_id": "acme", "upstream_model": "fault:500", "priority": 0},
                    {"provider_id": "acme", "upstream_model": "sees", "priority": 1},
                ],
            },
        )
    assert made.status_code == 201, made.text

    admin.goto(f"{served.url}/ui/keys?open=new")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Name").fill("Visitor")
    drawer.get_by_label("Allowed models").fill("eyes")
    drawer.get_by_role("button", name="Make key").click()
    key = admin.get_by_test_id("new-key").inner_text()
    admin.get_by_role("button", name="I have copied it").click()

    (tmp_path / "invoice.png").write_bytes(written_page())
    chat_with_a_picture(browser, served, key, tmp_path / "invoice.png")
    sent = upstream.last.json["messages"][0]["content"]
    assert sent[1]["image_url"]["url"].startswith("data:image/png;base64,")

    admin.goto(f"{served.url}/ui/requests")
    admin.get_by_role("row", name=re.compile("eyes")).first.click()
    drawer = admin.get_by_role("dialog")
    for told in ("acme/fault:500", "acme/sees", "Visitor"):
        expect(drawer.get_by_text(told).first).to_be_visible()
    with served.http() as http:
        row = next(one for one in http.get("/api/admin/requests").json()["data"] if one["model"] == "eyes")
    assert row["cost_usd"] > 0
    expect(drawer.get_by_text(re.compile(r"^\$0\.00"))).to_be_visible()

    admin.goto(f"{served.url}/ui/keys")
    admin.get_by_role("switch", name="Enabled: Visitor").click()
    expect(admin.get_by_text("Visitor is off.")).to_be_visible()
    with served.http(key) as http:
        refused = http.post("/v1/chat/completions", json={"model": "eyes", "messages": []})
    assert refused.status_code == 401


def chat_with_a_picture(browser: Browser, served: Served, key: str, picture: Path) -> None:
    """As somebody who was given the key, and has no login."""
    context = browser.new_context()
    page, complaints = watched(context)
    page.goto(f"{served.url}/ui/playground")
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("img", name="📷 sees images")).to_be_visible()
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.get_by_role("img", name=picture.name)).to_be_visible()
    page.get_by_placeholder("Write a message…").fill("What is it?")
    page.keyboard.press("Enter")
    answer = page.get_by_role("article")
    expect(answer.get_by_text(SEEN)).to_be_visible(timeout=SECONDS)
    expect(answer.get_by_text("2 attempts")).to_be_visible()
    context.close()
    assert complaints == []


def test_the_engines_are_ready_and_say_what_they_are(admin: Page, served: Served) -> None:
    admin.goto(f"{served.url}/ui/engines")
    for name in ("demo-chat", "all-MiniLM-L6-v2", "demo-whisper", "rapidocr"):
        expect(admin.get_by_text(name).first).to_be_visible()
    expect(admin.get_by_text("ready", exact=True)).to_have_count(4)


def test_an_answer_of_the_engine_streams(admin: Page, served: Served) -> None:
    open_tab(admin, served, "playground?model=demo-chat")
    admin.get_by_placeholder("Write a message…").fill("what is 7 + 5?")
    admin.keyboard.press("Enter")
    answer = admin.get_by_role("article")
    expect(answer.get_by_text("7 + 5 = 12")).to_be_visible(timeout=SECONDS)
    for fact in ("First token", "Speed", "Tokens", "Cost"):
        expect(answer.get_by_text(fact, exact=True)).to_be_visible()


def test_meanings_that_are_close_stand_close_in_the_matrix(admin: Page, served: Served) -> None:
    open_tab(admin, served, "playground/embeddings")
    texts = ["a cat sits on the mat", "a kitten is sitting on a rug", "quarterly revenue grew by five percent"]
    admin.get_by_label("Texts, one a line").fill("\n".join(texts))
    admin.get_by_role("button", name="Embed", exact=True).click()
    rows = admin.get_by_role("region", name="Similarity").get_by_role("row")
    expect(rows).to_have_count(4, timeout=SECONDS)
    same, close, far = (float(cell) for cell in rows.nth(1).get_by_role("cell").all_inner_texts())
    assert same == pytest.approx(1, abs=0.01) and close > 0.5 > 0.2 > far
    expect(admin.get_by_text("3 vectors of 384 dimensions")).to_be_visible()


def test_a_recording_is_written_down_and_followed(admin: Page, served: Served) -> None:
    path, said = spoken()
    open_tab(admin, served, "playground/transcription")
    admin.locator("input[type=file]").set_input_files(path)
    admin.get_by_role("button", name="Transcribe").click()
    transcript = admin.locator("ol.transcript")
    expect(transcript).to_be_visible(timeout=SECONDS)
    assert " ".join(transcript.locator("p").inner_text().split()) == said
    admin.wait_for_function("() => document.querySelector('audio').duration > 0.2")
    with admin.expect_download() as saved:
        admin.get_by_role("button", name="VTT").click()
    lines = Path(saved.value.path()).read_text()
    assert lines.startswith("WEBVTT") and said.split()[0] in lines


def test_a_page_is_read_with_its_boxes(admin: Page, served: Served, tmp_path: Path) -> None:
    (tmp_path / "invoice.png").write_bytes(written_page())
    open_tab(admin, served, "playground/ocr")
    admin.locator("input[type=file]").set_input_files(tmp_path / "invoice.png")
    admin.get_by_role("button", name="Read text").click()
    found = admin.locator("ol.ocr-lines li > span")
    expect(found).to_have_count(3, timeout=SECONDS)
    assert found.all_inner_texts() == LINES
    boxes = admin.locator("g.box polygon")
    expect(boxes).to_have_count(3)
    frame = admin.locator(".ocr-picture").bounding_box()
    first = boxes.first.bounding_box()
    assert frame and first and frame["x"] <= first["x"] and first["y"] < frame["y"] + frame["height"] / 2
    admin.get_by_role("switch", name="Boxes").click(force=True)
    expect(boxes).to_have_count(0)
