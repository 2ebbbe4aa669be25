"""Batches on the screen: how to begin one, one that runs and is cancelled, what failed, files and what they take."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.api.jobs import eventually
from tests.api.running import MASTER, RunningGateway
from tests.ui.house import PASSWORD, House, sign_in

CHAT = "/v1/chat/completions"


def begun(house: House, *models: str, name: str = "asks.jsonl") -> str:
    """The id of a batch with a request to each of these models."""
    lines = [
        json.dumps({"custom_id": f"ask-{n}", "method": "POST", "url": CHAT, "body": {"model": model, "messages": []}})
        for n, model in enumerate(models)
    ]
    with house.gateway.http() as http:
        file = http.post("/v1/files", data={"purpose": "batch"}, files={"file": (name, "\n".join(lines).encode())})
        asked = {"input_file_id": file.json()["id"], "endpoint": CHAT, "completion_window": "24h"}
        id: str = http.post("/v1/batches", json=asked).json()["id"]
    return id


def status(house: House, id: str) -> str:
    with house.gateway.http() as http:
        return str(http.get(f"/v1/batches/{id}").json()["status"])


@pytest.fixture
def slow(house: House) -> House:
    """Answers of one model take their time, those of another never come."""
    house.upstream.faults |= {"mistral-small": "late:0.4", "llama-3.3-70b": "late:600"}
    return house


@pytest.fixture
def unused(house: House, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that no batch was handed to."""
    main = {"base_url": f"{house.upstream.url}/v1", "models": ["gpt-4o-mini"]}
    running = RunningGateway(tmp_path, ui_username="ada", ui_password=PASSWORD, providers={"main": main})
    yield running
    running.stop()


def test_who_has_none_is_told_how_to_begin_one_and_it_works_as_told(
    visitor: Page, unused: RunningGateway, tmp_path: Path
) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed")
    sign_in(visitor, unused.url)
    visitor.goto(f"{unused.url}/ui/batches")
    expect(visitor.get_by_role("heading", name="No batch yet")).to_be_visible()
    command = visitor.locator("pre").inner_text().replace('"MODEL"', '"gpt-4o-mini"')
    environment = {"PATH": os.environ["PATH"], "GATEWAY_KEY": MASTER}
    done = subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    id = json.loads(done.stdout)["id"]
    with unused.http() as http:
        eventually(lambda: http.get(f"/v1/batches/{id}").json()["status"] == "completed")
    visitor.reload()
    row = visitor.get_by_role("row", name=re.compile("completed.*master.*gpt-4o-mini"))
    expect(row).to_contain_text("1 / 1")
    visitor.goto("about:blank")  # an open page asks a gateway that is gone


def test_one_that_runs_is_followed_and_cancelled(admin: Page, slow: House) -> None:
    id = begun(slow, *["mistral-small"] * 200, *["llama-3.3-70b"] * 50)
    slow.open(admin, f"batches?status=open&q={id}")
    row = admin.get_by_role("row", name=re.compile("running.*mistral-small"))
    for done in ("[1-9]", "[1-9][0-9]"):
        expect(row).to_have_text(re.compile(rf"{done}[0-9]* / 250"))
    row.click()
    drawer = admin.get_by_role("dialog", name="Batch of master")
    drawer.get_by_role("button", name="Cancel batch").click()
    asking = admin.get_by_role("dialog", name="Cancel this batch?")
    expect(asking).to_contain_text("What was answered is kept")
    asking.get_by_role("button", name="Let it run").click()
    assert status(slow, id) == "in_progress"
    drawer.get_by_role("button", name="Cancel batch").click()
    asking.get_by_role("button", name="Cancel batch").click()
    expect(admin.get_by_text("The batch is being cancelled.")).to_be_visible()
    expect(drawer.get_by_text("cancelled", exact=True)).to_be_visible()
    expect(drawer.get_by_text("not asked batch_cancelled").first).to_be_visible()
    expect(drawer.get_by_role("button", name="Cancel batch")).to_have_count(0)
    expect(admin.get_by_role("row", name=re.compile("mistral-small"))).to_have_count(0)


def test_what_failed_leads_to_its_request(admin: Page, house: House) -> None:
    id = begun(house, "gpt-4o-mini", *["no-such-model"] * 25)
    eventually(lambda: status(house, id) == "completed")
    house.open(admin, f"batches?open={id}")
    drawer = admin.get_by_role("dialog")
    expect(drawer.get_by_text("26 / 26 · 25 failed")).to_be_visible()
    expect(drawer.get_by_text("The first 20 of 25")).to_be_visible()
    drawer.get_by_role("link", name="Show the request: ask-1", exact=True).click()
    expect(admin).to_have_url(re.compile("/ui/requests"))
    expect(admin.get_by_role("dialog", name="no-such-model")).to_contain_text("model_not_found")


def test_what_is_open_fits_a_phone(admin: Page, house: House) -> None:
    id = begun(house, "a-model-with-a-very-long-name-" * 9)
    eventually(lambda: status(house, id) == "completed")
    admin.set_viewport_size(ViewportSize(width=390, height=780))
    house.open(admin, f"batches?open={id}")
    expect(admin.get_by_role("dialog").get_by_text("1 / 1 · 1 failed")).to_be_visible()
    assert admin.locator(".dialog-body").evaluate("(body) => body.scrollWidth - body.clientWidth") <= 0


def test_a_file_is_deleted_unless_a_batch_reads_it(admin: Page, slow: House) -> None:
    ended = begun(slow, "gpt-4o-mini", name="over.jsonl")
    begun(slow, *["llama-3.3-70b"] * 50, name="used.jsonl")
    eventually(lambda: status(slow, ended) == "completed")
    slow.open(admin, "batches/files?purpose=batch")
    expect(admin.get_by_text(re.compile(r"[0-9.]+ k?B in all"))).to_be_visible()
    for name, told in (("over.jsonl", "over.jsonl is deleted."), ("used.jsonl", "still reads this file")):
        admin.get_by_role("button", name=f"Delete: {name}").click()
        admin.get_by_role("dialog", name=f"Delete {name}?").get_by_role("button", name="Delete").click()
        expect(admin.get_by_text(told)).to_be_visible()
    expect(admin.get_by_role("row", name=re.compile("over.jsonl"))).to_have_count(0)
    expect(admin.get_by_role("row", name=re.compile("used.jsonl"))).to_be_visible()
