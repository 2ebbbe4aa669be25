"""What a dialect is: requests of another API read as chat completions, and their answers told in its words.

Everything between the two, from limits to the guard of streams, knows chat completions alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from gateway.dialects.chat import Chat, read_chat
from gateway.errors import GatewayError, UpstreamBadResponse
from gateway.openai_api.call import ByteStream, Take, Usage
from gateway.openai_api.sse import data_of, is_done, plain_data

Rendered = tuple[int, list[tuple[str, str]], bytes]
"""An error on the wire: status, headers, body."""


class Translation(ABC):
    """One request. `chat` is the JSON object of the chat completion that the targets are asked for."""

    chat: bytes
    goes_on = False
    """Whether the answer must go on behind the last message, which is the assistant's."""

    @abstractmethod
    def named(self, error: GatewayError) -> GatewayError:
        """An error found in the chat, told of the request that it was made of."""

    @abstractmethod
    def whole(self, chat: Chat) -> dict[str, Any]:
        """The answer's JSON object."""

    @abstractmethod
    def speaker(self) -> "Speaker":
        """For an answer that streams."""

    def answer(self, body: bytes) -> bytes:
        """The whole body of a chat completion, told in this dialect. Raises UpstreamBadResponse."""
        told = self.whole(_read(body))
        try:
            return orjson.dumps(told)
        except orjson.JSONEncodeError:
            raise _too_deep() from None


class Speaker(ABC):
    """Tells one stream. Each method returns the events that are due."""

    @abstractmethod
    def begin(self, chat: Chat) -> list[bytes]:
        """Behind the first chunk, which `hear` is given too."""

    @abstractmethod
    def hear(self, chat: Chat) -> list[bytes]:
        """What a chunk adds. Raises UpstreamBadResponse."""

    @abstractmethod
    def end(self) -> list[bytes]:
        """The answer is complete."""

    def fail(self, error: GatewayError) -> list[bytes]:
        """What an answer that breaks says before the error itself is told."""
        return []


class TranslatedStream:
    """A stream of chat chunks as the events of another API. Comments pass as they are."""

    def __init__(self, source: ByteStream, translation: Translation) -> None:
        self._source, self._translation = source, translation
        self._speaker = translation.speaker()
        self._begun = False

    @property
    def usage(self) -> Usage | None:
        return self._source.usage

    async def pour(self, take: Take) -> None:
        try:
            await self._source.pour(partial(self._pass, take))
        except GatewayError as found:
            error = self._translation.named(found)
            told = self._speaker.fail(error) if self._begun else []
            if told and (waiting := take(told)) is not None:
                await waiting
            raise error from None

    async def aclose(self) -> None:
        await self._source.aclose()

    def _pass(self, take: Take, events: list[bytes]) -> Awaitable[None] | None:
        """What comes before an event that cannot be told is passed on before that is raised."""
        told: list[bytes] = []
        try:
            for one in events:
                told += self._told(one)
        except GatewayError as error:
            if not told or (waiting := take(told)) is None:
                raise
            return _failed(waiting, error)
        return take(told) if told else None

    def _told(self, one: bytes) -> list[bytes]:
        data = plain_data(one) or data_of(one)
        if data is None:
            return [one]
        if is_done(one):
            return self._speaker.end()
        chat = _read(data)
        if chat.restarts:
            raise UpstreamBadResponse("The provider's stream broke, and this API cannot begin an answer anew.")
        opening = [] if self._begun else self._speaker.begin(chat)
        self._begun = True
        return opening + self._speaker.hear(chat)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One endpoint of another API. `translate` reads a request's body and raises InvalidRequest; the next two tell an
    error and the request's id, before a stream has begun and within it. `id_header` is where clients of that API look
    for the id; answers have it beside `x-request-id`."""

    path: str
    translate: Callable[[bytes], Translation]
    render: Callable[[GatewayError, str], Rendered]
    render_event: Callable[[GatewayError, str], bytes]
    id_header: str = ""


def event(kind: str, document: dict[str, Any]) -> bytes:
    """A named event of server-sent events, whose document repeats its name as `type`."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **document}))


async def _failed(waiting: Awaitable[None], error: GatewayError) -> None:
    await waiting
    raise error


def _read(data: bytes) -> Chat:
    """Raises UpstreamBadResponse."""
    try:
        return read_chat(data)
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider's answer is nested too deeply.")
