"""Reads `gateway.yaml` into plain data while remembering the line of every key, so that errors can name it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor

from gateway.errors import ConfigError

KeyPath = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$(\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}$]|\$(?!\{))*))?\})?")
"""`${NAME}`, `${NAME:-default}`; `$${` is a plain `${`."""
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_TOO_DEEP = "its lists and mappings are too deep, or one of them holds itself"
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(Composer, _Parser):  # type: ignore[misc]
    """libyaml's parser, many times as fast, under the composer in Python: its own crashes on what is too deep."""

    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)
        Composer.__init__(self)


@dataclass(frozen=True)
class Document:
    """`data` is the file's mapping with `${NAME}` and `${NAME:-default}` filled in from the environment.
    `written_at` is when the file changed last, in seconds since 1970; 0 where there is none."""

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    written_at: float = 0.0

    def place(self, key: KeyPath) -> str:
        """`gateway.yaml, line 7, providers.groq.base_url`: the closest known line for a key, dotted. Without
        lines what was given as a mapping, not as a file."""
        known = next((key[:n] for n in range(len(key), -1, -1) if key[:n] in self.lines), ())
        line = self.lines.get(known, 1)
        dotted = ".".join(str(part) for part in key) or "(top level)"
        if not self.lines:
            return f"{self.path}, {dotted}"
        return f"{self.path}, line {line}, {dotted}"


def read_document(path: Path, environ: Mapping[str, str]) -> Document:
    """Raises ConfigError with file and line for anything that is not one YAML mapping."""
    try:
        text, written_at = path.read_text(encoding="utf-8"), path.stat().st_mtime
        node = yaml.compose(text, Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: cannot be read: it is no text in UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{path}: {_TOO_DEEP}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}, line {line}: {_problem(error, text, mark)}") from None
    if node is None:
        return Document(path)
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}, line 1: expected a mapping of settings at the top level")
    lines: dict[KeyPath, int] = {}
    document = Document(path, {}, lines)
    try:
        return Document(path, _build(node, (), document, lines, environ), lines, written_at)
    except RecursionError:
        raise ConfigError(f"{path}: {_TOO_DEEP}") from None


def _problem(error: yaml.YAMLError, text: str, mark: Any) -> str:
    """In words for people where it is one of the usual mistakes; PyYAML does not even say which character it means."""
    said = getattr(error, "problem", None) or "not valid YAML"
    line = next(iter(text.splitlines()[mark.line :]), "") if mark else ""
    here = line[mark.column :] if mark else ""
    if here.startswith("\t") or "tab character" in said:
        return "a tab cannot indent: use spaces"
    if here and "cannot start any token" in said:
        return f"'{here[0]}' cannot begin a value: put it in quotes"
    if mark and line[max(0, mark.column - 1) :].startswith("${"):
        return 'in braces and brackets "${NAME}" needs quotes'
    return said


def _build(
    node: yaml.Node, key: KeyPath, document: Document, lines: dict[KeyPath, int], environ: Mapping[str, str]
) -> Any:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, document, lines, environ)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*key, i), document, lines, environ) for i, child in enumerate(node.value)]
    try:
        value = read_scalar(node)
    except ValueError as error:
        raise ConfigError(f"{document.place(key)}: {error}") from None
    return _fill(value, key, document, environ) if isinstance(value, str) else value


def read_scalar(node: yaml.Node) -> Any:
    """The value of a node without parts. Raises ValueError in words for people: PyYAML lets pass whatever Python says
    of a value that only looks like a date or a number."""
    if node.tag == _TEXT:
        return node.value
    try:
        return SafeConstructor().construct_object(node)
    except yaml.YAMLError as error:
        raise ValueError(getattr(error, "problem", None) or "not valid YAML") from None
    except (ValueError, LookupError, AttributeError):
        raise ValueError(f"'{node.value}' is not what YAML takes it for: put it in quotes") from None


def _mapping(
    node: yaml.MappingNode, key: KeyPath, document: Document, lines: dict[KeyPath, int], environ: Mapping[str, str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name_node, child in node.value:
        if not isinstance(name_node, yaml.ScalarNode) or name_node.tag == _MERGE:
            place = f"{document.path}, line {name_node.start_mark.line + 1}"
            raise ConfigError(f"{place}: a key must be a plain name (lists and `<<` are none: write out what is meant)")
        name = str(name_node.value)
        lines[(*key, name)] = name_node.start_mark.line + 1
        if name in result:
            raise ConfigError(f"{document.place((*key, name))}: is given twice")
        result[name] = _build(child, (*key, name), document, lines, environ)
    return result


def _fill(value: str, key: KeyPath, document: Document, environ: Mapping[str, str]) -> str:
    def one(match: re.Match[str]) -> str:
        plain, name, default = match.groups()
        if plain:
            return str(plain)
        if name is None:
            raise ConfigError(
                f"{document.place(key)}: '${{' begins no reference here (write ${{NAME}}, ${{NAME:-default}},"
                " or $${ for the characters themselves)"
            )
        found = environ.get(name) or default
        if found is None:
            raise ConfigError(
                f"{document.place(key)}: the environment variable {name} is not set"
                f" (set it, or write ${{{name}:-}} to allow it to be empty)"
            )
        return found

    return _VARIABLE.sub(one, value) if "${" in value else value


def default_path(environ: Mapping[str, str]) -> Path | None:
    """`GATEWAY_CONFIG`, else `./gateway.yaml` if it is there."""
    if named := environ.get("GATEWAY_CONFIG"):
        path = Path(named)
        if not path.is_file():
            raise ConfigError(f"GATEWAY_CONFIG: there is no file {path}")
        return path
    path = Path(os.curdir) / "gateway.yaml"
    return path if path.is_file() else None
