"""`Services`: what the routes of administration work with. Made at start, found by `services(request)`."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from gateway.access.passwords import Passwords
from gateway.access.sessions import Sessions
from gateway.access.setup import SetupToken
from gateway.access.throttle import Throttle
from gateway.admin.administration import Administration
from gateway.api.hub import Hub
from gateway.batches.desk import BatchDesk
from gateway.batches.files import FileDesk
from gateway.jobs.desk import Desk
from gateway.state import State
from gateway.store.store import Store
from gateway.store.usage_reports import UsageReports


@dataclass(frozen=True, slots=True)
class Services:
    state: State
    store: Store
    reports: UsageReports
    administration: Administration
    sessions: Sessions
    passwords: Passwords
    throttle: Throttle
    setup: SetupToken
    hub: Hub
    jobs: Desk
    files: FileDesk
    batches: BatchDesk
    started_at: float
    """Epoch seconds."""
    origins: tuple[str, ...] = ()
    """Further origins whose pages may change things."""

    async def settle(self) -> None:
        """What this process has answered by now is in the database, for who reads that or draws a line under it."""
        if self.state.recorder is not None:
            await self.state.recorder.settle()


def services(connection: HTTPConnection) -> Services:
    """Raises AttributeError before the gateway was started, which no request can see."""
    found: Services = connection.app.state.services
    return found
