"""A stream of an upstream, checked event by event: what is cut, silent, garbage or an error never ends as a success."""

import re
import time
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Annotated

import msgspec

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout
from gateway.openai_api.call import Enough, Take, Usage
from gateway.openai_api.chunks import read_chunk
from gateway.openai_api.sse import DONE, EventSplitter, data_of, is_done, plain_data
from gateway.openai_api.sse import event as sse_event
from gateway.providers.failures import ABSENT, failure_inside, failure_of_choice, failure_of_prompt, is_told
from gateway.providers.transport.base import HttpResponse, TakeBody
from gateway.providers.usage import read_usage

MAX_EVENT = 8 * 2**20
AFTER_FINISH = 5.0
"""Seconds a finished answer waits for usage and `[DONE]`; then it is complete without them."""
DRAIN = 0.05
"""Seconds to wait after `[DONE]` for the end of the body, so that the connection can be kept."""

_FIELDS = (b":", b"event:", b"id:", b"retry:")
_ERRORS = (b"event: error", b"event:error")
_SILENT = re.compile(
    rb'"type"\s*:\s*"ping"|"choices"\s*:\s*null|"object"\s*:\s*"(?:chat\.completion\.chunk|text_completion)"'
)
"""Anthropic's sign of life, which no client of OpenAI's API knows, and chunks that lack `choices`, as none expects."""


class _Choice(msgspec.Struct):
    index: int | None = 0
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    """OpenRouter's, of the provider behind it."""
    error: msgspec.Raw = ABSENT


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _NextPiece(msgspec.Struct):
    index: int | None = 0
    finish_reason: None = None
    native_finish_reason: None = None
    error: None = None


