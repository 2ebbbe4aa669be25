"""W3C trace context: the trace of a request, and what upstreams are told of it. Used by `api` and `routing`.

Ids are made here, as upstreams must hear them before the spans exist: these are built from the finished usage row.
"""

import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(r"[\x20-\x7e]{1,512}")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """`parent_id` is the caller's span, empty where the trace begins here. `span_id` is the gateway's own, empty where
    it makes no spans and only passes on what the caller sent. Only a `sampled` trace is exported."""

    trace_id: str
    parent_id: str
    span_id: str
    sampled: bool
    state: str = ""

    def child(self) -> tuple[str, dict[str, str]]:
        """The span id of one attempt, and the headers that tell its upstream of it."""
        span_id = _span_id() if self.span_id else ""
        headers = {"traceparent": f"00-{self.trace_id}-{span_id or self.parent_id}-{self.sampled:02x}"}
        if self.state:
            headers["tracestate"] = self.state
        return span_id, headers


def begin_trace(headers: Mapping[str, str], share: float | None) -> Trace | None:
    """What the caller's headers say, else a new trace. `share` of the new ones is sampled; None: no spans are made
    here, and without a valid `traceparent` there is no trace."""
    given = _PARENT.fullmatch(headers.get("traceparent", ""))
    own = "" if share is None else _span_id()
    if given:
        state = headers.get("tracestate", "")
        sampled = bool(int(given[3], 16) & _SAMPLED)
        return Trace(given[1], given[2], own, sampled, state if _STATE.fullmatch(state) else "")
    if share is None:
        return None
    return Trace(os.urandom(16).hex(), "", own, random.random() < share)  # noqa: S311


def _span_id() -> str:
    return os.urandom(8).hex()
