"""A call from a thread, which may be left before its answer is there; and waiting for what comes of it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not check() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(check())


class GivenUp:
    """A request in a thread, which may be left before its answer is there."""

    def __init__(self, http: httpx.Client, path: str, **request: Any) -> None:
        self._http, self._path, self._request = http, path, request
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._began = threading.Event()
        self._answer: httpx.Response | None = None

    def __enter__(self) -> "GivenUp":
        self._thread.start()
        assert self._began.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    async def _run(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(self._ask())
        self._began.set()
        with contextlib.suppress(asyncio.CancelledError):
            self._answer = await self._task

    async def _ask(self) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._http.base_url, headers=self._http.headers, timeout=60) as client:
            return await client.post(self._path, **self._request)

    def leave(self) -> None:
        with contextlib.suppress(RuntimeError):  # the answer is there
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)

    def reply(self) -> httpx.Response:
        self._thread.join(60)
        assert self._answer is not None
        return self._answer
