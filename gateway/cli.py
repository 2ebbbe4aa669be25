"""The `gateway` command: `serve`, `check-config` and `certify`."""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import uvloop
from pydantic import BaseModel

from gateway import __version__, explain
from gateway.app import create_app
from gateway.errors import ConfigError
from gateway.observe import logs
from gateway.openai_api.operations import CHAT
from gateway.providers.engines import EngineBoard
from gateway.serve import serve
from gateway.settings import LoadedSettings, Settings, load_settings

_ENGINES = "chute_gateway.engines"
"""Entry-point group of the package that runs engines: `build` makes an EngineBoard, `describe` says what it would run.
Both take `(engines, configured, *, model_hub)`, `build` also `state_dir`; both raise ValueError naming a bad key."""


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
    where = commands.add_parser("explain", help="ask a running gateway where a request would go, and why")
    where.add_argument("model", help="the model as a caller would name it")
    where.add_argument("--path", default=CHAT.path, help="the endpoint (default /v1/chat/completions)")
    where.add_argument("--url", default="", help="the gateway's address (default: of this configuration)")
    where.add_argument("--json", action="store_true", help="print the answer as JSON")
    where.set_defaults(run=_explain)
    for command in (run, check, certification, where):
        command.add_argument("--config", type=Path, help="configuration file (default ./gateway.yaml)")
    return parser


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name, None) for name in ("host", "port", "log_level")}


def _explain(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    found = explain.explain(loaded.settings, options.model, options.path, options.url)
    print(explain.document(found) if options.json else explain.table(found))


def _serve(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    settings = loaded.settings
    logs.configure(settings.log_level, settings.log_format)
    serve(create_app(settings, _engines(loaded)))


def _engines(loaded: LoadedSettings) -> EngineBoard | None:
    """This command starts no engine unless ENGINES or the file names one."""
    named = {"engines", "engine_config"} & loaded.origins.keys()
    return _planned(loaded.settings) if named else None


def _planned(settings: Settings) -> EngineBoard | None:
    if settings.engines == "off":
        return None
    board: EngineBoard = _engine_package("build", settings, state_dir=settings.state_dir)
    return board


def _engine_package(function: str, settings: Settings, **more: Any) -> Any:
    found = entry_points(group=_ENGINES, name=function)
    if not found:
        raise ConfigError("engines: no package that runs engines is installed (set ENGINES=off, or install it)")
    try:
        call = next(iter(found)).load()
        return call(settings.engines, settings.engine_config, model_hub=settings.model_hub, **more)
    except ValueError as error:
        raise ConfigError(f"engines: {error}") from None


def _check_config(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    settings = loaded.settings
    app = create_app(settings, _planned(settings))
    print("Settings")
    for name in Settings.model_fields:
        if (value := getattr(settings, name)) not in (None, {}, ()):
            print(f"  {name.upper():<24} {_shown(value):<44} {loaded.origins.get(name, 'default')}")
    if settings.engines != "off":
        _print_engines(_engine_package("describe", settings))
    print("\nModels")
    for route in app.state.snapshot.routes.values():
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
    """One line: of a mapping its keys, of a block what differs from its defaults. Secrets mask themselves."""
    if isinstance(value, BaseModel):
        return ", ".join(f"{name}={getattr(value, name)}" for name in sorted(value.model_fields_set)) or "defaults"
    if isinstance(value, (dict, tuple)):
        return ", ".join(one if isinstance(one, str) else getattr(one, "name", "") or "unnamed" for one in value)
    return str(value)


def _print_engines(plan: dict[str, Any]) -> None:
    """What `describe` of the engine package tells: machine, engines with their memory, notes."""
    machine = plan["machine"]
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    print(f"\nEngines on {gpus}, {machine['cores']} cores, {machine['memory_gb']:.0f} GiB of memory")
    for engine in plan["engines"]:
        verdict = "fits" if engine["fits"] else "DOES NOT FIT"
        what = f"{engine['model']} ({engine['runtime']} on {engine['device']})"
        print(f"  {engine['name']:<12} {what:<44} {verdict}: {engine['memory']}")
    for note in plan["notes"]:
        print(f"  note: {note}")
