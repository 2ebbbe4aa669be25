"""Rewrites the generated tables of the documentation from the code: run `.venv/bin/python docs/generate.py` after a
change of `Settings`. `tests/unit/test_docs.py` fails while a table is out of date."""

import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from fastapi.routing import APIRoute
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.api.admin import ROUTERS
from gateway.api.admin.identity import role_of
from gateway.observe.metric_table import METRICS
from gateway.settings import Settings
from gateway.settings.audio import AudioSettings
from gateway.settings.batches import BatchSettings
from gateway.settings.cache import CacheSettings
from gateway.settings.catalog import CatalogSettings
from gateway.settings.chute import ChuteSettings
from gateway.settings.confidentiality import ConfidentialitySettings
from gateway.settings.jobs import JobSettings
from gateway.settings.keys import LimitSettings, RetentionSettings
from gateway.settings.strict import Separated

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
IN_FILE_ONLY = frozenset(
    {
        "providers",
        "models",
        "keys",
        "prices",
        "audio",
        "batches",
        "cache",
        "catalog",
        "limits",
        "confidentiality",
        "retention",
        "jobs",
        "chute",
        "engine_config",
        "engine_fallbacks",
    }
)
"""Mappings and lists: they have no environment variable, and configuration.md has a section for each."""
_WORDS: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "yes or no", Path: "path"}
_BOUNDS = {"gt": "over", "ge": "from", "lt": "under", "le": "to"}


def tables() -> dict[str, str]:
    """The generated blocks by name, as Markdown."""
    settings = {name: field for name, field in Settings.model_fields.items() if name not in IN_FILE_ONLY}
    return {
        "settings": _table(settings, ""),
        "audio": _table(AudioSettings.model_fields, "AUDIO_"),
        "cache": _table(CacheSettings.model_fields, "CACHE_"),
        "limits": _table(LimitSettings.model_fields, "LIMITS_"),
        "admin": _routes(),
        "confidentiality": _table(ConfidentialitySettings.model_fields, "CONFIDENTIALITY_"),
        "retention": _table(RetentionSettings.model_fields, "RETENTION_"),
        "batches": _table(BatchSettings.model_fields, "BATCHES_"),
        "jobs": _table(JobSettings.model_fields, "JOBS_"),
        "catalog": _table(_plain(CatalogSettings.model_fields), "CATALOG_"),
        "chute": _table(ChuteSettings.model_fields, "CHUTE_"),
        "metrics": _metrics(),
    }


def _routes() -> str:
    """Every route of administration, with who may take it."""
    rows = [
        f"| `{method} {route.path.replace(':path', '')}` | {role_of(route)} | {route.summary} |"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    return "\n".join(["| route | who | what |", "|---|---|---|", *rows])


def rewrite(page: str) -> str:
    """The page with its generated blocks as the code has them now."""
    found = tables()
    return BLOCK.sub(lambda block: f"{block[1]}{found[block[2]]}\n{block[3]}", page)


def _plain(fields: dict[str, FieldInfo]) -> dict[str, FieldInfo]:
    """Those that a variable can hold; the page tells of the others."""
    return {name: field for name, field in fields.items() if field.description}


def _table(fields: dict[str, FieldInfo], prefix: str) -> str:
    rows = [
        f"| `{prefix}{name.upper()}` | {_kind(field)} | {_default(field)} | {field.description} |"
        for name, field in fields.items()
    ]
    return "\n".join(["| variable | value | default | meaning |", "|---|---|---|---|", *rows])


def _metrics() -> str:
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels) or '–'} | {one.help} |"
        for one in METRICS
    ]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows])


def _kind(field: FieldInfo) -> str:
    bounds = [
        f"{word} {getattr(item, key):g}" for item in field.metadata for key, word in _BOUNDS.items() if _has(item, key)
    ]
    return " ".join([_word(field.annotation, field.metadata), *bounds])


def _has(item: object, key: str) -> bool:
    return getattr(item, key, None) is not None


def _word(annotation: Any, metadata: list[Any]) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is types.UnionType or get_origin(annotation) not in (None, tuple, Annotated):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(_word(part, []) for part in parts))
    if annotation is SecretStr:
        return "secret"
    if annotation == get_args(Separated)[0] or get_origin(annotation) is Annotated:
        return "list, comma-separated"
    raise TypeError(f"generate.py has no word for {annotation!r}")


def _default(field: FieldInfo) -> str:
    value = field.default
    if value in (PydanticUndefined, None, "", ()) or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{', '.join(value) if isinstance(value, tuple) else value}`"


def main() -> None:
    for path in sorted(DOCS.glob("*.md")):
        before = path.read_text()
        if (after := rewrite(before)) != before:
            path.write_text(after)


if __name__ == "__main__":
    main()
