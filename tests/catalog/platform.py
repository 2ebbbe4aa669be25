"""Chutes' two data hosts on one loopback port, for the catalog's sources; and how to misbehave.

platform.chutes, platform.models ...   what it serves
platform.faults["/chutes/"] = "500"    one of FAULTS by path, "*" for all
"""

import asyncio
from typing import Any

from tests.catalog.documents import CHUTES, CORD_REFS, LISTED, PRICING, STATISTICS, UTILIZATION
from tests.fakes.http_server import Exchange, HttpServer

FAULTS = ("500", "html", "garbage", "utf8", "huge", "cut", "redirect", "shape", "slow")


class FakePlatform:
    def __init__(self) -> None:
        self.server = HttpServer(self._answer)
        self.reset()
        self.server.start()

    def reset(self) -> None:
        self.chutes: list[Any] = list(CHUTES)
        self.refs: dict[str, Any] = dict(CORD_REFS)
        self.models: list[Any] = list(LISTED)
        self.utilization: Any = list(UTILIZATION)
        self.statistics: Any = list(STATISTICS)
        self.pricing: Any = dict(PRICING)
        self.faults: dict[str, str] = {}
        self.total: int | None = None
        """What the list claims as its length; None: the truth."""
        self.page_limit = 100
        """Items that a page holds at most, whatever is asked for."""
        self.ignores_page = False
        self.server.requests.clear()

    def close(self) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        return self.server.url

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.server.requests)

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.request.path
        fault = self.faults.get(path) or self.faults.get("*", "")
        if fault:
            await _misbehave(exchange, fault)
        elif path == "/chutes/":
            exchange.send_json(200, self._page(exchange))
        elif path == "/v1/models":
            exchange.send_json(200, {"object": "list", "data": self.models})
        elif path == "/chutes/utilization":
            exchange.send_json(200, self.utilization)
        elif path == "/invocations/stats/llm":
            exchange.send_json(200, self.statistics)
        elif path == "/pricing":
            exchange.send_json(200, self.pricing)
        elif found := [one for one in self.chutes if path == f"/chutes/{one['chute_id']}"]:
            exchange.send_json(200, {**found[0], "cords": [{"public_api_path": "/speak"}]})
        else:
            exchange.send_json(404, {"detail": "chute not found"})

    def _page(self, exchange: Exchange) -> dict[str, Any]:
        query = dict(pair.split("=", 1) for pair in exchange.request.query.split("&"))
        page, limit = int(query["page"]), min(int(query["limit"]), self.page_limit)
        seen = [one for one in self.chutes if exchange.request.key or not isinstance(one, dict) or one.get("public")]
        first = 0 if self.ignores_page else page * limit
        return {
            "total": len(seen) if self.total is None else self.total,
            "page": page,
            "limit": limit,
            "items": seen[first : first + limit],
            "cord_refs": self.refs,
        }


async def _misbehave(exchange: Exchange, fault: str) -> None:
    if fault == "500":
        exchange.send_json(500, {"detail": "it broke"})
    elif fault == "html":
        exchange.send(200, b"<html>Bad gateway</html>", "text/html")
    elif fault == "garbage":
        exchange.send(200, b'{"items": [')
    elif fault == "utf8":
        exchange.send(200, b'{"items": ["\xff\xfe"]}')
    elif fault == "huge":
        exchange.begin("application/json")
        while not exchange.gone:
            exchange.chunk(b" " * 2**20)
            await asyncio.sleep(0)
    elif fault == "cut":
        exchange.head(200, {"content-type": "application/json", "content-length": "1000"})
        exchange.write(b'{"items": []')
        exchange.close()
    elif fault == "redirect":
        exchange.head(302, {"location": "http://127.0.0.1:9/", "content-length": "0"})
    elif fault == "shape":
        exchange.send_json(200, "a string")
    elif fault == "slow":
        await asyncio.sleep(30)
