"""Log lines for people (`pretty`) or machines (`json`). Never a prompt, a key, or a URL with its query."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from traceback import format_tb
from typing import Any

from gateway.errors import GatewayError, UpstreamError, UpstreamRefused

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}

_PLAIN_SPOKEN = (GatewayError, OSError, ImportError, NameError, AttributeError, TypeError, AssertionError, MemoryError)
_QUOTING = (UpstreamError, UpstreamRefused, UnicodeError)
_LEFT_OUT = "(left out: it may quote a request)"
_MOST_CAUSES = 10
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
"""Made once: it would take longer to make than to use."""


class _Formatter(logging.Formatter):
    def formatException(self, ei: Any) -> str:
        """Where it came from and of what class it is; its text only where no request can be quoted in it."""
        return "\n".join(_told(ei[1])) if ei[1] else ""


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": f"{_utc(int(record.created))}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encode(fields)


class _Pretty(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f"  {name}={value}" for name, value in _extra(record).items())
        line = _on_one_line(f"{_clock(int(record.created))} {record.levelname.lower():<7} {record.getMessage()}{extra}")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


@lru_cache(maxsize=2)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(maxsize=2)
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def _on_one_line(text: str) -> str:
    """Names that callers choose are in it: what would begin a line, colour it or turn it around stands escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN and value is not None}


def _told(error: BaseException) -> Iterator[str]:
    """The error that was raised last comes first, then what it came from."""
    causes: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in causes and len(causes) < _MOST_CAUSES:
        causes.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    for n, one in enumerate(causes):
        yield f"{'caused by ' if n else ''}{type(one).__module__}.{type(one).__qualname__}: {_text(one)}"
        yield "".join(format_tb(one.__traceback__)).rstrip()
        for part in getattr(one, "exceptions", ()):
            yield f"one of them: {type(part).__qualname__}: {_text(part)}"


def _text(error: BaseException) -> str:
    quotes = isinstance(error, _QUOTING) or not isinstance(error, _PLAIN_SPOKEN)
    return _LEFT_OUT if quotes and error.args else str(error)


def configure(level: str, form: str) -> None:
    """Send the gateway's own records to stderr; other libraries only from WARNING on. Replaces earlier handlers."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Pretty())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    for name in ("gateway", "chute_models"):
        logging.getLogger(name).setLevel(level.upper())
