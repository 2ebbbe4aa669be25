"""Keeps an answer going when its target breaks in the middle: continued or begun anew elsewhere, never just cut."""

from collections.abc import Awaitable, Iterator
from contextlib import suppress
from functools import partial

from msgspec import structs

from gateway.errors import GatewayError
from gateway.openai_api.call import ByteStream, Enough, Reply, Take, Usage
from gateway.openai_api.chunks import Choice, only_role, read_chunk
from gateway.openai_api.continuation import (
    CatchingUp,
    SaidSoFar,
    can_continue,
    continuation,
    restart_event,
    with_tokens_before,
)
from gateway.openai_api.operations import COMPLETIONS, Body
from gateway.pipeline.asking import Asking
from gateway.routing.types import StreamPolicy, Target

_RECOVERIES = 3
"""In one answer; after that the caller is told."""


def guard_stream(reply: Reply, asking: Asking, policy: StreamPolicy) -> Reply:
    """The same reply, with its stream guarded where the policy asks for it and the kind of answer allows it."""
    if isinstance(reply.body, bytes) or policy is StreamPolicy.ERROR or asking.call.operation.body is not Body.JSON:
        return reply
    if policy is StreamPolicy.CONTINUE and not can_continue(asking.call.document()):
        return reply
    reply.body = GuardedStream(reply.body, asking, policy)
    return reply


class GuardedStream:
    """Events of the first target, then of those that took over.

    `continue`: a target that can goes on behind the text said so far, or another says the same again, which is held
    back, and then the rest; nobody notices. `restart`: a chunk marked `"gateway": {"restart": true}`, then a whole
    new answer. Raises the failure where no target takes over.
    """

    def __init__(self, stream: ByteStream, asking: Asking, policy: StreamPolicy) -> None:
        self._stream, self._asking, self._policy = stream, asking, policy
        self._said = SaidSoFar()
        self._said_before = 0
        self._held: list[bytes] = []
        self._recoveries = 0
        self._broken = asking.tries.answered_by

    @property
    def usage(self) -> Usage | None:
        """Of the last target, with the output of those before it counted in."""
        usage = self._stream.usage
        if usage is None or usage.output_tokens is None:
            return usage
        return structs.replace(usage, output_tokens=usage.output_tokens + self._said_before)

    async def pour(self, take: Take) -> None:
        taker = partial(self._pass, take)
        while True:
            try:
                return await self._stream.pour(taker)
            except GatewayError as error:
                if self._recoveries == _RECOVERIES or not await self._recover(error):
                    raise
            self._recoveries += 1
            if (waiting := self._bridge(take)) is not None:
                await waiting

    def _pass(self, take: Take, events: list[bytes]) -> Awaitable[None] | None:
        """A stream that goes on neither introduces its speaker again nor thinks aloud again, and tells the usage of
        the whole answer."""
        if self._recoveries and self._policy is StreamPolicy.CONTINUE:
            events = [event for event in events if not (only_role(event) or _only_thinks(event))]
            events = [with_tokens_before(event, self._said_before) for event in events]
        self._said.note(events)
        return take(events) if events else None

    def _bridge(self, take: Take) -> Awaitable[None] | None:
        """What comes between the broken stream and the one that took its place."""
        if self._policy is StreamPolicy.RESTART:
            marked, self._said = restart_event(self._said), SaidSoFar()
            return take([marked])
        held, self._held = self._held, []
        return self._pass(take, held)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def _recover(self, error: GatewayError) -> bool:
        """Whether another stream took the place of the broken one."""
        await self._stream.aclose()
        if not error.retryable or self._said.finished:
            return False
        targets = sorted(self._asking.targets, key=lambda target: target == self._broken)
        if self._policy is StreamPolicy.RESTART:
            return await self._take_over(structs.replace(self._asking, targets=targets))
        if not self._said.joinable or not self._said.head:
            return False  # something that cannot be read was said, or nothing
        for asking in self._continuations(targets):
            if await self._take_over(asking):
                self._said_before = self._said.count
                return True
        return await self._catch_up(structs.replace(self._asking, targets=targets))

    async def _take_over(self, asking: Asking) -> bool:
        try:
            reply = await asking.attempt()
        except GatewayError:
            return False
        if isinstance(reply.body, bytes):
            return False
        self._stream = reply.body
        self._broken = asking.tries.answered_by
        return True

    def _continuations(self, targets: list[Target]) -> Iterator[Asking]:
        """Each target that can go on behind a text, asked in its own way."""
        call = self._asking.call
        for target in targets if self._said.count else ():
            if target.prefill or call.operation is COMPLETIONS:
                body = continuation(call.body, self._said, target.prefill, goes_on=call.goes_on)
                yield structs.replace(self._asking, targets=[target], call=call.replaced(body=body))

    async def _catch_up(self, asking: Asking) -> bool:
        """Ask for the whole answer again, and pass on what comes behind the text said so far if it is the same text.
        Else the answer stays that of the broken stream."""
        broken = self._stream
        if not await self._take_over(asking):
            return False
        if await self._is_caught_up():
            return True
        await self._stream.aclose()
        self._stream = broken
        asking.tries.discard()
        return False

    async def _is_caught_up(self) -> bool:
        ahead = CatchingUp(self._said.text)

        def compare(events: list[bytes]) -> None:
            for event in events:
                if passed := event if ahead.done else ahead.feed(event):
                    self._held.append(passed)
            if ahead.done or ahead.diverged:
                raise Enough

        try:
            with suppress(Enough):
                await self._stream.pour(compare)
        except GatewayError:
            return False
        return ahead.done


def _only_thinks(event: bytes) -> bool:
    """Whether a chunk has nothing of the answer itself."""
    chunk = read_chunk(event)
    return chunk is not None and bool(chunk.choices) and not any(map(_answers, chunk.choices))


def _answers(choice: Choice) -> bool:
    more = choice.delta is not None and choice.delta.says_more_than_text()
    return more or bool(choice.said() or choice.finish_reason)
