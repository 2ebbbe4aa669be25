"""How a batch asks the gateway it runs in: as its key, the way of every other request. Made by the app."""

import time
from math import inf

from gateway.access.keys import Caller
from gateway.api.exchange import ClientGone
from gateway.api.inference import Inference
from gateway.api.local import LocalExchange
from gateway.batches.lines import Answer
from gateway.errors import GatewayError, RateLimited, Unauthenticated, render
from gateway.jobs.runner import owner_of
from gateway.observe.request_ids import new_request_id
from gateway.state import State

_RECORDING = 3.0
_NO_KEY = "The key that this batch was made with was deleted, disabled or has expired."


class Asking:
    """Keys are looked up by id here, which needs a look at all of them: done once for each state of the gateway."""

    def __init__(self, inference: Inference, state: State) -> None:
        self._inference, self._state = inference, state
        self._snapshot: object = None
        self._callers: dict[str, Caller] = {}

    async def ask(self, path: str, key_id: str, body: bytes) -> Answer:
        """Never raises what a request may end in: that is an answer too."""
        caller = self._caller(key_id)
        if caller is None or (caller.expires_at is not None and caller.expires_at <= time.time()):
            return _refused(Unauthenticated(_NO_KEY), new_request_id())
        exchange = LocalExchange(self._inference, path, {}, body, caller)
        try:
            head = await exchange.begun()
            return Answer(head.status, exchange.request_id, head.body)
        except (GatewayError, ClientGone) as error:
            known = error if isinstance(error, GatewayError) else GatewayError("The gateway failed; its log says why.")
            status, _, content = exchange.render(known)
            never_fits = isinstance(known, RateLimited) and known.retry_after is None
            return Answer(status, exchange.request_id, content, known.retry_after, never_fits)
        finally:
            await exchange.leave()

    async def recorded(self) -> None:
        """Returns when the store has what was asked, so that no crash makes an answer free that a batch has kept; after
        a few seconds all the same."""
        if self._state.recorder is not None:
            await self._state.recorder.settle(_RECORDING)

    def _caller(self, key_id: str) -> Caller | None:
        """Of a key that was rotated, the one that is good for longer."""
        snapshot = self._state.snapshot
        if snapshot is not self._snapshot:
            usable = [caller for caller in snapshot.callers.values() if caller.enabled]
            usable.sort(key=lambda caller: inf if caller.expires_at is None else caller.expires_at)
            self._callers = {owner_of(caller): caller for caller in usable}
            self._snapshot = snapshot
        return self._callers.get(key_id)


def _refused(error: GatewayError, request_id: str) -> Answer:
    status, _, body = render(error, request_id)
    return Answer(status, request_id, body)
