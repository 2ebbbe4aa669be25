"""The `gateway` command: `serve`, `check-config` and `certify`."""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import uvloop

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
        options.run(loaded, options)
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
    certification = commands.add_parser("certify", help="try 16 provider failures on this configuration")
    certification.add_argument("--only", default="", metavar="IDS", help="some scenarios, such as S01,S08")
    certification.add_argument("--quick", action="store_true", help="shorten the minute of flapping to 15 s")
    certification.add_argument("--json", action="store_true", help="print the results as JSON")
    certification.set_defaults(run=_certify)
    for command in (run, check, certification):
        command.add_argument("--config", type=Path, help="configuration file (default ./gateway.yaml)")
    return parser


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name, None) for name in ("host", "port", "log_level")}


def _serve(loaded: LoadedSettings, options: argparse.Namespace) -> None:
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


def _check_config(loaded: LoadedSettings, options: argparse.Namespace) -> None:
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


def _certify(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    """Exits with 1 when a scenario fails. The client that it needs is loaded for it alone."""
    from gateway import certify

    logs.configure("error", loaded.settings.log_format)
    scenarios, configuration = certify.chosen(options.only), certify.configuration(loaded)
    if not options.json:
        print(f"Running {len(scenarios)} of {len(certify.SCENARIOS)} scenarios, all at once.\n", flush=True)
    began = time.monotonic()
    results = uvloop.run(certify.run(scenarios, configuration, quick=options.quick))
    report = certify.document if options.json else certify.table
    print(report(results, configuration, time.monotonic() - began))
    if not all(result.passed for result in results):
        sys.exit(1)


def _shown(value: Any) -> str:
    """Secrets inside are masked by their type; mappings are told by their keys."""
    return (
        ", ".join(value) if isinstance(value, (dict, tuple)) and all(isinstance(v, str) for v in value) else str(value)
    )


def _indented(text: object) -> str:
    return "\n".join(f"  {line}" for line in str(text).splitlines())
