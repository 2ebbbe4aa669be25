"""The package that runs engines, found by its entry points. Used by `serve` and `check-config`."""

from importlib.metadata import entry_points
from typing import Any

from gateway.errors import ConfigError
from gateway.providers.engines import EngineBoard
from gateway.settings import LoadedSettings, Settings

_ENGINES = "chute_gateway.engines"
"""Entry-point group of the package that runs engines: `build` makes an EngineBoard, `describe` says what it would run.
Both take `(engines, configured, *, model_hub)`, `build` also `state_dir`; both raise ValueError naming a bad key."""


def planned(settings: Settings) -> EngineBoard | None:
    if settings.engines == "off":
        return None
    try:
        board: EngineBoard = engine_package("build", settings, state_dir=settings.state_dir)
    except OSError as error:  # their logs are kept there
        raise ConfigError(f"STATE_DIR: {settings.state_dir} cannot be used: {error.strerror}") from None
    return board


def is_asked_for(loaded: LoadedSettings) -> bool:
    """Whether ENGINES or the file says which run: without that `serve` starts none."""
    return bool({"engines", "engine_config"} & loaded.origins.keys())


def engine_package(function: str, settings: Settings, **more: Any) -> Any:
    found = entry_points(group=_ENGINES, name=function)
    if not found:
        raise ConfigError("engines: no package that runs engines is installed (set ENGINES=off, or install it)")
    try:
        call = next(iter(found)).load()
        return call(settings.engines, settings.engine_config, model_hub=settings.model_hub, **more)
    except ValueError as error:
        raise ConfigError(settings.placed(str(error))) from None
