"""A gateway whose money and engines can be seen: local engines that work, an account at Chutes, a week of traffic."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Page

from gateway.admin.opening import open_store
from gateway.providers.engines import EngineState
from tests.api.running import RunningGateway
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.http_server import Received
from tests.fakes.upstream import Upstream
from tests.platform.process import KEY, PlatformProcess
from tests.ui.house import PASSWORD, sign_in
from tests.ui.traffic import history

GIB = 2**30
PRICES = {
    "main/gpt-4o-mini": {"input": 0.15, "output": 0.6},
    "main/llama-3.3-70b": {"input": 0.3, "output": 0.9},
    "spare/qwen-vl": {"input": 0.05, "output": 0.2},
}


class MoneyHouse:
    """`gateway` with the administrator `ada`; `engine.metrics` is what its first engine says."""

    def __init__(self, state_dir: Path, upstream: Upstream, engine: Upstream, platform: PlatformProcess) -> None:
        self.upstream, self.engine, self.platform = upstream, engine, platform
        self.tokens = 40_000
        self.say()
        self.board = FakeBoard(
            FakeEngine("chat", "chat", "demo-chat", engine.url, rss=2 * GIB, gpu_memory=21 * GIB, elapsed=74.0),
            FakeEngine("embedding", "embedding", "all-MiniLM-L6-v2", engine.url, rss=310 * 2**20, elapsed=3.2),
            FakeEngine(
                "whisper", "transcription", "whisper-tiny", "", state=EngineState.LOADING, phase="downloading",
                percent=41.0, elapsed=12.0,
            ),
            FakeEngine(
                "ocr", "ocr", "rapidocr", "", state=EngineState.FAILED, phase="failed", restarts=3,
                error="onnxruntime is not installed in the engines' environment",
            ),
        )  # fmt: skip
        settings: dict[str, Any] = {
            "ui_username": "ada",
            "ui_password": PASSWORD,
            "chutes_api_key": KEY,
            "chutes_api_url": platform.api,
            "chutes_base_url": platform.llm,
            "catalog": {"refresh": "off"},
            "providers": {
                "main": {"base_url": f"{upstream.url}/v1", "api_key": "sk-x", "models": ["mistral-small"]},
                "spare": {"base_url": upstream.url, "models": ["qwen-vl"]},
            },
            "models": {
                "gpt-4o-mini": {"targets": [
                    {"provider": "main", "model": "gpt-4o-mini", "price": 0.3},
                    {"provider": "spare", "model": "qwen-vl", "priority": 1, "price": 0.1},
                ]},
                "llama-3.3-70b": {"targets": [{"provider": "main", "model": "llama-3.3-70b"}]},
                "mistral-small": {"targets": [{"provider": "main", "model": "mistral-small"}]},
                "never-asked": {"targets": [{"provider": "main", "model": "gpt-4o-mini"}]},
            },
            "prices": PRICES,
        }  # fmt: skip
        self.gateway = RunningGateway(state_dir, self.board, **settings)
        with ThreadPoolExecutor(1) as aside:  # Playwright keeps a loop running in this thread
            aside.submit(asyncio.run, self._remember()).result()
        self._ends = threading.Event()
        self._working = threading.Thread(target=self._work, daemon=True)
        self._working.start()

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def asked(self) -> list[Received]:
        """What the providers were asked, but for what the gateway asks by itself."""
        return [one for one in self.upstream.requests if one.method == "POST"]

    def say(self, running: int = 3, waiting: int = 2) -> None:
        self.engine.metrics = (
            f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {waiting}\nvllm:kv_cache_usage_perc 0.37\n"
            f"vllm:prompt_tokens_total {self.tokens * 4}\nvllm:generation_tokens_total {self.tokens}\n"
        )

    def _work(self) -> None:
        """About a hundred tokens a second."""
        last = time.monotonic()
        while not self._ends.wait(0.2):
            now = time.monotonic()
            self.tokens += round((now - last) * (100 + 40 * (int(now / 3) % 3)))
            last = now
            self.say()

    async def _remember(self) -> None:
        """A week of it, and some of the week before, so that there is something to compare with."""
        store = await open_store(self.gateway.app.settings)
        rows = history()
        week = [
            msgspec.structs.replace(row, request_id=f"old-{n}", at=row.at - 7 * 86_400)
            for n, row in enumerate(rows)
            if n % 4
        ]
        await store.append([*week, *rows], [])
        await store.close()

    def log_in(self, page: Page) -> None:
        sign_in(page, self.url)

    def open(self, page: Page, screen: str) -> Page:
        page.goto(f"{self.url}/ui/{screen}")
        return page

    def stop(self) -> None:
        self._ends.set()
        self._working.join()
        self.gateway.stop()
