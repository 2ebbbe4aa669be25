"""The `gateway` command. Each module declares a family of commands; `_FAMILIES` lists them in the order of the help."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from gateway import __version__
from gateway.cli.commands import Commands
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings, Settings, load_settings

_FAMILIES = (
    *("serve", "check_config", "catalog", "keys", "users", "entries", "settings", "usage", "batches", "backup"),
    *("migrate", "reseal", "certify", "explain", "dev_platform"),
)

_NOBODY_READS = 141
"""As shells have it: whoever read the output, such as `head`, had enough."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(given).parse_args(given)
    try:
        options.run(_loaded(options), options)
        sys.stdout.flush()
    except ConfigError as error:
        sys.exit(f"error: {error.message}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_NOBODY_READS)


def _parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Of a family whose name is given only that is loaded: all of them take more than a second."""
    parser = argparse.ArgumentParser(prog="gateway", description="OpenAI-compatible AI gateway.")
    parser.add_argument("--version", action="version", version=f"chute-gateway {__version__}")
    commands = Commands(parser)
    named = "".join(arguments[:1]).replace("-", "_")
    for family in [named] if named in _FAMILIES else _FAMILIES:
        import_module(f"gateway.cli.{family}").declare(commands)
    return parser


def _loaded(options: argparse.Namespace) -> LoadedSettings:
    if not options.configured(options):
        return LoadedSettings(Settings(), {})
    return load_settings(config_path=options.config, overrides=_overrides(options))


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name, None) for name in ("host", "port", "log_level")}
