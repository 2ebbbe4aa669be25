"""Runs a piece of administration on the database itself; a running gateway follows within two seconds."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from gateway.admin.administration import Actor, Administration
from gateway.admin.opening import opened
from gateway.cli.engines import planned
from gateway.errors import ConfigError, GatewayError
from gateway.settings import LoadedSettings

ACTOR = Actor("command line")


def administer(loaded: LoadedSettings, work: Callable[[Administration], Awaitable[None]]) -> None:
    """Refusals become ConfigError, which ends the command with its message."""

    async def run() -> None:
        async with opened(loaded.settings, planned(loaded.settings), loaded.origins) as administration:
            for note in administration.store.notes:
                print(f"warning: {note}", file=sys.stderr)
            await work(administration)

    try:
        asyncio.run(run())
    except GatewayError as error:
        raise ConfigError(error.message) from None
