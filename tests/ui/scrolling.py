"""What scrolling the long tables costs: `python -m tests.ui.scrolling`.

Scrolls the catalog's 1,200 rows and the list of requests for 180 frames, slowly and as fast as a dragged thumb, and
prints where the CPU time of the page's thread went.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.fakes.upstream import Upstream
from tests.ui.conftest import CHROMIUM
from tests.ui.house import FLAGS, House

SCROLL = """(step) => new Promise((done) => {
    const box = document.querySelector(".table-box.fill"), frames = [];
    let last = performance.now(), way = 1;
    const next = () => {
        const now = performance.now();
        frames.push(now - last);
        last = now;
        if (frames.length > 180) return done(frames.slice(1));
        if (box.scrollTop + box.clientHeight >= box.scrollHeight - 2) way = -1;
        if (box.scrollTop <= 0) way = 1;
        box.scrollTop += way * step;
        requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
})"""
TABLES = {"catalog": "catalog?gateway=main&q=vendor", "requests": "requests"}
PARTS = ("EventDispatch", "Layout", "UpdateLayoutTree", "Paint", "PrePaint", "Layerize")
"""Events of the tracing; the first is the script that a scroll runs."""


def measure(browser: Browser, page: Page, step: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        browser.start_tracing(page=page, path=trace, categories=["devtools.timeline"])
        frames = page.evaluate(SCROLL, step)
        browser.stop_tracing()
        events: list[dict[str, Any]] = json.loads(trace.read_text())["traceEvents"]
    cost = {name: sum(one.get("tdur", 0) for one in events if one["name"] == name) / 1000 for name in PARTS}
    late = sum(frame > 34 for frame in frames)
    return f"{late} of {len(frames)} frames over 34 ms; ms: {', '.join(f'{k} {v:.0f}' for k, v in cost.items())}"


def main() -> None:
    upstream, spare = Upstream.start(), Upstream.start()
    with tempfile.TemporaryDirectory() as state, sync_playwright() as playwright:
        house = House(Path(state), upstream, spare)
        with house.gateway.http() as http:
            http.post("/catalog/refresh", timeout=60)
            for _ in range(200):
                http.post("/v1/chat/completions", json={"model": "gpt-4o-mini", "messages": []})
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        house.log_in(page)
        for name, address in TABLES.items():
            for step in (120, 900):
                house.open(page, address)
                page.locator(".table-box.fill tbody tr").nth(20).wait_for()
                print(f"{name}, {step} px a frame: {measure(browser, page, step)}")
        browser.close()
        house.gateway.stop()
    upstream.close()
    spare.close()


if __name__ == "__main__":
    main()
