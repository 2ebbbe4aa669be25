"""Code that the pages offer to copy, run as it was copied."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.api.running import MASTER
from tests.api.test_files import picture, tone
from tests.ui.house import House

RUN = {"curl": "bash", "Python": sys.executable}


def noise() -> bytes:
    """A PNG file of some 300 kB."""
    buffer = io.BytesIO()
    Image.effect_noise((600, 600), 90).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {"speech.wav": tone(), "page.png": picture()}


@pytest.fixture
def play(admin: Page, house: House) -> Page:
    admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    admin.goto(f"{house.url}/ui/playground")
    admin.get_by_role("textbox", name="API key").fill(MASTER)
    admin.get_by_role("button", name="Use this key").click()
    admin.get_by_role("button", name="Test connection").wait_for()
    return admin


def copied(page: Page, language: str) -> str:
    """Of the code that is on the page."""
    page.get_by_role("group", name="Code").get_by_role("button", name=language, exact=True).click()
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator(".code").filter(has=page.get_by_label("Code")).get_by_role("button", name="Copy").click()
    code: str = page.wait_for_function("navigator.clipboard.readText()").json_value()
    return code


def run(language: str, code: str, folder: Path) -> str:
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "code").write_text(code)
    environment = {**os.environ, "GATEWAY_KEY": MASTER}
    command = [RUN[language], "code"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language", RUN)
@pytest.mark.parametrize("content", [picture(), noise()], ids=["small", "longer than an argument may be"])
def test_a_chat_with_an_image_and_fields_of_its_own_runs(
    play: Page, house: House, tmp_path: Path, language: str, content: bytes
) -> None:
    play.locator("input[type=file]").set_input_files({"name": "kite.png", "mimeType": "image/png", "buffer": content})
    expect(play.get_by_role("img", name="kite.png")).to_be_visible()
    play.get_by_label("System prompt").fill('It\'s a "test" of $HOME and `this`\nשלום')
    play.get_by_label("Other fields").fill('{"top_k": 5, "chat_template_kwargs": {"thinking": false}}')
    play.get_by_placeholder("Write a message…").fill("Don't ${guess}")
    play.keyboard.press("Enter")
    expect(play.get_by_text("Total", exact=True)).to_be_visible()
    sent = house.asked[-1].json
    play.get_by_role("button", name="This request as code").click()
    expect(play.get_by_text("Images are shortened here.")).to_be_visible()
    answer = run(language, copied(play, language), tmp_path)
    assert "program" in answer
    assert house.asked[-1].json == sent


@pytest.mark.parametrize(
    ("model", "language"),
    [
        ("text-embed", "Python"), ("flux-schnell", "Python"), ("bge-reranker", "Python"), ("dots-ocr", "curl"),
        *((model, language) for model in ("whisper-1", "kokoro") for language in RUN),
    ],
)  # fmt: skip
def test_the_example_of_each_kind_of_model_runs(
    play: Page, house: House, tmp_path: Path, model: str, language: str
) -> None:
    house.open(play, f"playground/docs?model={model}")
    before = len(house.asked)
    run(language, copied(play, language), tmp_path)
    assert len(house.asked) == before + 1
    if model == "kokoro":
        assert (tmp_path / "speech.mp3").stat().st_size > 0


@pytest.mark.parametrize(
    ("path", "body", "tab"),
    [
        ("/v1/audio/speech", {"model": "kokoro", "input": "Hi", "voice": "alloy"}, "Speech"),
        ("/v1/images/generations", {"model": "flux-schnell", "prompt": "a kite"}, "Images"),
        ("/v1/rerank", {"model": "bge-reranker", "query": "sky", "documents": ["grass", "sky"]}, "Rerank"),
    ],
)
def test_a_request_is_shown_as_code_for_its_own_endpoint_and_tried_in_its_own_tab(
    admin: Page, house: House, path: str, body: dict[str, object], tab: str
) -> None:
    with house.gateway.http() as http:
        known = http.post(path, json=body).headers["x-request-id"]
    house.open(admin, f"requests?open={known}")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_text("As code").click()
    expect(drawer.locator("pre[aria-label=Code]")).to_contain_text(path)
    expect(drawer.locator("pre[aria-label=Code]")).to_contain_text(json.dumps(body["model"]))
    drawer.get_by_text("Why this route").click()
    expect(drawer.get_by_text(re.compile("main"))).not_to_have_count(0)
    drawer.get_by_role("button", name=re.compile("playground")).click()
    expect(admin).to_have_url(re.compile(f"/playground/{tab.lower()}"))
