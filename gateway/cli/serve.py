"""`gateway serve`: runs the gateway."""

import argparse
import logging
import signal

from gateway.app import create_app
from gateway.cli.commands import Commands
from gateway.cli.engines import is_asked_for, planned
from gateway.observe import logs
from gateway.providers.engines import EngineBoard
from gateway.serve import serve
from gateway.settings import LoadedSettings
from gateway.workers import check_workers, serve_workers

log = logging.getLogger("gateway")


def declare(commands: Commands) -> None:
    run = commands.add("serve", _serve, "run the gateway; local engines only if ENGINES or gateway.yaml names them")
    run.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    run.add_argument("--port", type=int, help="port to listen on (default 8000)")
    run.add_argument("--log-level", choices=("debug", "info", "warning", "error"))


def _serve(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    settings = loaded.settings
    logs.configure(settings.log_level, settings.log_format)
    check_workers(settings, loaded.origins)
    _end_well_on_hangup()
    app = create_app(settings, _engines(loaded), loaded.origins)
    if settings.workers > 1:
        serve_workers(app)
    else:
        serve(app)


def _end_well_on_hangup() -> None:
    """A terminal that is closed ends it as SIGTERM does, with what is under way; under nohup nothing happens."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _hung_up)


def _hung_up(number: int, frame: object) -> None:
    log.warning("SIGHUP ends the gateway: gateway.yaml is read at start; what may change while it runs, the UI changes")
    signal.raise_signal(signal.SIGTERM)


def _engines(loaded: LoadedSettings) -> EngineBoard | None:
    """This command starts no engine unless ENGINES or the file names one."""
    return planned(loaded.settings) if is_asked_for(loaded) else None
