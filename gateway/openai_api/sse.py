"""Server-sent events: cutting an upstream's bytes into whole events, and the few events we make ourselves.

Called by the adapters for every stream, so the common case (one `\\n`-ended event per chunk) is a compare and a slice.
"""

import codecs

from gateway.errors import UpstreamBadResponse

DONE = b"data: [DONE]\n\n"
_END = b"\n\n"


class EventSplitter:
    """Events come out with `\\n` line ends, ended by one blank line, however the bytes were cut on the way.

    `limit` bounds one event in bytes; past it `feed` raises `UpstreamBadResponse`. Comments are events too.
    """

    __slots__ = ("_after_cr", "_between", "_first", "_limit", "_rest", "_scanned")

    def __init__(self, limit: int = 8 * 2**20) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._scanned = 0
        self._after_cr = False
        self._first = True
        self._between = False
        """What comes next begins an event, and not the first."""

    @property
    def rest(self) -> bytes:
        """What has come of an event that is not complete yet."""
        return bytes(self._rest)

    def one_plain(self, chunk: bytes) -> bytes | None:
        """The data of a chunk that is one event of the common form, as nearly all are; such a chunk need not be fed."""
        if self._between and chunk.endswith(_END) and b"\r" not in chunk and len(chunk) <= self._limit:
            return plain_data(chunk)
        return None

    def feed(self, chunk: bytes) -> list[bytes]:
        if self._between and self._holds_events(chunk):
            return [chunk] if chunk.find(_END) == len(chunk) - 2 else [one + _END for one in chunk[:-2].split(_END)]
        if self._after_cr or b"\r" in chunk:
            chunk = self._normalise(chunk)
        events = self._split(chunk)
        self._between = not (self._rest or self._after_cr or self._first)
        return events

    def _holds_events(self, chunk: bytes) -> bool:
        """Whole ones in the usual form, and nothing else."""
        whole = len(chunk) <= self._limit and chunk.endswith(_END) and not chunk.startswith(b"\n")
        return whole and b"\r" not in chunk and b"\n\n\n" not in chunk

    def _normalise(self, chunk: bytes) -> bytes:
        """All three line ends to `\\n`; the `\\n` of a `\\r\\n` that was cut in two is dropped."""
        if not chunk:
            return chunk
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _split(self, chunk: bytes) -> list[bytes]:
        rest = self._rest
        rest += chunk
        events = []
        start = 0
        while (end := rest.find(_END, max(start, self._scanned))) >= 0:
            if end - start + 2 > self._limit:
                raise self._too_big()
            if event := self._clean(bytes(rest[start:end])):
                events.append(event + _END)
            start = self._scanned = end + 2
        del rest[:start]
        self._scanned = max(len(rest) - 1, 0)
        if len(rest) > self._limit:
            raise self._too_big()
        return events

    def _clean(self, event: bytes) -> bytes:
        if self._first:
            self._first = False
            event = event.removeprefix(codecs.BOM_UTF8)
        return event.lstrip(b"\n")

    def _too_big(self) -> UpstreamBadResponse:
        return UpstreamBadResponse(f"The provider sent an event of more than {self._limit} bytes.")


def plain_data(event: bytes) -> bytes | None:
    """The data of an event of the common form: one line with a JSON object and nothing else. None for all others."""
    if event.startswith(b"data: {") and event.find(b"\n") == len(event) - 2:
        return event[6:-2]
    return None


def data_of(event: bytes) -> bytes | None:
    """The event's data, several `data:` lines joined by `\\n`; None for comments and events without data."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:") or line == b"data"]
    return b"\n".join(lines) if lines else None


def is_done(event: bytes) -> bool:
    return event == DONE or (b"[DONE]" in event[:32] and (data_of(event) or b"").strip() == b"[DONE]")


def event(data: bytes) -> bytes:
    """One event; `data` must hold no line end (JSON as our encoders write it never does)."""
    return b"data: " + data + _END


def comment(text: str) -> bytes:
    """A line that clients skip: keeps the connection open and tells people with curl what goes on."""
    return b": " + " ".join(text.split()).encode() + _END
