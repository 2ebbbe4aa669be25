"""`gateway check-config`: says what would run and where each setting came from."""

import argparse
from typing import Any

from pydantic import BaseModel

from gateway.admin.opening import check_opening
from gateway.app import create_app
from gateway.cli.commands import Commands
from gateway.cli.engines import engine_package, is_asked_for, planned
from gateway.settings import LoadedSettings, Settings


def declare(commands: Commands) -> None:
    commands.add("check-config", _check_config, "say what would run and where each setting came from")


def _check_config(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    settings = loaded.settings
    app = create_app(settings, planned(settings))
    check_opening(settings)
    print("Settings")
    for name in Settings.model_fields:
        if (value := getattr(settings, name)) not in (None, {}, ()):
            print(f"  {name.upper():<24} {_shown(value):<44} {loaded.origins.get(name, 'default')}")
    if settings.engines != "off":
        _print_engines(engine_package("describe", settings))
        if not is_asked_for(loaded):
            print("  note: `gateway serve` starts none of them: set ENGINES=auto, or name them in the file")
    print("\nModels")
    for route in app.state.snapshot.routes.values():
        targets = ", then ".join(f"{target.provider_id}/{target.upstream_model}" for target in route.targets)
        print(f"  {route.id:<32} {route.type or 'any type':<14} {targets}")
    for note in loaded.notes:
        print(f"\nnote: {note}")
    print("\nThe configuration is usable.")


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
