"""Asks providers whether they are well, so that a sick one is left alone before a request finds out."""

import asyncio
import time
from urllib.parse import urljoin

from gateway.background.tasks import Background, Periodic
from gateway.errors import GatewayError
from gateway.providers.base import Provider
from gateway.providers.exchange import remote
from gateway.providers.openai_compatible import CHECK_SECONDS, check_url
from gateway.providers.transport.base import Transport
from gateway.routing.vitals import Checked
from gateway.state import Snapshot, State

AGAIN = 1.0
"""Seconds after which a failed check is repeated: one lost packet says nothing."""
_LOOK = 2.0
"""Seconds between looks at which providers want to be checked."""


class HealthChecks:
    """One periodic task for each provider of the current snapshot that asks for checks."""

    def __init__(self, state: State, transport: Transport, background: Background) -> None:
        self._state, self._transport, self._background = state, transport, background
        self._seen: Snapshot | None = None
        self._checked: dict[str, float] = {}

    def task(self) -> Periodic:
        return Periodic("health checks", _LOOK, self.follow)

    async def follow(self) -> None:
        """Starts and ends checks as the snapshot says."""
        if self._state.snapshot is self._seen:
            return
        self._seen = self._state.snapshot
        wanted = {p.id: p.health_check.interval for p in self._seen.providers.values() if p.enabled and p.health_check}
        for name in self._checked.keys() - wanted.keys():
            self._background.drop(_name(name))
            self._state.dispatcher.vitals.well(name, Checked(time.time()), time.monotonic())
            del self._state.dispatcher.vitals.checks[name]
        for name, interval in wanted.items() - self._checked.items():
            self._background.keep(Periodic(_name(name), interval, lambda name=name: self.check(name)))  # type: ignore[misc]
        self._checked = wanted

    async def check(self, name: str) -> None:
        """Raises what the check met, for the log; its outcome is in the vitals by then."""
        provider = self._state.snapshot.providers.get(name)
        if provider is None or provider.health_check is None:
            return
        vitals, began = self._state.dispatcher.vitals, time.monotonic()
        try:
            await self._ask_twice(provider)
        except GatewayError as error:
            if self._state.snapshot.providers.get(name) != provider:
                return
            # Closed until the check after the next one is over, should no other word come by then.
            open_again = time.monotonic() + 2 * provider.health_check.interval + 2 * CHECK_SECONDS + AGAIN
            code = error.error_code or type(error).__name__
            self._state.history.note_check(name, (time.monotonic() - began) * 1000, code)
            vitals.unwell(name, Checked(time.time(), code, open_again if error.counts_against_target else 0.0))
            raise
        self._state.history.note_check(name, (time.monotonic() - began) * 1000)
        vitals.well(name, Checked(time.time()), time.monotonic())

    async def _ask_twice(self, provider: Provider) -> None:
        try:
            await self._ask(provider)
        except GatewayError as error:
            if not error.counts_against_target:
                raise
            await asyncio.sleep(AGAIN)
            await self._ask(provider)

    async def _ask(self, provider: Provider) -> None:
        path = provider.health_check.path if provider.health_check else ""
        if not path:
            await self._state.dispatcher.check(provider)
            return
        await check_url(self._transport, remote(provider), urljoin(provider.base_url, path))


def _name(provider: str) -> str:
    return f"health check of {provider}"