class _NextChunk(msgspec.Struct):
    """Another piece of one answer, which nearly all events are; whatever says more than that does not fit."""

    choices: Annotated[list[_NextPiece], msgspec.Meta(min_length=1, max_length=1)]
    usage: msgspec.Raw = ABSENT
    error: None = None


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_next = msgspec.json.Decoder(_NextChunk).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ChunkStream:
    """Chat and completion chunks as complete SSE events, ending with `[DONE]` only when the answer is complete.

    Complete means: the upstream said `[DONE]`, or each of the `choices` that were asked for had its `finish_reason`
    before the body ended, was cut or fell silent. `usage` is what has been told so far; all of it once the stream has
    ended.
    """

    def __init__(
        self,
        response: HttpResponse,
        secrets: Iterable[str] = (),
        *,
        choices: int = 1,
        hide_usage: bool = False,
        limit: int = MAX_EVENT,
    ) -> None:
        self._response = response
        self._splitter = EventSplitter(limit)
        self._secrets = tuple(secrets)
        self._hide_usage = hide_usage
        self._choices = choices
        self._open: set[int | None] = set()
        self._closed: set[int | None] = set()
        self._ends = self._idle = 0.0
        self._begun = self._done = False
        self._failure: GatewayError | None = None
        self.usage: Usage | None = None

    async def pour(self, take: Take) -> None:
        try:
            if self._failure is not None:
                raise self._failure
            if not self._done:
                await self._receive(take)
            await self._response.drain(DRAIN)
        except Enough:
            raise
        except BaseException:
            await self._response.aclose()
            raise

    async def aclose(self) -> None:
        self._failure = None  # its traceback holds the frames that hold this stream
        await self._response.aclose()

    @property
    def _finished(self) -> bool:
        return not self._open and len(self._closed) >= self._choices

    async def _receive(self, take: Take) -> None:
        """Until `[DONE]`, the end of the body, or a silence when all was said."""
        try:
            await self._read_body(partial(self._pass, take))
        except Enough:
            if not self._done:
                raise
            return
        if not self._finished:
            raise UpstreamBadResponse("The provider's stream ended before the answer was complete.")
        self._done = True
        if (waiting := take([DONE])) is not None:
            await waiting

    async def _read_body(self, take: TakeBody) -> None:
        try:
            await self._response.pour(take)
        except (UpstreamTimeout, UpstreamBadResponse):
            if not self._finished or self._failure is not None:
                raise
            return
        if self._splitter.rest.strip() and (waiting := take(b"\n\n")) is not None:
            await waiting

    def _pass(self, take: Take, data: bytes) -> Awaitable[None] | None:
        """The events that are complete now; what comes before a bad one is passed on before that is raised."""
        chunk = self._splitter.one_plain(data)
        if chunk is not None and not self._closed and self._goes_on(chunk):
            return take([data])
        return self._pass_checked(take, self._splitter.feed(data))

    def _goes_on(self, data: bytes) -> bool:
        """Whether a chunk is just another piece of a choice that has begun."""
        try:
            if not data.isascii():
                data.decode()
            chunk = _decode_next(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if chunk.choices[0].index not in self._open:
            return False
        if chunk.usage is not ABSENT:
            self._note_figures(chunk.usage)
        return True

    def _pass_checked(self, take: Take, events: list[bytes]) -> Awaitable[None] | None:
        events = self._accepted(events)
        if self._closed and self._finished and not self._done:
            self._expect_end(events)
        waiting = take(events) if events else None
        if self._done or self._failure is not None:
            if waiting is None:
                raise self._failure or Enough()
            return _stopped(waiting, self._failure)
        return waiting

    def _expect_end(self, events: list[bytes]) -> None:
        """A finished answer ends soon, whatever its upstream still does to keep the connection alive. One that says
        more was not finished: some servers give every chunk a `finish_reason`."""
        now = time.monotonic()
        if not self._ends:
            self._ends, self._idle = now + AFTER_FINISH, self._response.idle
            self._response.idle = min(self._idle, AFTER_FINISH)
        elif any(map(_says_more, events)):
            self._ends, self._response.idle = now + AFTER_FINISH, self._idle
        elif now > self._ends and self._failure is None:
            self._done = True
            events.append(DONE)

    def _accepted(self, events: list[bytes]) -> list[bytes]:
        """Up to `[DONE]`, or to the one that is a failure."""
        accepted = []
        try:
            for event in events:
                if passed := self._accept(event):
                    accepted.append(event if passed is True else passed)
                    if self._done:
                        break
        except GatewayError as error:
            self._failure = error
        return accepted

    def _accept(self, event: bytes) -> bool | bytes:
        """True for events to pass on, or what is passed on instead. Comments are passed: they show that the upstream
        lives."""
        plain = plain_data(event)
        data = plain or self._unusual(event)
        if isinstance(data, bool):
            return data
        try:
            if not data.isascii():
                data.decode()
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise (failure_inside(data, self._secrets) if event.startswith(_ERRORS) else _invalid()) from None
        if chunk.error is not ABSENT or not plain:
            self._refuse_error(event, data, chunk)
        for choice in chunk.choices or ():
            if choice.index not in self._open or choice.finish_reason or choice.error is not ABSENT:
                self._note_choice(choice)
        return self._note_usage(chunk, data) if chunk.usage is not ABSENT or not chunk.choices else True

    def _unusual(self, event: bytes) -> bytes | bool:
        """Whether to pass on an event that is no chunk, or the data of one that must be."""
        data = data_of(event)
        if data is None:
            if event.isspace():
                return False
            if not all(line.startswith(_FIELDS) for line in event.splitlines() if line):
                raise _invalid()
            return True
        if is_done(event):
            if not self._begun:
                raise UpstreamBadResponse("The provider's stream was empty.")
            self._done = True
            return True
        return data if data.strip() and not event.startswith((b"event: ping", b"event:ping")) else False

    def _note_choice(self, choice: _Choice) -> None:
        """One that begins, ends or fails here."""
        self._begun = True
        if choice.error is not ABSENT or choice.finish_reason:
            self._refuse_broken(choice)
        if choice.finish_reason:
            self._open.discard(choice.index)
            self._closed.add(choice.index)
        elif choice.index not in self._closed:
            self._open.add(choice.index)

    def _refuse_error(self, event: bytes, data: bytes, chunk: _Chunk) -> None:
        if event.startswith(_ERRORS) or is_told(chunk.error):
            raise failure_inside(data, self._secrets)

    def _refuse_broken(self, choice: _Choice) -> None:
        reasons = choice.finish_reason, choice.native_finish_reason
        if (broken := failure_of_choice(choice.error, reasons, self._secrets)) is not None:
            raise broken

    def _note_usage(self, chunk: _Chunk, data: bytes) -> bool | bytes:
        """Whether the caller is to see this chunk, which tells of usage or of nothing, or how. Clients look for
        `choices` in each."""
        told = chunk.usage is not ABSENT and self._note_figures(chunk.usage)
        if not self._begun and (refused := failure_of_prompt(data)) is not None:
            raise refused
        if chunk.choices is None and not told:
            if _SILENT.search(data):
                return False
            raise self._another_kind(data)
        if chunk.choices or not (self._hide_usage and told):
            return True if chunk.choices is not None else _with_choices(data)
        return False

    def _note_figures(self, usage: msgspec.Raw) -> bool:
        """Whether there are any."""
        if bytes(usage) == b"null":
            return False
        self.usage = read_usage(usage) or self.usage
        return True

    def _another_kind(self, data: bytes) -> GatewayError:
        """Older engines tell an error without saying so."""
        if b'"message"' in data or b'"detail"' in data:
            return failure_inside(data, self._secrets)
        return UpstreamBadResponse("The provider's stream holds an event of another kind.")


def _says_more(event: bytes) -> bool:
    chunk = read_chunk(event)
    return chunk is not None and any(c.text or (c.delta and c.delta.says_something()) for c in chunk.choices)


async def _stopped(waiting: Awaitable[None], failure: GatewayError | None) -> None:
    await waiting
    raise failure or Enough()


def _with_choices(data: bytes) -> bytes:
    return sse_event(msgspec.json.encode({**_decode_members(data), "choices": []}))


def _invalid() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider's stream holds an event that is not valid.")
