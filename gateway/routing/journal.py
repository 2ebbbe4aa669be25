"""The attempts of recent requests, so that a request id finds what was tried. In memory, bounded."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from gateway.routing.types import Attempt, Target

MAX_REQUESTS = 2_000


class Entry(msgspec.Struct):
    """`caller` is the id of the key, as names are not unique: its owner and the master key may read the entry."""

    request_id: str
    caller: str
    model: str
    at: float
    """`time.time()` when the request was answered or failed."""
    attempts: Sequence[Attempt]
    refused: Sequence[tuple[Target, str]] = ()
    """Targets that the request's rule forbade, with the reason."""


class Journal:
    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def record(self, entry: Entry) -> None:
        self._entries[entry.request_id] = entry
        if len(self._entries) > MAX_REQUESTS:
            self._entries.popitem(last=False)

    def find(self, request_id: str) -> Entry | None:
        return self._entries.get(request_id)
