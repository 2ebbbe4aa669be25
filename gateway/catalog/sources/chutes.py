"""`GET /chutes/` of the management API: every chute that this account may see, or every public one without a key."""

from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts
from gateway.catalog.fields import CHUTES_LIST
from gateway.catalog.readers import mapping, rows, whole
from gateway.catalog.sources.chute_rows import read_chutes
from gateway.errors import UpstreamBadResponse

PAGE = 100
MAX_PAGES = 500


class ChutesList:
    """All pages as one document. What the list says of its own length is not believed: see `fetch`."""

    name = CHUTES_LIST
    gateway = CHUTES
    file = "chutes"
    timeout = 90.0

    def __init__(self, api_url: str, key: str = "", ttl: float = 600.0) -> None:
        self._url = f"{api_url.rstrip('/')}/chutes/"
        self._key = key
        self.ttl = ttl

    async def fetch(self, client: JsonClient) -> Any:
        """Goes on while pages bring something new and the total is not reached, or the page was full."""
        found: dict[str, Any] = {}
        refs: dict[str, Any] = {}
        for page in range(MAX_PAGES):
            document = await client.get(self._url, self._query(page), key=self._key)
            if not isinstance(document, dict) or not isinstance(document.get("items"), list):
                raise UpstreamBadResponse("The list of chutes has no 'items'.")
            items = document["items"]
            before = len(found)
            for n, item in enumerate(items):
                found.setdefault(_identity(item) or f"row {page}.{n}", item)
            refs |= mapping(document.get("cord_refs"))
            if len(found) == before or (len(found) >= (whole(document.get("total")) or 0) and len(items) < PAGE):
                break
        return {"total": len(found), "items": list(found.values()), "cord_refs": refs}

    def read(self, document: Any, at: int) -> Facts:
        listed = mapping(document)
        return read_chutes(
            self.name, rows(listed.get("items")), at, mapping(listed.get("cord_refs")), api_url=self._url
        )

    def _query(self, page: int) -> dict[str, object]:
        return {"include_public": "true", "include_schemas": "false", "page": page, "limit": PAGE}


def _identity(item: object) -> str:
    found = mapping(item).get("chute_id") or mapping(item).get("id")
    return found if isinstance(found, str) else ""
