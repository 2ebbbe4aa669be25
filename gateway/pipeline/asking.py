"""`Asking`: a prepared call with the targets it may go to, so that it can be tried now, again, or changed."""

from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import Body
from gateway.providers.engines import EngineState, EngineStatus
from gateway.routing.tries import Tries
from gateway.routing.types import Hedge, Target
from gateway.state import Snapshot, State


class Asking(msgspec.Struct, eq=False):
    """`targets` are in the order in which they are tried. Never changed: `structs.replace` makes another."""

    targets: Sequence[Target]
    call: Call
    snapshot: Snapshot
    state: State
    tries: Tries
    hedge: Hedge | None = None

    @property
    def streams(self) -> bool:
        """Whether the answer passes as it comes. What a file operation understood is rendered first."""
        return self.call.stream and self.call.operation.body is Body.JSON

    def attempt(self) -> Coroutine[Any, Any, Reply]:
        """To be awaited. Raises GatewayError when no target answers."""
        dispatcher, providers = self.state.dispatcher, self.snapshot.providers
        return dispatcher.attempt(self.targets, self.call, providers, self.tries, self.hedge)

    def loading(self) -> EngineStatus | None:
        """The first of the targets' engines that is on its way."""
        statuses = (self.state.engines.status(target.provider_id) for target in self.targets)
        return next((status for status in statuses if status and status.state == EngineState.LOADING), None)
