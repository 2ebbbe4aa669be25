"""The playground with a pasted key: chat beside chat, images, embeddings, transcription, OCR.

Rows of docs/acceptance.md: A002-17, A002-31, A002-32.
"""

import base64
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.api.running import MASTER
from tests.api.test_files import picture, tone
from tests.fakes.answers import SPOKEN
from tests.ui.house import EVIL, House, watched
from tests.ui.test_looks import PHONE


@pytest.fixture
def play(visitor: Page, house: House) -> Page:
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
    assert house.asked[-1].json["stream"] is True


def test_a_slow_answer_can_be_stopped(play: Page, house: House) -> None:
    house.upstream.faults["llama-3.3-70b"] = "slow:3"
    house.upstream.disconnects.clear()
    choose(play, "llama-3.3-70b")
    say(play, "Take your time")
    play.get_by_role("button", name="Stop").click()
    expect(play.get_by_text("stopped")).to_be_visible()
    assert house.upstream.wait_disconnect(20)


def test_three_models_answer_side_by_side_and_each_keeps_its_own_history(play: Page, house: House) -> None:
    choose(play, "gpt-4o-mini")
    play.get_by_role("button", name="Compare with another model").click()
    play.get_by_role("button", name="Compare with another model").click()
    expect(play.get_by_role("button", name="Compare with another model")).to_have_count(0)
    choose(play, "safe", 2)
    say(play, "Hello")
    expect(play.get_by_role("article")).to_have_count(3)
    expect(play.get_by_role("article", name="safe").get_by_text("Hello from the upstream.")).to_be_visible()
    expect(play.get_by_role("button", name="Send")).to_be_visible()
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
    sent = house.asked[-1].json
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
    text, image = house.asked[-1].json["messages"][0]["content"]
    assert text["text"] == "What is it?" and image["image_url"]["url"].startswith("data:image/png;base64,")


def test_an_image_can_be_pasted(play: Page) -> None:
    expect(play.locator("textarea[aria-label^='Write']")).to_be_visible()
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
    house.upstream.text = f"{EVIL} [click](javascript:alert(1)) **{EVIL}**"
    choose(play, "gpt-4o-mini")
    say(play, EVIL)
    answer = play.get_by_role("article")
    expect(answer.get_by_text("Total", exact=True)).to_be_visible()
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


def test_what_a_model_writes_is_shown_as_it_meant(play: Page, house: House) -> None:
    """Lists within lists, code within items, images as links, other ways to write."""
    pixel = base64.b64encode(picture("GIF", (2, 2))).decode()
    house.upstream.text = (
        "1. First\n   - inner\n\n   ```sh\n   make run\n   ```\n2. Second\n\n- [x] done\n\n"
        "![a kite](https://pictures.invalid/1.png) [![badge](https://pictures.invalid/2.svg)](https://chutes.invalid) "
        f"![drawn](data:image/gif;base64,{pixel})\n\nשלום עולם\n"
    )
    choose(play, "gpt-4o-mini")
    say(play, "Write")
    answer = play.get_by_role("article", name="gpt-4o-mini")
    expect(answer.get_by_text("Total", exact=True)).to_be_visible()
    items = answer.locator(".markdown > ol > li")
    expect(items).to_have_count(2)
    expect(items.first.get_by_role("listitem")).to_have_text("inner")
    expect(items.first.locator("pre")).to_have_text("make run")
    expect(answer.get_by_role("checkbox", name="Task")).to_be_checked()
    for name, target in (("a kite", "https://pictures.invalid/1.png"), ("badge", "https://chutes.invalid")):
        expect(answer.get_by_role("link", name=name, exact=True)).to_have_attribute("href", target)
    expect(answer.get_by_role("img", name="drawn")).to_be_visible()
    expect(answer).not_to_contain_text("!")
    assert answer.get_by_text("שלום עולם").evaluate("(one) => getComputedStyle(one).direction") == "rtl"


def test_an_answer_goes_on_and_can_be_stopped_after_a_look_at_another_tab(play: Page, house: House) -> None:
    house.upstream.faults["llama-3.3-70b"] = "slow:3"
    choose(play, "llama-3.3-70b")
    say(play, "Take your time")
    play.get_by_role("button", name="Stop").wait_for()
    for tab in ("Embeddings", "Chat"):
        play.get_by_role("navigation", name="Playground").get_by_role("link", name=tab).click()
    play.get_by_role("button", name="Stop").click()
    expect(play.get_by_text("stopped")).to_be_visible()
    expect(play.get_by_role("button", name="Send")).to_be_visible()


def test_whoever_leaves_while_recording_lets_go_of_the_microphone(browser: Browser, house: House) -> None:
    context = browser.new_context()
    context.add_init_script("""
        navigator.mediaDevices.getUserMedia = async () => {
            const made = new AudioContext().createMediaStreamDestination().stream;
            window.tracks = made.getTracks();
            return made;
        };
    """)
    page, complaints = watched(context)
    page.goto(f"{house.url}/ui/playground/transcription")
    page.get_by_role("textbox", name="API key").fill(MASTER)
    page.get_by_role("button", name="Use this key").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Stop recording").wait_for()
    assert page.evaluate("window.tracks.map((one) => one.readyState)") == ["live"]
    page.get_by_role("navigation", name="Playground").get_by_role("link", name="Chat").click()
    page.get_by_placeholder("Write a message…").wait_for()
    assert page.evaluate("window.tracks.map((one) => one.readyState)") == ["ended"]
    context.close()
    assert complaints == []


