"""`gateway migrate`: the configuration of another gateway, as a gateway.yaml or straight into the database."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.admin.administration import Administration
from gateway.cli.commands import Commands
from gateway.cli.offline import ACTOR, administer
from gateway.errors import ConfigError
from gateway.migrate.apply import apply
from gateway.migrate.ipin import read_ipin
from gateway.migrate.litellm import read_litellm
from gateway.migrate.plan import Plan
from gateway.migrate.sources import read_source
from gateway.migrate.written import as_yaml, check_new, write_secrets, write_yaml
from gateway.settings import LoadedSettings

_Read = Callable[[Mapping[str, Any]], Plan]
_SOURCES: Mapping[str, tuple[_Read, str, str]] = {
    "litellm": (read_litellm, "YAML", "take over LiteLLM's config.yaml"),
    "ipin": (read_ipin, "JSON", "take over the database of iPin Proxy (ipin-proxy.db, which is JSON)"),
}


def declare(commands: Commands) -> None:
    group = commands.group("migrate", "take over the configuration of another gateway")
    for name, (_, _, help) in _SOURCES.items():
        command = group.add(name, _migrate, help, configured=_applies)
        command.add_argument("file", type=Path)
        command.add_argument("--output", type=Path, help="the gateway.yaml to write (default: standard output)")
        command.add_argument("--secrets", type=Path, help="where to write NAME=value lines of secrets in the file")
        command.add_argument("--apply", action="store_true", help="add everything to the database instead")
        command.set_defaults(source=name)


def _applies(options: argparse.Namespace) -> bool:
    return bool(options.apply)


def _migrate(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    read, kind, _ = _SOURCES[options.source]
    if options.apply and options.output:
        raise ConfigError("--apply and --output exclude each other")
    if options.output and options.output == options.secrets:
        raise ConfigError("--output and --secrets name the same file")
    for path in (options.output, options.secrets):
        if path is not None:
            check_new(path)
    source, notes = read_source(options.file, kind)
    try:
        plan = read(source)
    except RecursionError:
        raise ConfigError(f"{options.file}: one of its lists or mappings holds itself") from None
    plan.notes[:0] = notes
    if options.apply:
        _apply(loaded, plan)
    elif options.output:
        write_yaml(plan, options.file.name, options.output)
    else:
        print(as_yaml(plan, options.file.name))
    if options.secrets:
        write_secrets(plan, options.secrets)
    _report(plan, applied=options.apply, told=bool(options.apply or options.secrets))


def _apply(loaded: LoadedSettings, plan: Plan) -> None:
    async def work(administration: Administration) -> None:
        async for line in apply(plan, administration, os.environ, ACTOR):
            print(line)

    administer(loaded, work)


def _report(plan: Plan, applied: bool, told: bool) -> None:
    """On standard error, so that the file may go to standard output."""
    parts = {"providers": plan.providers, "models": plan.models, "keys": plan.keys, "users": plan.users}
    counts = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
    print(f"\nTaken over: {counts}.", file=sys.stderr)
    if plan.users and not applied:
        print("Users are only taken over by --apply.", file=sys.stderr)
    if plan.secrets and not told:
        names = ", ".join(plan.secrets)
        print(f"To be set in the environment (--secrets FILE writes them): {names}.", file=sys.stderr)
    if plan.notes:
        print("To be looked at:", file=sys.stderr)
        for note in plan.notes:
            print(f"  {note}", file=sys.stderr)
