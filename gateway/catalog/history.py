"""The time machine: versions of the catalog as `STATE_DIR/catalog/history/{milliseconds}.json.gz`, bounded by number
and age. All calls block on files: the refresher and the API make them in threads."""

import contextlib
import gzip
import re
import threading
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.catalog.changes import FIELD_KINDS, ChangeKind, Tracked, changes
from gateway.catalog.files import read_bytes, write_bytes
from gateway.errors import InvalidRequest, NotFound

_DAY = 86_400_000
_ENDING = ".json.gz"
_MAX_VERSION = 64 * 2**20
_UNENCODED_PLUS = re.compile(r"^(\S+[T ]\S+) (\d\d:?\d\d)$")
"""In the query of an address a plus means a space: behind a time only the plus of its zone can be meant."""
_SERIES_FIELDS = tuple(field for field, kind in FIELD_KINDS.items() if kind is not ChangeKind.HOT)


class History:
    """`folder` None remembers nothing. `most` versions, none older than `days`."""

    def __init__(self, folder: Path | None, days: float = 90, most: int = 200) -> None:
        self._folder = folder
        self._days = days
        self._most = most
        self._lock = threading.Lock()
        self._latest: Mapping[str, Tracked] | None = None

    def versions(self) -> list[int]:
        """Times in milliseconds since 1970, oldest first."""
        if self._folder is None or not self._folder.is_dir():
            return []
        names = (path.name.removesuffix(_ENDING) for path in self._folder.glob(f"*{_ENDING}"))
        return sorted(int(name) for name in names if name.isdecimal())

    def keep(self, at: int, models: Mapping[str, Tracked]) -> bool:
        """Writes a version where something but hot and cold differs from the last. Raises OSError."""
        if self._folder is None:
            return False
        with self._lock:
            latest = self._last()
            if latest is not None and all(one.kind is ChangeKind.HOT for one in changes(latest, models)):
                return False
            body = gzip.compress(orjson.dumps({"at": at, "models": models}), 6, mtime=0)
            write_bytes(self._folder / f"{at}{_ENDING}", body)
            self._latest = models
            self._forget(at)
        return True

    def load(self, at: int) -> Mapping[str, Tracked]:
        """Raises NotFound for a version that is not there or cannot be read."""
        body = read_bytes(self._folder / f"{at}{_ENDING}") if self._folder else None
        content = _content(body) if body else None
        if content is None:
            raise NotFound(f"There is no version {at} of the catalog.", param="from")
        return content

    def version_at(self, wanted: str, param: str = "from") -> int:
        """The version that was valid at a time: milliseconds, or ISO 8601. Raises InvalidRequest, naming `param`, and
        NotFound."""
        at, known = _moment(wanted, param), self.versions()
        if not known:
            raise NotFound("The catalog has no versions yet.")
        return max((version for version in known if version <= at), default=known[0])

    def series(self, model: str) -> list[dict[str, Any]]:
        """When prices, lengths, quantization and features of a model changed, and to what, oldest first."""
        found: list[dict[str, Any]] = []
        last: dict[str, Any] | None = None
        for at in self.versions():
            with contextlib.suppress(NotFound):
                values = self.load(at).get(model)
                told = {f: values[f] for f in _SERIES_FIELDS if f in values} if values is not None else None
                if told != last:
                    found.append({"at": at, "present": told is not None, **(told or {})})
                    last = told
        return found

    def _last(self) -> Mapping[str, Tracked] | None:
        if self._latest is None and (known := self.versions()):
            with contextlib.suppress(NotFound):
                self._latest = self.load(known[-1])
        return self._latest

    def _forget(self, now: int) -> None:
        assert self._folder is not None
        known = self.versions()
        oldest = now - self._days * _DAY
        for at in known[:-1]:
            if at < oldest or len(known) > self._most:
                known = [one for one in known if one != at]
                (self._folder / f"{at}{_ENDING}").unlink(missing_ok=True)


def _content(body: bytes) -> Mapping[str, Tracked] | None:
    """A file of ours, or None: unpacked only up to a bound."""
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, _MAX_VERSION)
        content = orjson.loads(unpacked)
    except (zlib.error, orjson.JSONDecodeError):
        return None
    models = content.get("models") if isinstance(content, dict) else None
    return models if isinstance(models, dict) else None


def _moment(text: str, param: str) -> int:
    if text.isdecimal() and len(text) <= 15:
        return int(text)
    try:
        moment = datetime.fromisoformat(_UNENCODED_PLUS.sub(r"\1+\2", text))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except ValueError:
        raise InvalidRequest(
            f"'{text[:40]}' is no time: give milliseconds since 1970 or ISO 8601, such as 2026-11-21T08:00:00Z.",
            param=param,
        ) from None
