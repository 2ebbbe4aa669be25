"""Long recordings: cut in pauses, the pieces transcribed side by side, their transcripts joined. Called by `handle`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace

from msgspec import structs

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.media.sound import NotSplit, Piece, split_sound
from gateway.openai_api.audio import AudioOptions, Transcript
from gateway.openai_api.audio_events import closing_events, text_deltas
from gateway.openai_api.audio_join import Part, Seams, gap, joined, placed
from gateway.openai_api.audio_length import seconds_at_most
from gateway.openai_api.call import Call, Reply, Take, Upload, Usage
from gateway.pipeline.account import Account
from gateway.pipeline.asking import Asking
from gateway.pipeline.choosing import choose
from gateway.pipeline.targets import ask_targets
from gateway.routing.order import spread
from gateway.routing.tries import Tries
from gateway.routing.types import Route
from gateway.state import MediaLimits

_AHEAD = 2
"""Times as many pieces are cut as are under way, so that mostly the cutting is soon over."""


def is_long(call: Call, route: Route, limits: MediaLimits) -> bool:
    """Whether it is a recording that may have to be cut; only opening it tells for certain."""
    if not isinstance(call.options, AudioOptions):
        return False
    most = (route.splitting or limits.splitting).seconds
    return most > 0 and seconds_at_most(call.files[0].data, call.files[0].media_type) > most


async def answer_long(
    call: Call, route: Route, account: Account, whole: Callable[[Call, Route, Account], Awaitable[Reply]]
) -> Reply:
    """From many targets at once. What turns out to be short, or cannot be read here, is asked for as a `whole`.

    Raises what a piece failed with for good; the others are then called off.
    """
    recording = _Recording(call, route, account)
    try:
        reply = await (recording.streamed() if call.stream else recording.joined())
    except NotSplit:
        account.in_vain, account.pieces = account.pieces, ()
        return await whole(call, route, account)
    finally:
        if recording.stream is None:
            await recording.aclose()
    return reply


class _Recording:
    """One recording on its way: what is cut, sent and heard of it so far."""

    def __init__(self, call: Call, route: Route, account: Account) -> None:
        self._call, self._route, self._account = call, route, account
        media = account.state.media
        self._splitting = route.splitting or media.splitting
        self._lanes = asyncio.Semaphore(self._splitting.parallel)
        self._room = asyncio.Semaphore(self._splitting.parallel * _AHEAD)
        self._heard: asyncio.Queue[tuple[int, Part] | None] = asyncio.Queue()
        self._headers: dict[str, str] = {}
        self._busy = _Busy(account.tries)
        self._running = asyncio.ensure_future(self._run())
        self.stream: _Stream | None = None

    async def joined(self) -> Reply:
        parts = [part async for part in self.parts()]
        return Reply(200, "application/json", b"", self._headers, result=joined(parts))

    async def streamed(self) -> Reply:
        """Begins with the first part, so that what fails before it is an error like any other."""
        parts = self.parts()
        first = await anext(parts)
        self._busy.stop()
        self.stream = _Stream(self, first, parts)
        return Reply(200, "text/event-stream", self.stream, self._headers)

    @property
    def usage(self) -> Usage:
        """Of what was heard so far."""
        return Usage(seconds=sum(usage.seconds or 0.0 for _, usage in self._account.pieces))

    async def parts(self) -> AsyncIterator[Part]:
        """In order, each as soon as nothing can change it any more. Raises NotSplit and GatewayError."""
        seams, early, expected = Seams(), dict[int, Part](), 0
        while (heard := await self._heard.get()) is not None:
            early[heard[0]] = heard[1]
            while expected in early:
                for part in seams.add(early.pop(expected)):
                    yield part
                expected += 1
        await self._running

    async def aclose(self) -> None:
        """Calls off whatever is still under way."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._busy.stop()

    async def _run(self) -> None:
        limits, file, number = self._account.state.media, self._call.files[0], 0
        patience = limits.parting_timeout
        if self._call.deadline is not None:
            patience = min(patience, max(0.0, self._call.deadline - time.monotonic()))
        pieces = split_sound(file.data, file.media_type, self._splitting.seconds, limits.parting, patience)
        try:
            async with asyncio.TaskGroup() as group, aclosing(pieces):
                async for piece in pieces:
                    group.create_task(self._hear(number, piece))
                    number += 1
                    await self._room.acquire()
        except BaseExceptionGroup as several:
            raise _first(several.exceptions) from None
        finally:
            self._heard.put_nowait(None)

    async def _hear(self, number: int, piece: Piece) -> None:
        tries = Tries([], trace=self._account.tries.trace, refused=self._account.tries.refused)
        async with self._lanes:
            with self._busy:
                try:
                    reply = await self._ask(_piece_call(self._call, number, piece), tries)
                finally:
                    self._account.tries.attempts += tries.attempts
        if not isinstance(reply.result, Transcript):
            raise UpstreamBadResponse("The provider's answer was not understood.")
        if (target := tries.answered_by) is not None:
            told = (target, structs.replace(reply.usage or Usage(), seconds=piece.ends - piece.begins))
            self._account.pieces = (*self._account.pieces, told)
        self._headers |= reply.headers
        transcript = placed(reply.result, piece.start, number + 1)
        self._heard.put_nowait((number, Part(transcript, piece.begins, piece.ends, piece.tail > 0)))
        self._room.release()

    async def _ask(self, call: Call, tries: Tries) -> Reply:
        """As any other call, but for where it may go."""
        route, snapshot, state = self._route, self._account.snapshot, self._account.state
        targets = choose(route, call, snapshot, state)
        if self._splitting.spread:
            targets = spread(targets, route, snapshot.providers, state.dispatcher.vitals)
        return await ask_targets(Asking(targets, call, snapshot, state, tries, route.hedge), route)


