"""A real upstream on a loopback port, well-behaved until told otherwise.

    upstream = Upstream.start()          # or the pytest fixture `upstream` (tests/fakes/fixtures.py)
    upstream.url                         # "http://127.0.0.1:PORT": base URL with or without /v1
    upstream.requests                    # every request: .method .path .headers .body .json .key .at
    upstream.faults["gpt-x"] = "429:2"   # every request for that model; upstream.faults["*"] for all
    upstream.script += ["500", "", "cut:3"]   # or one entry per request in order, "" = behave (before `faults`)
    upstream.canned["/v1/rerank"] = [{"index": 0, "score": 0.5}]   # or bytes with a type: (b"...", "audio/wav")
    upstream.open_streams, upstream.disconnects   # streams under way; monotonic times at which clients left
    release = upstream.hold(); upstream.script += ["held"]; ...; release()   # answered only then
    upstream.reset(); upstream.close()

A model named `fault:429:2` brings its fault itself. Faults (N counts stream events, S seconds; see faults.py):
    429[:S] 400 401 402 403 404 422 500 502 503[:S] 504 (HTML page) context filter untimed unused renamed
    thoughtless echo-auth text
    reset hang held empty html shape garbage redirect gzip cookie json-for-stream sse-for-json extra-keys error-in-200
    late:S  cut:N stall:N held:N reset:N garbage:N error:N big:N  (streams)   nodone nofinish silent slow:S unsolicited
    untold
Speaks /v1/chat/completions, /completions, /embeddings, /audio/*, /images, /rerank, /moderations, /models (pages of
`page_size`), and of Chutes /transcribe (`whisper_shape`: array, string, text, transcription), /ocr, /users/me; of our
engines /v1/ocr, /health and /metrics (what `metrics` says; gateways ask all the time, so `metrics_asked` counts that,
not `requests`).
With `hears` it transcribes what `hearing.speech` says. Recordings, and what is `held`, are answered once `gate()` is
true; of a stream that is `held:N` N events come before.
`valid_keys` (None = any) answers 401 to others, `text` and `tokens` set what it says, `models` what it lists.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes import answers
from tests.fakes.faults import misbehave
from tests.fakes.http_server import Exchange, HttpServer, Received


class Upstream:
    def __init__(self) -> None:
        self.server = HttpServer(self._answer, lambda request: self._path(request) != "/metrics")
        self.prefix = ""
        self.reset()

    @classmethod
    def start(cls) -> "Upstream":
        upstream = cls()
        upstream.server.start()
        return upstream

    def reset(self) -> None:
        """Forget requests, faults and settings, and what is under way; the address stays."""
        self.faults: dict[str, str] = {}
        self.script: list[str] = []
        self.canned: dict[str, Any] = {}
        self.text = "Hello from the upstream."
        self.tokens: int | None = None
        self.models = ["gpt-x", "text-embed", "whisper-1"]
        self.page_size: int | None = None
        self.whisper_shape = "array"
        self.hears = False
        self.gate: Callable[[], bool] = lambda: True
        self.valid_keys: set[str] | None = None
        self.metrics = ""
        self.metrics_asked = 0
        self._streams: set[object] = set()
        self.server.forget()

    def close(self) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def open_streams(self) -> int:
        """Streams under way."""
        return len(self._streams)

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Counts one stream for as long as it is under way."""
        streams, one = self._streams, object()
        streams.add(one)
        try:
            yield
        finally:
            streams.discard(one)

    def hold(self) -> Callable[[], None]:
        """What is `held` waits until the function is called that this returns."""
        released = threading.Event()
        self.gate = released.is_set
        return released.set

    async def opened(self, exchange: Exchange) -> None:
        """Returns once the gate is open, or whoever asked is gone."""
        while not self.gate() and not exchange.gone:
            await asyncio.sleep(0.005)

    @property
    def requests(self) -> list[Received]:
        return self.server.requests

    @property
    def disconnects(self) -> list[float]:
        return self.server.disconnects

    @property
    def last(self) -> Received:
        return self.server.requests[-1]

    def wait_disconnect(self, seconds: float = 20.0) -> bool:
        """True once a client has left before its answer was complete: what takes a moment, and less than the timeouts
        that would make a gateway leave. Blocks: call it in a thread from async tests."""
        until = time.monotonic() + seconds
        while not self.disconnects and time.monotonic() < until:
            time.sleep(0.005)
        return bool(self.disconnects)

    async def _answer(self, exchange: Exchange) -> None:
        request = exchange.request
        path = self._path(request)
        if path == "/health":
            exchange.send(200, b"")
        elif path == "/metrics":
            self.metrics_asked += 1
            exchange.send(200, self.metrics.encode(), "text/plain")
        elif path != "/v1/models" and self.valid_keys is not None and request.key not in self.valid_keys:
            exchange.send_json(401, {"error": "Invalid API key"})
        elif path.endswith("/completions") and not answers.model_of(request):
            exchange.send_json(400, {"error": {"message": "you must provide a model parameter", "param": "model"}})
        elif (fault := self._fault(request)) and await misbehave(self, exchange, fault):
            return
        elif (canned := self.canned.get(path)) is not None:
            _send_canned(exchange, canned)
        elif (answer := answers.BY_PATH.get(path)) is None:
            exchange.send_json(404, {"detail": "Not Found"})
        else:
            try:
                await answer(self, exchange)
            except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                exchange.send_json(400, {"error": {"message": f"malformed: {type(error).__name__}"}})

    def _path(self, request: Received) -> str:
        return request.path.removeprefix(self.prefix)

    def _fault(self, request: Received) -> str:
        model = answers.model_of(request)
        if request.method == "POST" and self.script:
            return self.script.pop(0)
        if model.startswith("fault:"):
            return model.removeprefix("fault:")
        return self.faults.get(model) or self.faults.get("*", "")


def _send_canned(exchange: Exchange, canned: Any) -> None:
    if isinstance(canned, tuple):
        exchange.send(200, *canned)
    else:
        exchange.send_json(200, canned)
