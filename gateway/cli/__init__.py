"""The `gateway` command. Each module declares a family of commands; `_FAMILIES` lists them in the order of the help."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from gateway import __version__
from gateway.cli.commands import Commands
from gateway.errors import ConfigError
from gateway.settings import load_settings

_FAMILIES = (
    *("serve", "check_config", "catalog", "keys", "users", "usage", "backup", "migrate", "reseal"),
    *("certify", "explain", "dev_platform"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(given).parse_args(given)
    try:
        loaded = load_settings(config_path=options.config, overrides=_overrides(options))
        options.run(loaded, options)
    except ConfigError as error:
        sys.exit(f"error: {error.message}")


def _parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Of `gateway serve` only what serves is loaded: the other commands take half as long again."""
    parser = argparse.ArgumentParser(prog="gateway", description="OpenAI-compatible AI gateway.")
    parser.add_argument("--version", action="version", version=f"chute-gateway {__version__}")
    commands = Commands(parser)
    for family in _FAMILIES[:1] if arguments[:1] == ["serve"] else _FAMILIES:
        import_module(f"gateway.cli.{family}").declare(commands)
    return parser


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name, None) for name in ("host", "port", "log_level")}
