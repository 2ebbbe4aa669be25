"""A plan as files: a `gateway.yaml` with references, and the secrets apart. Called by `gateway migrate`."""

import os
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import ConfigError
from gateway.migrate.plan import Plan


def as_yaml(plan: Plan, origin: str) -> str:
    """Holds no secret."""
    document: dict[str, Any] = {**plan.settings}
    parts = {"providers": plan.providers, "models": plan.models, "prices": plan.prices, "keys": plan.keys}
    document |= {name: part for name, part in parts.items() if part}
    head = f"# Taken over from {origin}. `gateway check-config` says what would run.\n"
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def write_yaml(plan: Plan, origin: str, path: Path) -> None:
    """Raises ConfigError for a file that is there already."""
    _write(path, as_yaml(plan, origin), 0o644)


def write_secrets(plan: Plan, path: Path) -> None:
    """`NAME=value` lines, for systemd's EnvironmentFile and Docker's --env-file. Only its owner can read it."""
    for name, value in plan.secrets.items():
        if "\n" in value or "\r" in value:
            raise ConfigError(f"{name} has more than one line: set it by hand")
    _write(path, "".join(f"{name}={value}\n" for name, value in plan.secrets.items()), 0o600)


def check_new(path: Path) -> None:
    """Raises ConfigError where a file cannot be written, before another one is."""
    if path.exists():
        raise ConfigError(_there(path))
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}")


def _there(path: Path) -> str:
    return f"{path} is there already: move it away, or write to another file"


def _write(path: Path, text: str, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(_there(path)) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