def test_the_key_of_a_tab_leaves_nothing_behind(admin: Page, house: House) -> None:
    """It goes when it is forgotten, and with it those of tabs that were closed and have ended."""
    with house.gateway.http() as http:
        users = http.get("/api/admin/users").json()["data"]
        [ada] = [user["id"] for user in users if user["username"] == "ada"]
        old = {"name": "Playground of ada", "user_id": ada, "expires_at": "2020-01-01T00:00:00Z"}
        for key in (old, {**old, "name": "Old program"}):
            http.post("/api/admin/apikeys", json=key)
        house.open(admin, "playground")
        with admin.expect_response(lambda reply: reply.request.method == "DELETE"):
            admin.get_by_role("button", name="Make a key for this tab").click()
        before = http.get("/api/admin/apikeys?limit=1000").json()["data"]
        named = [key for key in before if key["name"] == "Playground of ada"]
        [program] = [key for key in before if key["name"] == "Old program"]
        assert not [key for key in named if "2020" in key["expires_at"]]
        with admin.expect_response(lambda reply: reply.request.method == "DELETE"):
            admin.get_by_role("button", name="Forget this key").click()
        after = http.get("/api/admin/apikeys?limit=1000").json()["data"]
        assert len([key for key in after if key["name"] == "Playground of ada"]) == len(named) - 1
        http.delete(f"/api/admin/apikeys/{program['id']}")


COVERED = """() => [...document.querySelectorAll(".composer textarea, .composer [type=submit]")].filter((one) => {
    const { left, right, top, bottom } = one.getBoundingClientRect();
    return !one.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
}).map((one) => one.outerHTML)"""
"""Of what a message is written and sent with: what something else lies over."""


@pytest.mark.parametrize("size", [ViewportSize(width=1280, height=800), PHONE])
def test_messages_cover_neither_the_button_that_sends_nor_what_is_written(
    play: Page, tmp_path: Path, size: ViewportSize
) -> None:
    play.set_viewport_size(size)
    choose(play, "gpt-4o-mini")
    no_picture = tmp_path / "notes.txt"
    no_picture.write_text("no picture")
    play.get_by_placeholder("Write a message…").fill("What is a chute?")
    play.get_by_label("Add an image").set_input_files([no_picture] * 4)
    expect(play.get_by_text("notes.txt is no PNG")).to_have_count(4)
    assert play.evaluate(COVERED) == []
    play.get_by_role("button", name="Send").click()
    expect(play.get_by_text("A chute is a small program.")).to_be_visible()


def test_a_refused_budget_says_how_long_in_hours_and_minutes(visitor: Page, house: House) -> None:
    with house.gateway.http() as http:
        http.put("/api/admin/settings/prices", json={"value": {"main/gpt-4o-mini": {"per_request": 2}}})
        key = http.post("/api/admin/apikeys", json={"name": "poor", "budget_usd": 1, "budget_period": "month"}).json()
        visitor.goto(f"{house.url}/chat.html")
        visitor.get_by_role("textbox", name="API key").fill(key["key"])
        visitor.get_by_role("button", name="Use this key").click()
        choose(visitor, "gpt-4o-mini")
        say(visitor, "Hello")
        refused = visitor.get_by_role("alert")
        expect(refused).to_contain_text(re.compile(r"Try again in \d{1,2} (d|h|min|s)( \d{1,2} (h|min|s))?\."))
        http.delete("/api/admin/settings/prices")


def test_calls_of_tools_are_shown(play: Page) -> None:
    parts = [
        {"index": 0, "id": "a", "function": {"name": "get_weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city": "Par'}},
        {"index": 0, "function": {"arguments": 'is"}'}},
        {"index": 1, "id": "b", "function": {"name": "now", "arguments": "{}"}},
    ]
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]} for part in parts]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    streamed = {"status": 200, "headers": {"content-type": "text/event-stream"}, "body": stream}
    play.route("**/v1/chat/completions", lambda route: route.fulfill(**streamed))
    say(play, "What is the weather?")
    expect(play.get_by_role("region", name="Calls the tool get_weather")).to_contain_text('"city": "Paris"')
    expect(play.get_by_role("region", name="Calls the tool now")).to_be_visible()


def test_a_conversation_stays_over_a_reload_and_goes_with_the_key(play: Page) -> None:
    choose(play, "gpt-4o-mini")
    say(play, "What is a chute?")
    answer = play.get_by_role("article", name="gpt-4o-mini")
    expect(answer.get_by_text("Total", exact=True)).to_be_visible()
    play.reload()
    expect(play.get_by_text("What is a chute?")).to_be_visible()
    expect(answer.get_by_text("A chute is a small program.")).to_be_visible()
    say(play, "And then?")
    expect(answer).to_have_count(2)
    play.get_by_role("button", name="Forget").click()
    play.get_by_role("textbox", name="API key").fill(MASTER)
    play.get_by_role("button", name="Use this key").click()
    expect(play.get_by_text("Ask something")).to_be_visible()
    expect(answer).to_have_count(0)
