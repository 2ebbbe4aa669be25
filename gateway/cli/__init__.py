"""The `gateway` command. Each module declares a family of commands; `_FAMILIES` lists them in the order of the help."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from gateway import __version__
from gateway.cli import backup, catalog, certify, check_config, dev_platform, explain, keys, reseal, serve, usage, users
from gateway.cli.commands import Commands
from gateway.errors import ConfigError
from gateway.settings import load_settings

_FAMILIES = (serve, check_config, catalog, keys, users, usage, backup, reseal, certify, explain, dev_platform)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    try:
        loaded = load_settings(config_path=options.config, overrides=_overrides(options))
        options.run(loaded, options)
    except ConfigError as error:
        sys.exit(f"error: {error.message}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description="OpenAI-compatible AI gateway.")
    parser.add_argument("--version", action="version", version=f"chute-gateway {__version__}")
    commands = Commands(parser)
    for family in _FAMILIES:
        family.declare(commands)
    return parser


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name, None) for name in ("host", "port", "log_level")}
