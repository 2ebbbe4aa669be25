"""Runs a piece of administration on the database itself; a running gateway follows within two seconds."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine

from gateway.admin.administration import Actor, Administration
from gateway.admin.opening import open_store, opened
from gateway.cli.engines import planned
from gateway.errors import ConfigError, GatewayError
from gateway.settings import LoadedSettings, Settings
from gateway.store.place import FILE
from gateway.store.store import Store

ACTOR = Actor("command line")
_BEGINS = (
    "note: {} holds no gateway yet, so one is begun there. One that runs elsewhere knows nothing of it:"
    " use its folder, or its STATE_DIR"
)


def administer(loaded: LoadedSettings, work: Callable[[Administration], Awaitable[None]]) -> None:
    """Refusals become ConfigError, which ends the command with its message."""
    settings = loaded.settings
    begun = _begun(settings)

    async def run() -> None:
        async with opened(settings, planned(settings), loaded.origins) as administration:
            _tell(begun, administration.store)
            await work(administration)

    _run(run())


def with_store(loaded: LoadedSettings, work: Callable[[Store], Awaitable[None]]) -> None:
    """For what needs the rows alone. Refusals become ConfigError, as above."""
    begun = _begun(loaded.settings)

    async def run() -> None:
        store = await open_store(loaded.settings)
        try:
            _tell(begun, store)
            await work(store)
        finally:
            await store.close()

    _run(run())


def _begun(settings: Settings) -> str:
    """What to say where opening makes the database; empty where it is there."""
    if settings.database_url is not None or (settings.state_dir / FILE).exists():
        return ""
    return _BEGINS.format(settings.state_dir.absolute())


def _tell(begun: str, store: Store) -> None:
    for line in ((begun,) if begun else ()) + tuple(f"warning: {note}" for note in store.notes):
        print(line, file=sys.stderr)


def _run(work: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(work)
    except GatewayError as error:
        raise ConfigError(error.message) from None
