"""Chutes as far as confidentiality goes: a management API, the shared host and a chute's own host, all on loopback, and
what each says of trusted execution environments."""

from typing import Any

from tests.fakes.http_server import Exchange, HttpServer
from tests.fakes.upstream import Upstream

IDS = {name: f"00000000-0000-4000-8000-00000000000{n}" for n, name in enumerate(("inside", "outside", "vectors"))}


class SharedHost(Upstream):
    """`confidential`: what its list says of each of its models; None: nothing."""

    def __init__(self) -> None:
        self.confidential: dict[str, bool | None] = {}
        super().__init__()

    async def _answer(self, exchange: Exchange) -> None:
        if exchange.request.path != "/v1/models":
            await super()._answer(exchange)
            return
        rows: list[dict[str, Any]] = [{"id": name, "chute_id": IDS.get(name)} for name in self.confidential]
        for row in rows:
            if (said := self.confidential[row["id"]]) is not None:
                row["confidential_compute"] = said
        exchange.send_json(200, {"object": "list", "data": rows})

    @property
    def calls(self) -> list[str]:
        """The models that were asked for an answer."""
        return [request.json["model"] for request in self.requests if request.method == "POST"]


class FakeChutes:
    """`tee`: what the management API says of each chute; None: nothing. `sold_out`: it answers nobody."""

    def __init__(self) -> None:
        self.llm, self.own = SharedHost(), Upstream()
        self.tee: dict[str, bool | None] = {}
        self.sold_out = False
        self.api = HttpServer(self._answer)
        for server in (self.llm.server, self.own.server, self.api):
            server.start()

    def close(self) -> None:
        for server in (self.llm.server, self.own.server, self.api):
            server.stop()

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.request.path
        chutes = [self._chute(name) for name in self.tee]
        one = next((c for c in chutes if path.removeprefix("/chutes/") in (c["name"], c["chute_id"])), None)
        if self.sold_out:
            exchange.send_json(503, {"detail": "down"})
        elif path == "/chutes/":
            exchange.send_json(200, {"total": len(chutes), "page": 0, "limit": 100, "items": chutes, "cord_refs": {}})
        elif one is not None:
            exchange.send_json(200, one)
        else:
            exchange.send_json(404, {"detail": "No matching chute found!"})

    def _chute(self, name: str) -> dict[str, Any]:
        said = {} if self.tee[name] is None else {"tee": self.tee[name]}
        host = {"slug": f"chutes-{name}", "dev_platform_url": self.own.url}
        return {"chute_id": IDS[name], "name": name, "public": True, **host, **said}
