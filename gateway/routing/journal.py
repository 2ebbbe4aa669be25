"""Whom the rules of recent requests left out, and why, so that a request id finds it. In memory, bounded. What was
tried is in the rows of usage."""

from collections import OrderedDict
from collections.abc import Sequence

from gateway.routing.types import Target

MAX_REQUESTS = 2_000

Refused = Sequence[tuple[Target, str]]
"""Targets with the reasons."""


class Journal:
    def __init__(self) -> None:
        self._entries: OrderedDict[str, Refused] = OrderedDict()

    def record(self, request_id: str, refused: Refused) -> None:
        self._entries[request_id] = refused
        if len(self._entries) > MAX_REQUESTS:
            self._entries.popitem(last=False)

    def find(self, request_id: str) -> Refused:
        return self._entries.get(request_id, ())
