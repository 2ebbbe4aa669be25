"""Files of other gateways as plain data, with what must be known of the file itself. Used by `gateway migrate`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import ConfigError
from gateway.migrate.plan import Note

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C where PyYAML was built with it: ten times as fast."""


def read_source(path: Path, kind: str) -> tuple[Mapping[str, Any], list[Note]]:
    """The mapping in a file of `kind` YAML or JSON, and notes about it.

    Raises ConfigError with the line where a parser stumbled, never with what it read, which may be a secret.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        source, notes = (json.loads(text), []) if kind == "JSON" else _yaml(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no text in UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{path}: its lists and mappings are too deep, or one of them holds itself") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is no valid {kind}{_where(error, text)}") from None
    if not isinstance(source, dict):
        raise ConfigError(f"{path} must hold a mapping" + ("" if source else ", and is empty"))
    return source, notes


def _yaml(text: str) -> tuple[Any, list[Note]]:
    notes: list[Note] = []

    class Loader(_SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen if isinstance(key, yaml.ScalarNode) else False:
                    notes.append(
                        Note(f"line {key.start_mark.line + 1}", f"{key.value} is given again: the last counts.")
                    )
                seen.add(str(key.value))
            found: dict[Any, Any] = super().construct_mapping(node, deep)
            return found

    return yaml.load(text, Loader), notes  # noqa: S506 - a safe loader


def _where(error: Exception, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else getattr(error, "lineno", None)
    if not line:
        return ""
    stands = "".join(text.splitlines()[line - 1 : line]).lstrip(" ")
    return f" in line {line}" + (", where a tab stands: indent with spaces" if mark and stands[:1] == "\t" else "")
