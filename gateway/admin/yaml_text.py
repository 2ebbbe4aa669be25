"""One provider or model as people write it in `gateway.yaml`, read for the forms of the UI: what it says, or what is
wrong with it and in which line. Called by the admin API. Nothing is filled in from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import yaml
from pydantic import ValidationError

from gateway.admin.administration import Administration
from gateway.admin.documents import ModelDocument, ProviderDocument
from gateway.errors import GatewayError
from gateway.settings.document import KeyPath, read_scalar
from gateway.store.records import Resource

_DOCUMENTS: Mapping[Resource, type[Any]] = {Resource.PROVIDERS: ProviderDocument, Resource.MODELS: ModelDocument}
_SECRETS = ("api_key", "api_keys", "proxy", "headers")
_DEEPEST = 32
"""Collections in one another. The time that PyYAML takes grows with the square of it."""
_UPPER = re.compile(r"(?<=[a-z0-9])[A-Z]")


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` counts from 1; `field` is dotted, empty where it is about the whole."""

    line: int
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """`fields` are those that were given, as the admin API takes them; None where something is wrong."""

    id: str
    fields: Mapping[str, Any] | None
    problems: tuple[Problem, ...] = ()


class _Wrong(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message)


def read_entry(text: str, resource: Resource, id: str, administration: Administration) -> Entry:
    """`text` is `models:` or `providers:` with one name below it; `id` that of what is edited, empty for a new one."""
    lines: dict[KeyPath, int] = {}
    try:
        name, given = _only(_parsed(text, lines), resource, lines)
        if id and name != id:
            raise _Wrong(
                lines[resource.value, name], f"The name stays '{id}': make another {resource.value[:-1]} instead."
            )
    except _Wrong as wrong:
        return Entry(id, None, (wrong.problem,))
    below = {key[2:]: line for key, line in lines.items() if key[:2] == (resource.value, name)}
    try:
        document = _DOCUMENTS[resource].model_validate({**given, "id": name})
        administration.drafted(resource, document)
    except ValidationError as error:
        return Entry(name, None, tuple(_problem(one, below) for one in error.errors()))
    except GatewayError as error:
        path = tuple((error.param or "").split(".")) if error.param else ()
        return Entry(name, None, (Problem(_line(path, below), error.message, error.param or ""),))
    return Entry(name, _fields(document, given))


def _parsed(text: str, lines: dict[KeyPath, int]) -> Any:
    try:
        _check_shape(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _built(node, (), lines) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _Wrong(mark.line + 1 if mark else 1, getattr(error, "problem", None) or "This is no YAML.") from None


def _check_shape(text: str) -> None:
    """Aliases are refused, a few of which can stand for gigabytes, and so is what no document of ours is as deep as."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise _Wrong(line, "Aliases (*name) are not taken here: write it out.")
        if depth > _DEEPEST:
            raise _Wrong(line, "This is nested too deeply.")


def _built(node: yaml.Node, key: KeyPath, lines: dict[KeyPath, int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(key, line)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for name_node, child in node.value:
            name = str(name_node.value)
            lines[(*key, name)] = name_node.start_mark.line + 1
            if name in found:
                raise _Wrong(lines[(*key, name)], f"'{name}' is given twice.")
            found[name] = _built(child, (*key, name), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_built(child, (*key, n), lines) for n, child in enumerate(node.value)]
    value = _scalar(node, line)
    if isinstance(value, str) and "${" in value:
        raise _Wrong(line, "Variables are filled in in gateway.yaml only: write the value itself.")
    return value if isinstance(value, str | int | float | bool | None) else str(node.value)


def _scalar(node: yaml.Node, line: int) -> Any:
    try:
        value = read_scalar(node)
    except ValueError as error:
        raise _Wrong(line, f"{error}.") from None
    if isinstance(value, float) and not isfinite(value):
        raise _Wrong(line, f"'{node.value}' is no number that counts something.")
    return value


def _only(data: Any, resource: Resource, lines: Mapping[KeyPath, int]) -> tuple[str, dict[str, Any]]:
    section = data.get(resource.value) if isinstance(data, dict) else None
    if not isinstance(section, dict) or len(data) != 1:
        raise _Wrong(1, f"Begin with '{resource.value}:' and write the one name below it.")
    if len(section) != 1:
        raise _Wrong(lines[resource.value,], f"Write one {resource.value[:-1]} here; there are {len(section)}.")
    ((name, given),) = section.items()
    if given is not None and not isinstance(given, dict):
        raise _Wrong(lines[resource.value, name], f"Write the fields of '{name}' below it, each as 'field: value'.")
    return name, given or {}


def _problem(error: Any, lines: Mapping[KeyPath, int]) -> Problem:
    path = tuple(part for part in error["loc"] if part not in ("list", "map"))
    field = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        return Problem(_line(path, lines), f"'{field}' is not a known field.", field)
    reason = str(error["msg"]).removeprefix("Value error, ")
    return Problem(_line(path, lines), f"'{field}': {reason}" if field else reason, field)


def _line(path: tuple[str | int, ...], lines: Mapping[KeyPath, int]) -> int:
    """Of the closest key that was written, under whichever of its spellings; of a lone name the first that ends so."""
    written = {tuple(_snake(part) for part in key): line for key, line in lines.items()}
    wanted = tuple(_snake(part) for part in path)
    if len(wanted) == 1 and wanted not in written:
        return next((line for key, line in written.items() if key and key[-1] == wanted[0]), lines.get((), 1))
    return next(written[wanted[:n]] for n in range(len(wanted), -1, -1) if wanted[:n] in written)


def _snake(part: str | int) -> str:
    return _UPPER.sub(lambda match: f"_{match[0].lower()}", str(part))


def _fields(document: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Secrets as they were written: a mask stays a mask."""
    fields: dict[str, Any] = document.model_dump(mode="json", exclude={"id"}, exclude_unset=True)
    return fields | {_snake(name): value for name, value in given.items() if _snake(name) in _SECRETS}
