"""How a command is declared: its name, help, options and function. Used by every module of this package."""

import argparse
from collections.abc import Callable
from pathlib import Path

from gateway.settings import LoadedSettings

Run = Callable[[LoadedSettings, argparse.Namespace], None]


def _always(options: argparse.Namespace) -> bool:
    return True


class Commands:
    """The commands of one level; each gets `--config`, and `run` is called with the settings and its options."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._subparsers = parser.add_subparsers(required=True, metavar="command")

    def add(
        self, name: str, run: Run, help: str, configured: Callable[[argparse.Namespace], bool] = _always
    ) -> argparse.ArgumentParser:
        """The command's parser, to add options to. What runs without being `configured` gets default settings."""
        command = self._subparsers.add_parser(name, help=help, description=help)
        command.add_argument("--config", type=Path, help="configuration file (default ./gateway.yaml)")
        command.set_defaults(run=run, configured=configured)
        return command

    def group(self, name: str, help: str) -> "Commands":
        """A level below, as in `gateway catalog list`."""
        return Commands(self._subparsers.add_parser(name, help=help, description=help))