class _Stream:
    """Deltas in order as pieces are heard, then the whole text."""

    def __init__(self, recording: _Recording, first: Part, others: AsyncIterator[Part]) -> None:
        self._recording, self._first, self._others = recording, first, others

    @property
    def usage(self) -> Usage:
        return self._recording.usage

    async def pour(self, take: Take) -> None:
        async for events in self._events():
            if events and (waiting := take(events)) is not None:
                await waiting

    async def _events(self) -> AsyncIterator[list[bytes]]:
        text = ""
        try:
            async for part in _behind(self._first, self._others):
                between = gap(text, part.transcript.text)
                text += between + part.transcript.text
                yield text_deltas(part.transcript, between)
        except NotSplit:
            raise InvalidRequest("The recording could not be read to its end.", param="file") from None
        yield closing_events(text)

    async def aclose(self) -> None:
        await self._recording.aclose()


class _Busy:
    """Counts the time in which at least one piece is with a target, as what the request waited for."""

    def __init__(self, tries: Tries) -> None:
        self._tries, self._under_way, self._since = tries, 0, 0.0
        self._stopped = False

    def __enter__(self) -> None:
        if not self._under_way:
            self._since = time.monotonic()
        self._under_way += 1

    def __exit__(self, *_: object) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._count()

    def stop(self) -> None:
        """The answer begins: what follows is no waiting."""
        if self._under_way:
            self._count()
        self._stopped = True

    def _count(self) -> None:
        if not self._stopped:
            self._tries.upstream_seconds += time.monotonic() - self._since


def _piece_call(call: Call, number: int, piece: Piece) -> Call:
    """`prompt` says how the recording begins: it belongs to the first piece."""
    assert isinstance(call.options, AudioOptions)
    options, fields = call.options, call.fields
    if number:
        options, fields = replace(options, prompt=None), {n: value for n, value in fields.items() if n != "prompt"}
    name = f"{call.files[0].filename.rpartition('.')[0] or 'piece'}-{number + 1}.flac"
    files = (Upload(name, "audio/flac", piece.data),)
    return call.replaced(files=files, options=options, fields=fields, stream=False)


def _first(errors: Iterable[BaseException]) -> BaseException:
    """What a piece failed with says more than that the recording could not be cut to its end."""
    known = list(errors)
    return next((error for error in known if not isinstance(error, NotSplit)), known[0])


async def _behind(first: Part, others: AsyncIterator[Part]) -> AsyncIterator[Part]:
    yield first
    async for part in others:
        yield part
