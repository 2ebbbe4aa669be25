"""Documents of Chutes as they come, for the paths of document 004: cached by what was asked. Called by the API."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.catalog.client import JsonClient
from gateway.catalog.readers import mapping, rows
from gateway.catalog.shelf import Copy, Shelf
from gateway.catalog.sources.detail import chute_url
from gateway.errors import GatewayError, InvalidRequest, NotFound, UpstreamEndpointMissing, UpstreamModelMissing
from gateway.providers.exchange import join_url

HIT, MISS, STALE = "HIT", "MISS", "STALE"
_MISSING = (NotFound, UpstreamModelMissing, UpstreamEndpointMissing)
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Listing:
    """The parameters of `GET /chutes/`. `own`: as this account, which also sees what is private to it."""

    page: int = 0
    limit: int = 100
    template: str = ""
    name: str = ""
    include_public: bool = True
    include_schemas: bool = True
    own: bool = False

    @property
    def key(self) -> str:
        """As document 004 names it, with what it forgot; no two questions have the same. Made a safe file name by the
        shelf."""
        return (
            f"models_p{self.page}_l{self.limit}_t{_part(self.template)}_n{_part(self.name)}"
            f"_pub{str(self.include_public).lower()}_sch{str(self.include_schemas).lower()}"
            f"_own{str(self.own).lower()}"
        )

    @property
    def query(self) -> dict[str, object]:
        query: dict[str, object] = {
            "include_public": str(self.include_public).lower(),
            "include_schemas": str(self.include_schemas).lower(),
            "page": self.page,
            "limit": self.limit,
        }
        return query | {k: v for k, v in (("template", self.template), ("name", self.name)) if v}


@dataclass(frozen=True, slots=True)
class RawDocument:
    """`cache` is `HIT`, `MISS`, or `STALE` where the source failed and `reason` says why."""

    body: bytes
    """JSON."""
    cache: str
    age: float
    reason: str = ""


class RawDocuments:
    """Used on one event loop. Equal questions at a time are asked once, `_AT_ONCE` different ones at most.

    `shelf` is that of the sources. What callers ask for lies on `queries`, so that they cannot crowd out the sources.
    """

    def __init__(
        self, client: JsonClient, shelf: Shelf, queries: Shelf, *, api_url: str, llm_url: str, key: str, ttl: float
    ) -> None:
        self._client = client
        self._shelf = shelf
        self._queries = queries
        self._api_url = f"{api_url.rstrip('/')}/chutes/"
        self._llm_url = join_url(llm_url, "/v1/models")
        self._key = key
        self._ttl = ttl
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._asking: dict[str, asyncio.Task[Copy]] = {}

    @property
    def ttl(self) -> float:
        return self._ttl

    async def listing(self, listing: Listing) -> RawDocument:
        """Of `GET /chutes/`. Where it cannot be had, a page of the list that the catalog was made of."""
        if len(listing.name) > 256 or len(listing.template) > 256:
            raise InvalidRequest("'name' and 'template' take at most 256 characters.", param="name")
        key = self._key if listing.own else ""
        try:
            return await self._cached(self._queries, listing.key, self._api_url, listing.query, key)
        except GatewayError as error:
            copy = await self._shelf.get("chutes")
            if copy is None:
                raise
            age = copy.age(self._shelf.clock())
            return RawDocument(orjson.dumps(_page(copy.document, listing)), STALE, age, error.message)

    async def llm_models(self) -> RawDocument:
        return await self._cached(self._shelf, "v1_models_all", self._llm_url, {}, "")

    async def chute(self, chute_id: str, *, own: bool) -> RawDocument:
        """Raises NotFound."""
        url = chute_url(self._api_url.rstrip("/"), chute_id)
        try:
            name = f"chute_{chute_id}_own{str(own).lower()}"
            return await self._cached(self._queries, name, url, {}, self._key if own else "")
        except _MISSING:
            raise NotFound(f"There is no chute '{chute_id[:100]}'.", param="chute_id") from None

    async def _cached(self, shelf: Shelf, name: str, url: str, query: dict[str, object], key: str) -> RawDocument:
        copy = await shelf.get(name)
        now = shelf.clock()
        if copy and copy.fresh(now, self._ttl):
            return RawDocument(copy.body, HIT, copy.age(now))
        try:
            asked = await asyncio.shield(self._ask(shelf, name, url, query, key))
        except GatewayError as error:
            if copy is None or isinstance(error, _MISSING):
                raise
            return RawDocument(copy.body, STALE, copy.age(now), error.message)
        return RawDocument(asked.body, MISS, 0.0)

    def _ask(self, shelf: Shelf, name: str, url: str, query: dict[str, object], key: str) -> "asyncio.Task[Copy]":
        running = self._asking.get(name)
        if running is None:
            running = self._asking[name] = asyncio.create_task(self._fetch(shelf, name, url, query, key))
            running.add_done_callback(lambda _: self._asking.pop(name, None))
        return running

    async def _fetch(self, shelf: Shelf, name: str, url: str, query: dict[str, object], key: str) -> Copy:
        async with self._gate:
            return await shelf.put(name, await self._client.get(url, query, key=key))


def _part(text: str) -> str:
    """`null` where nothing was said. No text can be taken for it, or for the end of its part."""
    return "%null" if text == "null" else text.replace("%", "%25").replace("_", "%5f") or "null"


def _page(document: Any, listing: Listing) -> dict[str, Any]:
    """What `GET /chutes/` would have answered. Who is not this account sees no private chutes."""
    found = [
        item
        for item in map(mapping, rows(mapping(document).get("items")))
        if listing.name.lower() in str(item.get("name", "")).lower()
        and listing.template in ("", item.get("standard_template"))
        and (listing.own or item.get("public") is True)
    ]
    first = listing.page * listing.limit
    page = found[first : first + listing.limit]
    return {"items": page, "total": len(found), "page": listing.page, "limit": listing.limit, "cord_refs": {}}
