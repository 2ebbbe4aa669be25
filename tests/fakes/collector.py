"""A trace collector on loopback: takes OTLP over HTTP as JSON, or refuses it as told.

collector = Collector.start()
collector.answers += [503, 200]    # one entry a batch; 200 once they are used up
collector.spans()                  # all spans of the batches it took, attributes as a plain dict
"""

import time
from typing import Any

from tests.fakes.http_server import Exchange, HttpServer, Received


class Collector:
    def __init__(self) -> None:
        self.server = HttpServer(self._answer)
        self.answers: list[int] = []
        self.taken: list[Received] = []
        self.partial: dict[str, Any] = {}

    @classmethod
    def start(cls) -> "Collector":
        collector = cls()
        collector.server.start()
        return collector

    @property
    def url(self) -> str:
        return self.server.url

    def spans(self) -> list[dict[str, Any]]:
        found = []
        for request in self.taken:
            for resource in request.json["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    found += [{**span, "attributes": _plain(span["attributes"])} for span in scope["spans"]]
        return found

    def wait(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The spans, once there are so many."""
        until = time.monotonic() + seconds
        while len(self.spans()) < count and time.monotonic() < until:
            time.sleep(0.01)
        return self.spans()

    async def _answer(self, exchange: Exchange) -> None:
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.taken.append(exchange.request)
        exchange.send_json(status, {"partialSuccess": self.partial} if self.partial else {})


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in attributes}


def _value(value: dict[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    return int(plain) if kind == "intValue" else plain
