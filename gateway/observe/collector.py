"""Where traces go, as the OpenTelemetry variables say it. Read by the back office, and by `check-config`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gateway.errors import ConfigError

_ENDPOINT, _HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"
_EXPORTING = "OTEL_EXPORTER_OTLP_"
_READ = frozenset({_ENDPOINT, _HEADERS, "OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER_ARG"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Collector:
    """`url` is the collector's, without `/v1/traces`; `headers` may hold a key."""

    url: str
    service: str = "chute-gateway"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_collector(url: str, headers: str, service: str) -> Collector:
    """Raises ConfigError for an address or headers that nothing could be sent with."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not _VALUE.fullmatch(url) or " " in url:
        raise ConfigError(f"{_ENDPOINT}: is no address such as http://localhost:4318")
    return Collector(url, service, _headers(headers))


def ignored(names: Iterable[str], is_on: bool) -> str:
    """What to tell operators of OpenTelemetry's variables that have no effect; empty where there are none."""
    given = [name for name in sorted(names) if name.startswith("OTEL_")]
    if is_on:
        found, reason = [name for name in given if name not in _READ], "the gateway does not read them"
    else:
        found, reason = [name for name in given if name.startswith(_EXPORTING)], f"traces are off without {_ENDPOINT}"
    return f"these have no effect: {', '.join(found)} ({reason})" if found else ""


def _headers(text: str) -> dict[str, str]:
    """Of `name=value` pairs with commas. What is wrong is named by its place, as a value may be a key."""
    found = {}
    for number, pair in enumerate(text.split(","), 1):
        name, _, value = (part.strip() for part in pair.partition("="))
        value = unquote(value)
        if _NAME.fullmatch(name) and _VALUE.fullmatch(value):
            found[name.lower()] = value
        elif pair.strip():
            raise ConfigError(
                f"{_HEADERS}: header {number} is no name=value in ASCII: write a space as %20 and a comma as %2C"
            )
    return found
