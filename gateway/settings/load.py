"""Joins defaults, `gateway.yaml`, the environment and command-line overrides, and remembers where each came from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from gateway.errors import ConfigError
from gateway.settings.document import Document, default_path, read_document
from gateway.settings.schema import Settings

_BLOCKS = ("audio", "cache", "catalog", "chute", "confidentiality", "jobs", "limits", "retention")
"""Blocks of the file whose fields have environment variables: `CHUTE_USERNAME`, `CACHE_ENABLED`, `LIMITS_RPM` …"""
_NESTED = frozenset({"providers", "models", "keys", "prices", "engine_config", "engine_fallbacks", *_BLOCKS})


@dataclass(frozen=True)
class LoadedSettings:
    """`origins` says for each given field: `gateway.yaml:7`, `environment` or `command line`; the rest are defaults.
    `notes` are things worth telling the operator once."""

    settings: Settings
    origins: Mapping[str, str]
    notes: tuple[str, ...] = ()


def load_settings(
    environ: Mapping[str, str] | None = None,
    config_path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    document: Document | None = None,
) -> LoadedSettings:
    """`document` stands in for the file. Raises ConfigError naming file, line and key (or the environment variable)."""
    environ = os.environ if environ is None else environ
    path = None if document else config_path or default_path(environ)
    is_written = bool(document or path)
    document = document or (read_document(path, environ) if path else Document(Path("gateway.yaml")))
    values, origins, notes = _from_file(document)
    for name in Settings.model_fields:
        if name not in _NESTED and (given := environ.get(name.upper())):
            values[name], origins[name] = given, "environment"
    for block in _BLOCKS:
        _block_from_environment(block, environ, values, origins)
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name], origins[name] = value, "command line"
    _settle_chutes_hosts(values, origins, notes)
    settings = _validate(values, origins, document)
    if is_written:
        settings._document = document
    return LoadedSettings(settings, origins, tuple(notes))


def _from_file(document: Document) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    values = {_snake(name): value for name, value in document.data.items()}
    if isinstance(values.get("engines"), dict):
        _split_engines(values, values.pop("engines"))
    origins = {_snake(name): f"{document.path.name}:{document.lines.get((name,), 1)}" for name in document.data}
    notes = [
        f"{document.place(('providers', name))}: performance.{field} wins over the provider's own {field}"
        for name, provider in (values.get("providers") or {}).items()
        if isinstance(provider, dict) and isinstance(performance := provider.get("performance"), dict)
        for field in ("timeout", "max_retries")
        if field in provider and field in performance
    ]
    return values, origins, notes


def _split_engines(values: dict[str, Any], engines: dict[str, Any]) -> None:
    """What the supervisor needs to know of each engine, and the fallbacks, which only routing needs."""
    values["engine_config"], values["engine_fallbacks"] = {}, {}
    for name, engine in engines.items():
        if isinstance(engine, dict) and "fallbacks" in engine:
            values["engine_fallbacks"][name] = engine["fallbacks"]
            engine = {key: value for key, value in engine.items() if key != "fallbacks"}
        values["engine_config"][name] = engine


def _snake(name: str) -> str:
    return next((field for field in Settings.model_fields if Settings.model_fields[field].alias == name), name)


def _block_from_environment(
    block: str, environ: Mapping[str, str], values: dict[str, Any], origins: dict[str, str]
) -> None:
    from_environment = {
        name: given
        for name in Settings.model_fields[block].annotation.model_fields  # type: ignore[union-attr]
        if (given := environ.get(f"{block}_{name}".upper()))
    }
    if from_environment:
        values[block] = {**(values.get(block) or {}), **from_environment}
        origins[block] = "environment"


def _settle_chutes_hosts(values: dict[str, Any], origins: dict[str, str], notes: list[str]) -> None:
    """Two published guides use CHUTES_BASE_URL for two hosts: a value whose host is `api.*` means the API host."""
    base = values.get("chutes_base_url")
    if isinstance(base, str) and (urlsplit(base).hostname or "").startswith("api."):
        notes.append(f"CHUTES_BASE_URL names the API host: used as CHUTES_API_URL ({base})")
        values.setdefault("chutes_api_url", values.pop("chutes_base_url"))
        origins["chutes_api_url"] = origins.pop("chutes_base_url")


def _validate(values: dict[str, Any], origins: Mapping[str, str], document: Document) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(_explain(problem, values, origins, document) for problem in error.errors())
        ) from None


def _explain(problem: Any, values: Any, origins: Mapping[str, str], document: Document) -> str:
    key = _written(problem["loc"], values)
    top = str(key[0]) if key else ""
    if problem["type"] == "extra_forbidden":
        message = "is not a known setting"
    else:
        message = str(problem["msg"]).removeprefix("Value error, ")
        shown = problem.get("input")
        if isinstance(shown, (str, int, float)) and not _secret(key):
            message += f" (got {shown!r})"
    origin = origins.get(top, "default")
    if origin in ("environment", "command line"):
        return f"{origin}: {'_'.join(str(part) for part in key).upper()}: {message}"
    if top in ("engine_config", "engine_fallbacks"):
        key = ("engines", *key[1:])
    return f"{document.place(key)}: {message}"


def _written(loc: tuple[str | int, ...], values: Any) -> tuple[str | int, ...]:
    """The key as it stands in the file: pydantic puts the union member it tried in between, people do not."""
    key: list[str | int] = []
    for n, part in enumerate(loc):
        inside = isinstance(values, dict) and part in values
        inside = inside or (isinstance(values, list) and isinstance(part, int) and part < len(values))
        if inside:
            values = values[part]
        if inside or (n == len(loc) - 1 and isinstance(values, dict)):
            key.append(part)
    return tuple(key)


def _secret(key: tuple[str | int, ...]) -> bool:
    return any("key" in str(part).lower() for part in key)
