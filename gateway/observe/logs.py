"""Log lines for people (`pretty`) or machines (`json`). Never a prompt, a key, or a URL with its query."""

import asyncio
import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from traceback import format_tb
from typing import Any

import orjson

from gateway.errors import GatewayError, UpstreamError, UpstreamRefused

_PLAIN = len(vars(logging.makeLogRecord({})))
"""Attributes that every record has; what it was given with `extra` stands behind them."""
_PUT_THERE = frozenset({"message", "asctime", "color_message"})
"""By formatters of others."""

_PLAIN_SPOKEN = (GatewayError, OSError, ImportError, NameError, AttributeError, TypeError, AssertionError, MemoryError)
_QUOTING = (UpstreamError, UpstreamRefused, UnicodeError)
_LEFT_OUT = "(left out: it may quote a request)"
_MOST_CAUSES = 10


def as_json(at: float, level: str, logger: str, message: str, fields: Mapping[str, Any], exception: str = "") -> str:
    """`at` is the epoch second. Fields that are None are left out."""
    line = {
        "time": f"{_utc(int(at))}.{int(at % 1 * 1000):03d}Z",
        "level": level,
        "logger": logger,
        "message": message,
        **{name: value for name, value in fields.items() if value is not None},
    }
    if exception:
        line["exception"] = exception
    try:
        return orjson.dumps(line, default=str).decode()
    except orjson.JSONEncodeError:  # half a character in a name
        return json.dumps(line, default=str)


def as_text(at: float, level: str, logger: str, message: str, fields: Mapping[str, Any], exception: str = "") -> str:
    """The same for people, with a line for each place an exception came through."""
    known = "".join([f"  {name}={value}" for name, value in fields.items() if value is not None])
    line = _on_one_line(f"{_clock(int(at))} {level:<7} {message}{known}")
    return f"{line}\n{exception}" if exception else line


class _Output:
    """Lines of one round of the event loop go out in one write; what is urgent, or said by a thread, at once with all
    that waits. A log that nobody takes any more stops nothing."""

    def __init__(self) -> None:
        self.form = as_text
        self._lines: deque[str] = deque()
        self._due: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def put(self, line: str, *, urgent: bool = False) -> None:
        self._lines.append(line)
        loop = None if urgent else asyncio._get_running_loop()
        if loop is None:
            self.flush()
        elif loop is not self._due:
            self._due = loop
            loop.call_soon(self.flush)

    def flush(self) -> None:
        self._due = None
        with self._lock, suppress(OSError, ValueError):  # the latter where it was closed
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                sys.stderr.write("\n".join(lines) + "\n")
                sys.stderr.flush()


_output = _Output()


def tell(log: logging.Logger, message: str, fields: Mapping[str, Any]) -> None:
    """`log.info(message, extra=fields)` for what is said of every request, in a third of the time: without a record,
    unless somebody else listens at the root too. Whether the logger is enabled for it the caller has looked."""
    if _root.handlers == _HANDLERS:
        _output.put(_output.form(time.time(), "info", log.name, message, fields))
    else:
        log.info(message, extra=dict(fields))


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = record.exc_info[1] if record.exc_info else None
            exception = "\n".join(_told(error)) if error else ""
            facts = record.created, record.levelname.lower(), record.name, record.getMessage(), _extra(record)
            _output.put(_output.form(*facts, exception), urgent=record.levelno >= logging.WARNING)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Called at exit."""
        _output.flush()


_root = logging.getLogger()
_HANDLERS = [_Handler()]


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
    fields = islice(vars(record).items(), _PLAIN, None)
    return {name: value for name, value in fields if name not in _PUT_THERE}


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
    _output.form = as_json if form == "json" else as_text
    _root.handlers[:] = _HANDLERS
    _root.setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    for name in ("gateway", "chute_models"):
        logging.getLogger(name).setLevel(level.upper())
