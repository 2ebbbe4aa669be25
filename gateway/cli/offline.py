"""Runs a piece of administration on the database itself; a running gateway follows within two seconds."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from gateway.admin.administration import Actor, Administration
from gateway.admin.opening import opened
from gateway.cli.engines import planned
from gateway.errors import ConfigError, GatewayError
from gateway.settings import LoadedSettings
from gateway.store.place import FILE

ACTOR = Actor("command line")
_BEGINS = (
    "note: {} holds no gateway yet, so one is begun there. One that runs elsewhere knows nothing of it:"
    " use its folder, or its STATE_DIR"
)


def administer(loaded: LoadedSettings, work: Callable[[Administration], Awaitable[None]]) -> None:
    """Refusals become ConfigError, which ends the command with its message."""
    settings = loaded.settings
    begins = settings.database_url is None and not (settings.state_dir / FILE).exists()

    async def run() -> None:
        async with opened(settings, planned(settings), loaded.origins) as administration:
            if begins:
                print(_BEGINS.format(settings.state_dir.absolute()), file=sys.stderr)
            for note in administration.store.notes:
                print(f"warning: {note}", file=sys.stderr)
            await work(administration)

    try:
        asyncio.run(run())
    except GatewayError as error:
        raise ConfigError(error.message) from None
