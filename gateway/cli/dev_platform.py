"""`gateway dev-platform`: the Chutes platform on this machine, to deploy to without an account."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from gateway.cli.commands import Commands
from gateway.errors import ConfigError, InvalidRequest
from gateway.settings import LoadedSettings

_ENGINES = Path(".venv-engines") / "bin" / "python"


def declare(commands: Commands) -> None:
    command = commands.add(
        "dev-platform", _run, "run the Chutes platform on this machine, to deploy to without an account"
    )
    command.add_argument("--api-port", type=int, default=8700, help="port of the management API (default 8700)")
    command.add_argument("--llm-port", type=int, default=8701, help="port of the llm host (default 8701)")
    command.add_argument(
        "--folder", type=Path, help="where images and instances are kept (default: a temporary folder)"
    )
    command.add_argument("--balance", type=float, default=100.0, help="the account's balance in USD (default 100)")
    command.add_argument("--pace", type=float, default=0.02, help="seconds that a line of a build takes (default 0.02)")
    command.add_argument("--engine-python", default="", help="interpreter of local engines (default .venv-engines)")
    command.add_argument("--open-rules", action="store_true", help="without the newest rules for ordinary accounts")
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="'METHOD PATH=STATUS:WORDS*TIMES' or 'build=WORDS'",
    )


def _run(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    """The platform is loaded for this command alone: it needs what the chutes SDK brings."""
    try:
        from gateway import platform
    except ImportError as error:
        raise ConfigError(
            f"dev-platform needs the extra 'chute' ({error}): pip install 'chute-gateway[chute]'"
        ) from None

    folder = options.folder or Path(tempfile.mkdtemp(prefix="chutes-"))
    engine_python = options.engine_python or (str(_ENGINES.absolute()) if _ENGINES.exists() else sys.executable)
    chosen = platform.Options(
        folder=folder / "platform", port=options.api_port, llm_port=options.llm_port, balance=options.balance,
        pace=options.pace, engine_python=engine_python, open_rules=options.open_rules, faults=tuple(options.fault),
    )  # fmt: skip
    try:
        uvloop.run(_serve(platform.start, chosen, folder))
    except InvalidRequest as error:
        raise ConfigError(f"--fault: {error.message}") from None
    except OSError as error:
        raise ConfigError(f"the platform could not start: {error}") from None
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _serve(start: Any, chosen: Any, folder: Path) -> None:
    running = await start(chosen)
    config = folder / "config.ini"
    config.write_text(running.config)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print(_welcome(running, config), flush=True)
    await stopped.wait()
    await running.close()


def _welcome(running: Any, config: Path) -> str:
    chutes = running.world.chutes.values()
    hosts = [f"  {chute.slug:<40} http://127.0.0.1:{chute.port}" for chute in chutes]
    return "\n".join(
        [
            "An emulated Chutes platform; nothing here is the live one, and images are recorded, not built.",
            "",
            f"  management API                           {running.api_url}",
            f"  llm host                                 {running.llm_url}",
            *hosts,
            "",
            "Deploy to it:",
            f"  export CHUTES_CONFIG_PATH={config} CHUTES_API_KEY=cpk_dev_platform",
            "  ./deploy.sh --accept-fee",
            "",
        ]
    )
