"""The `gateway` command: `serve` and `check-config`."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.app import create_app
from gateway.errors import ConfigError
from gateway.observe import logs
from gateway.providers.engines import EngineBoard
from gateway.serve import serve
from gateway.settings import LoadedSettings, Settings, load_settings
from gateway.state import build_snapshot

_ENGINES = "chute_gateway.engines"
"""Entry-point group of the package that runs engines: `build` makes an EngineBoard, `describe` says what it would run.
Both take `(engines, configured, *, state_dir)` and raise ValueError for what they cannot use."""
_NO_KEY = "check-config"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    try:
        loaded = load_settings(config_path=options.config, overrides=_overrides(options))
        options.run(loaded)
    except ConfigError as error:
        sys.exit(f"error: {error.message}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description="OpenAI-compatible AI gateway.")
    parser.add_argument("--version", action="version", version=f"chute-gateway {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("serve", help="run the gateway; local engines only if ENGINES or gateway.yaml names them")
    run.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    run.add_argument("--port", type=int, help="port to listen on (default 8000)")
    run.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    run.set_defaults(run=_serve)
    check = commands.add_parser("check-config", help="say what would run and where each setting came from")
    check.set_defaults(run=_check_config)
    for command in (run, check):
        command.add_argument("--config", type=Path, help="configuration file (default ./gateway.yaml)")
    return parser


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name, None) for name in ("host", "port", "log_level")}


def _serve(loaded: LoadedSettings) -> None:
    settings = loaded.settings
    logs.configure(settings.log_level, settings.log_format)
    serve(create_app(settings, _engines(loaded)))


def _engines(loaded: LoadedSettings) -> EngineBoard | None:
    """This command starts no engine unless ENGINES or the file names one."""
    named = {"engines", "engine_config"} & loaded.origins.keys()
    return _engine_package("build", loaded.settings) if named and loaded.settings.engines != "off" else None


def _engine_package(function: str, settings: Settings) -> Any:
    found = entry_points(group=_ENGINES, name=function)
    if not found:
        raise ConfigError("engines: no package that runs engines is installed (set ENGINES=off, or install it)")
    try:
        call = next(iter(found)).load()
        return call(settings.engines, settings.engine_config, state_dir=settings.state_dir)
    except ValueError as error:
        raise ConfigError(f"engines: {error}") from None


def _check_config(loaded: LoadedSettings) -> None:
    settings = loaded.settings
    engines = _engine_package("build", settings)
    snapshot = build_snapshot(settings, engines, _NO_KEY)
    print("Settings")
    for name in Settings.model_fields:
        if (value := getattr(settings, name)) not in (None, {}, ()):
            print(f"  {name.upper():<24} {_shown(value):<44} {loaded.origins.get(name, 'default')}")
    print("\nEngines")
    print(_indented(_engine_package("describe", settings)))
    print("\nModels")
    for route in snapshot.routes.values():
        targets = ", then ".join(f"{target.provider_id}/{target.upstream_model}" for target in route.targets)
        print(f"  {route.id:<32} {route.type or 'any type':<14} {targets}")
    for note in loaded.notes:
        print(f"\nnote: {note}")
    print("\nThe configuration is usable.")


def _shown(value: Any) -> str:
    """Secrets inside are masked by their type; mappings are told by their keys."""
    return (
        ", ".join(value) if isinstance(value, (dict, tuple)) and all(isinstance(v, str) for v in value) else str(value)
    )


def _indented(text: object) -> str:
    return "\n".join(f"  {line}" for line in str(text).splitlines())
