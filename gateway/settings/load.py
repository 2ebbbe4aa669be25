"""Joins defaults, `gateway.yaml`, the environment and command-line overrides, and remembers where each came from."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gateway.errors import ConfigError
from gateway.settings.document import Document, default_path, read_document
from gateway.settings.schema import Settings

_BLOCKS = ("audio", "batches", "cache", "catalog", "chute", "confidentiality", "jobs", "limits", "retention")
"""Blocks of the file whose fields have environment variables: `CHUTE_USERNAME`, `CACHE_ENABLED`, `LIMITS_RPM` …"""
_NESTED = frozenset({"providers", "models", "keys", "prices", "engine_config", "engine_fallbacks", *_BLOCKS})
_SECTIONS = _NESTED | {"engines"}
"""Without anything under them, as where all of it is a comment, they are as good as left out."""
_OF_MAPPINGS = frozenset({"providers", "models"})
"""A name without anything under it stands for the defaults."""
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be a mapping, of lines `name: value`"),
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list"),
}
_OF_A_NAME = "[key]"
"""Behind a name that is refused itself, in the places that pydantic tells."""
_SECRETS = re.compile("key|secret|password|token$|header|proxy$|(database|redis)_?url$")


@dataclass(frozen=True)
class LoadedSettings:
    """`origins` says for each given field: `gateway.yaml:7`, `environment` or `command line`; the rest are defaults. Of
    a block it names all, as in `gateway.yaml:7, environment`, and for `block.field` what the environment says.
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
    values: dict[str, Any] = {}
    for name, value in document.data.items():
        if _snake(name) in values:
            raise ConfigError(f"{document.place((name,))}: is given twice")
        values[_snake(name)] = value
    values = {name: value for name, value in values.items() if value is not None or name not in _SECTIONS}
    for name in _OF_MAPPINGS:
        if entries := _mapping(values, name):
            values[name] = {key: {} if entry is None else entry for key, entry in entries.items()}
    if isinstance(values.get("engines"), dict):
        _split_engines(values, values.pop("engines"))
    origins = {_snake(name): f"{document.path.name}:{document.lines.get((name,), 1)}" for name in document.data}
    notes = [
        f"{document.place(('providers', name))}: performance.{field} wins over the provider's own {field}"
        for name, provider in _mapping(values, "providers").items()
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
    return _field(name, Settings.model_fields)


def _block_from_environment(
    block: str, environ: Mapping[str, str], values: dict[str, Any], origins: dict[str, str]
) -> None:
    """In `origins` a field of it is `cache.enabled`, and the block has all places that say something of it."""
    fields: Mapping[str, FieldInfo] = Settings.model_fields[block].annotation.model_fields  # type: ignore[union-attr]
    given = {name: value for name in fields if (value := environ.get(f"{block}_{name}".upper()))}
    if not given or not isinstance(values.get(block, {}), dict):
        return
    others = {name: value for name, value in _mapping(values, block).items() if _field(name, fields) not in given}
    values[block] = {**others, **given}
    origins[block] = f"{origins[block]}, environment" if others else "environment"
    origins |= {f"{block}.{name}": "environment" for name in given}


def _field(name: str, fields: Mapping[str, FieldInfo]) -> str:
    return next((field for field, info in fields.items() if info.alias == name), name)


def _mapping(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part of the values; empty where it is missing or something else, which the schema refuses."""
    part = values.get(name)
    return part if isinstance(part, dict) else {}


def _settle_chutes_hosts(values: dict[str, Any], origins: dict[str, str], notes: list[str]) -> None:
    """Two published guides use CHUTES_BASE_URL for two hosts: a value whose host is `api.*` means the API host."""
    base = values.get("chutes_base_url")
    if isinstance(base, str) and (urlsplit(base).hostname or "").startswith("api."):
        del values["chutes_base_url"]
        origin = origins.pop("chutes_base_url")
        if "chutes_api_url" in values:
            notes.append(f"CHUTES_BASE_URL names the API host, as CHUTES_API_URL is there for: left out ({base})")
            return
        notes.append(f"CHUTES_BASE_URL names the API host: used as CHUTES_API_URL ({base})")
        values["chutes_api_url"], origins["chutes_api_url"] = base, origin


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
        message = _WORDS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")
        shown = problem.get("input")
        if isinstance(shown, (str, int, float)) and not _secret(key):
            message += f" (got {shown!r})"
    origin = origins.get(".".join(map(str, key[:2]))) or origins.get(top, "default")
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
        if inside or (n == len(loc) - 1 and isinstance(values, dict) and part != _OF_A_NAME):
            key.append(part)
    return tuple(key)


def _secret(key: tuple[str | int, ...]) -> bool:
    return any(_SECRETS.search(str(part).lower()) for part in key)
