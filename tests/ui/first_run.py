"""Walks the first run as a new user would and tells how long it took: `python -m tests.ui.first_run [FOLDER]`.

It starts `gateway serve` on an empty state folder, opens the link that the console prints, sets up the administrator,
connects a provider, sends a first request and opens the overview, in the pace of a person: reading, typing, aiming. A
folder gets a picture of every step. Ends with 1 when it took more than two minutes.
"""

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from tests.fakes.upstream import Upstream
from tests.ui.conftest import CHROMIUM
from tests.ui.house import FLAGS, PASSWORD
from tests.ui.served import Served

LIMIT = 120.0
WORDS_A_SECOND = 4.0
"""How fast people read on a screen: about 240 words a minute."""
KEYS_A_SECOND = 5.0
AIM = 1.1
"""Seconds to find a button and click it."""


class Newcomer:
    """A person at a browser: reads what is new on the page, then acts."""

    def __init__(self, page: Page, pictures: Path | None) -> None:
        self._page, self._pictures = page, pictures
        self._began = self._step_began = time.monotonic()
        self._known: set[str] = set()
        self._count = 0

    def read(self) -> None:
        """The words of the page that were not there before."""
        lines = {line for line in self._page.locator("main").inner_text().splitlines() if line.strip()}
        words = sum(len(line.split()) for line in lines - self._known)
        self._known |= lines
        self._page.wait_for_timeout(1000 * min(words / WORDS_A_SECOND, 12))

    def click(self, target: Locator) -> None:
        target.wait_for(timeout=60_000)
        self._page.wait_for_timeout(1000 * AIM)
        target.click()

    def type(self, target: Locator, words: str) -> None:
        self.click(target)
        target.press_sequentially(words, delay=1000 / KEYS_A_SECOND)

    def paste(self, target: Locator, words: str) -> None:
        """Of a password manager or another window: looked for, copied, pasted."""
        self.click(target)
        self._page.wait_for_timeout(3000)
        target.fill(words)

    def done(self, step: str) -> None:
        now = time.monotonic()
        print(f"{now - self._began:6.1f} s  (+{now - self._step_began:4.1f})  {step}", flush=True)
        self._count, self._step_began = self._count + 1, now
        self.look(step)

    def look(self, step: str) -> None:
        if self._pictures:
            name = step.replace(" ", "-").replace(",", "").lower()
            self._page.screenshot(path=self._pictures / f"{self._count:02}-{name}.png")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def walk(person: Newcomer, page: Page, link: str, provider: str) -> None:
    button = page.get_by_role
    page.goto(link)
    button("button", name="Make account").wait_for()
    person.done("the link of the console is open")
    person.read()
    person.paste(page.get_by_role("textbox", name="Password", exact=True), PASSWORD)
    person.paste(page.get_by_role("textbox", name="Password again"), PASSWORD)
    person.click(button("button", name="Make account"))
    page.get_by_test_id("master-key").wait_for()
    person.done("account made")
    person.read()
    person.click(button("button", name="Copy"))
    person.click(button("button", name="I have kept it"))
    person.done("master key kept")
    person.read()
    person.click(button("button", name="Another, OpenAI compatible"))
    person.read()
    person.paste(page.get_by_label("Base URL"), provider)
    person.paste(page.get_by_role("textbox", name="API key"), "sk-newcomer-0123456789")
    person.look("provider filled in")
    person.click(button("button", name="Add and test"))
    offer = page.get_by_role("button", name="Offer")
    offer.wait_for(timeout=60_000)
    person.done("provider connected and tested")
    person.read()
    person.click(offer)
    button("button", name="Send").wait_for(timeout=60_000)
    person.done("models offered")
    person.read()
    person.click(button("button", name="Send"))
    page.get_by_text("First token").wait_for(timeout=60_000)
    person.done("first answer seen")
    person.read()
    person.click(button("button", name="Open the overview"))
    page.get_by_role("heading", name="Overview").wait_for()
    page.locator("[aria-label=Loading]").first.wait_for(state="detached")
    person.done("overview seen")


def main(pictures: Path | None) -> int:
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    upstream = Upstream.start()
    upstream.text = "Hello! I am glad that you are here."
    upstream.models = ["llama-3.3-70b", "qwen3-32b", "gpt-oss-20b", "text-embedding-3-small", "whisper-large-v3"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        started = time.monotonic()
        served = Served(Path(folder))
        try:
            link = served.setup_link()
            ready = time.monotonic() - started
            print(f"{ready:6.1f} s           `gateway serve` printed its link", flush=True)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            person = Newcomer(page, pictures)
            walk(person, page, link, f"{upstream.url}/v1")
            total = ready + person.seconds
            browser.close()
        finally:
            served.stop()
            upstream.close()
    print(f"{total:6.1f} s in all; {'under' if total < LIMIT else 'over'} {LIMIT:.0f} s")
    return 0 if total < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
