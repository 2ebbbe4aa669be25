"""Keeps an answer going when its target breaks in the middle: continued or begun anew elsewhere, never just cut."""

from collections.abc import AsyncIterator
from dataclasses import replace

from gateway.errors import GatewayError
from gateway.openai_api.call import ByteStream, Reply, Usage
from gateway.openai_api.chunks import only_role
from gateway.openai_api.continuation import SaidSoFar, can_continue, continuation, restart_event
from gateway.openai_api.operations import COMPLETIONS, Body
from gateway.pipeline.asking import Asking
from gateway.routing.types import StreamPolicy, Target

_RECOVERIES = 3
"""In one answer; after that the caller is told."""


def guard_stream(reply: Reply, asking: Asking, policy: StreamPolicy) -> Reply:
    """The reply with its stream guarded where the policy asks for it and the kind of answer allows it."""
    if isinstance(reply.body, bytes) or policy is StreamPolicy.ERROR or asking.call.operation.body is not Body.JSON:
        return reply
    if policy is StreamPolicy.CONTINUE and not can_continue(asking.call.body):
        return reply
    return replace(reply, body=GuardedStream(reply.body, asking, policy))


class GuardedStream:
    """Events of the first target, then of those that took over.

    `continue`: a target that can goes on behind the text said so far; nobody notices. `restart`: a chunk marked
    `"gateway": {"restart": true}`, then a whole new answer. Raises the failure where no target takes over.
    """

    def __init__(self, stream: ByteStream, asking: Asking, policy: StreamPolicy) -> None:
        self._stream, self._asking, self._policy = stream, asking, policy
        self._said = SaidSoFar()

    @property
    def usage(self) -> Usage | None:
        return self._stream.usage

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for recovery in range(_RECOVERIES + 1):
            try:
                async for event in self._events(goes_on=recovery > 0 and self._policy is StreamPolicy.CONTINUE):
                    yield event
                return
            except GatewayError as error:
                if recovery == _RECOVERIES or not await self._recover(error):
                    raise
            if self._policy is StreamPolicy.RESTART:
                yield restart_event(self._said)
                self._said = SaidSoFar()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def _events(self, *, goes_on: bool) -> AsyncIterator[bytes]:
        """A stream that goes on does not introduce its speaker again."""
        async for event in self._stream:
            if goes_on and only_role(event):
                continue
            self._said.note(event)
            yield event

    async def _recover(self, error: GatewayError) -> bool:
        """Whether another stream took the place of the broken one."""
        await self._stream.aclose()
        if not error.retryable or self._said.finished:
            return False
        for asking in self._askings():
            try:
                reply = await asking.attempt()
            except GatewayError:
                continue
            if not isinstance(reply.body, bytes):
                self._stream = reply.body
                return True
        return False

    def _askings(self) -> list[Asking]:
        """Whom to ask for the rest, the target that broke last of all. Each may want to be asked in its own way."""
        broken = self._asking.tries.answered_by
        targets = sorted(self._asking.targets, key=lambda target: target == broken)
        if self._policy is StreamPolicy.RESTART:
            return [replace(self._asking, targets=targets)]
        if not self._said.joinable:
            return []
        return [asking for target in targets if (asking := self._continued(target))]

    def _continued(self, target: Target) -> Asking | None:
        call = self._asking.call
        if not self._said.count:
            return replace(self._asking, targets=[target])
        if not target.prefill and call.operation is not COMPLETIONS:
            return None
        body = continuation(call.body, self._said, target.prefill)
        return replace(self._asking, targets=[target], call=replace(call, body=body))
