"""How a stream of an upstream ends, and what may take its place where it breaks."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import pytest

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout
from gateway.openai_api.call import Call, Enough, Reply, Take, Usage
from gateway.openai_api.operations import CHAT, COMPLETIONS
from gateway.openai_api.sse import DONE
from gateway.pipeline.asking import Asking
from gateway.pipeline.stream_guard import GuardedStream
from gateway.providers import stream
from gateway.providers.base import Timeouts
from gateway.providers.exchange import Upstream
from gateway.providers.json_calls import send_json
from gateway.providers.stream import AFTER_FINISH, ChunkStream
from gateway.providers.transport.base import HttpRequest, HttpResponse, TakeBody
from gateway.routing import first_content
from gateway.routing.first_content import begun
from gateway.routing.tries import Tries
from gateway.routing.types import Attempt, StreamPolicy, Target
from gateway.routing.vitals import Vital


def chunk(index: int | None = 0, finish: str | None = None, **delta: object) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "x", "created": 1, "choices": [choice]}).encode() + b"\n\n"


class Response:
    """An `HttpResponse` whose body comes in these pieces and then ends, or fails with `error`."""

    status = 200
    headers: Mapping[str, str] = {"content-type": "text/event-stream"}

    def __init__(self, *pieces: bytes, error: GatewayError | None = None) -> None:
        self._pieces, self._error = list(pieces), error
        self.idle = 60.0

    async def read(self, limit: int) -> bytes:
        return b"".join(self._pieces)

    async def pour(self, take: TakeBody) -> None:
        while self._pieces:
            if (waiting := take(self._pieces.pop(0))) is not None:
                await waiting
        if self._error is not None:
            raise self._error

    async def drain(self, seconds: float) -> None: ...

    async def aclose(self) -> None: ...


async def poured(response: Response, **how: Any) -> list[bytes]:
    events: list[bytes] = []
    await ChunkStream(response, **how).pour(events.extend)
    return events


# --- ends ---


async def test_of_two_answers_one_is_not_all() -> None:
    with pytest.raises(UpstreamBadResponse, match="ended before"):
        await poured(Response(chunk(content="a"), chunk(finish="stop")), choices=2)
    both = (chunk(content="a"), chunk(finish="stop"), chunk(1, content="b"), chunk(1, "stop"))
    assert (await poured(Response(*both), choices=2))[-1] == DONE
    assert (await poured(Response(*both[:2], DONE), choices=2))[-1] == DONE, "who says so is believed"


async def test_a_pause_between_two_answers_is_no_end() -> None:
    response = Response(chunk(content="a"), chunk(finish="stop"), error=UpstreamTimeout("silent"))
    with pytest.raises(UpstreamTimeout):
        await poured(response, choices=2)
    assert response.idle == 60


@pytest.mark.parametrize("error", [UpstreamBadResponse("cut"), UpstreamTimeout("silent")])
@pytest.mark.parametrize("rest", [b"", b'data: {"choices":[],"usa'])
async def test_whatever_happens_behind_a_whole_answer_does_not_undo_it(error: GatewayError, rest: bytes) -> None:
    whole = [chunk(content="a"), chunk(finish="stop")]
    assert await poured(Response(*whole, rest or b"\n", error=error)) == [*whole, DONE]
    with pytest.raises(type(error)):
        await poured(Response(whole[0], error=error))


async def test_an_error_behind_a_whole_answer_is_told() -> None:
    events = (chunk(content="a"), chunk(finish="stop"), b'data: {"error":{"message":"died"}}\n\n')
    with pytest.raises(UpstreamBadResponse):
        await poured(Response(*events))


async def test_an_empty_chunk_behind_the_end_does_not_begin_the_answer_anew() -> None:
    pieces = (chunk(content="a"), chunk(finish="stop"), chunk(role="assistant", content=""))
    assert await poured(Response(*pieces)) == [*pieces, DONE]


async def test_an_answer_that_comes_in_one_piece_waits_no_longer_for_its_end_than_others() -> None:
    response = Response(chunk(content="a") + chunk(finish="stop"))
    source = ChunkStream(response)

    def stop_at_once(events: list[bytes]) -> None:
        raise Enough

    with pytest.raises(Enough):
        await source.pour(stop_at_once)
    assert response.idle == AFTER_FINISH


async def test_signs_of_life_do_not_keep_a_finished_answer_open(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(float(n) for n in range(1, 1000))
    monkeypatch.setattr(stream, "time", Clock(now.__next__))
    response = Response(chunk(content="a"), chunk(finish="stop"), *[b": ping\n\n"] * 500)
    events = await poured(response)
    assert events[-1] == DONE
    assert events.count(b": ping\n\n") == AFTER_FINISH + 1


async def test_an_answer_that_goes_on_behind_its_end_is_not_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of servers that give every chunk a reason to end."""
    now = iter(float(n) for n in range(1, 1000))
    monkeypatch.setattr(stream, "time", Clock(now.__next__))
    pieces = [chunk(finish="stop", content=f"word{n}") for n in range(20)]
    response = Response(*pieces)
    assert await poured(response) == [*pieces, DONE]
    assert response.idle == 60.0, "so long its server may pause"


async def test_an_answer_that_begins_later_must_end_as_well() -> None:
    with pytest.raises(UpstreamBadResponse):
        await poured(Response(chunk(content="a"), chunk(1, content="b"), chunk(finish="stop")))


async def test_figures_in_every_chunk_are_those_of_the_last() -> None:
    """As vLLM sends them with `continuous_usage_stats`: a caller who leaves early has used as much as was told."""

    def told(tokens: int) -> bytes:
        usage = f'"usage":{{"prompt_tokens":3,"completion_tokens":{tokens}}}'
        return b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],%b}\n\n' % usage.encode()

    source = ChunkStream(Response(*map(told, range(1, 6))))
    with pytest.raises(UpstreamBadResponse):
        await source.pour(lambda events: None)
    assert source.usage == Usage(3, 5)


class Clock:
    def __init__(self, monotonic: Any) -> None:
        self.monotonic = monotonic


async def test_what_says_nothing_is_held_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_content, "MAX_UNSAID", 10_000)
    barren = [b": " + b"x" * 998 + b"\n\n"] * 20
    with pytest.raises(UpstreamBadResponse, match="say nothing"):
        await begun(ChunkStream(Response(*barren, chunk(content="a"), DONE)), Vital())
    body = await begun(ChunkStream(Response(*barren[:9], chunk(content="a"), DONE)), Vital())
    events: list[bytes] = []
    await body.pour(events.extend)
    assert len(events) == 11


# --- breaks ---


@dataclass
class Broken:
    """A `ByteStream` that breaks behind these events, unless it is done."""

    events: list[bytes]
    usage: Usage | None = None

    async def pour(self, take: Take) -> None:
        while self.events:
            event = self.events.pop(0)
            take([event])
            if event == DONE:
                return
        raise UpstreamBadResponse("The provider's answer was cut off.")

    async def aclose(self) -> None: ...


class Scene(msgspec.Struct):
    """As much of an `Asking` as the guard needs: each attempt is answered by the next stream."""

    streams: list[list[bytes]]
    targets: list[Target] = msgspec.field(default_factory=lambda: [Target("a", "m")])
    call: Call = msgspec.field(
        default_factory=lambda: Call(CHAT, "m", "r", time.monotonic(), b'{"messages":[]}', stream=True)
    )
    tries: Tries = msgspec.field(default_factory=Tries)

    async def attempt(self) -> Reply:
        self.tries.attempts.append(Attempt(self.targets[0], "200", 0.0))
        return Reply(200, "text/event-stream", Broken(self.streams.pop(0)))


async def guarded(first: list[bytes], *others: list[bytes]) -> list[bytes]:
    scene = Scene(list(map(list, others)))
    events: list[bytes] = []
    await GuardedStream(Broken(list(first)), cast(Asking, scene), StreamPolicy.CONTINUE).pour(events.extend)
    return events


async def test_who_takes_over_does_not_think_aloud_again() -> None:
    thoughts = [chunk(role="assistant"), chunk(reasoning_content="Let "), chunk(reasoning_content="me ")]
    answer = [chunk(content="yes"), chunk(finish="stop"), DONE]
    assert await guarded(thoughts, [*thoughts, chunk(reasoning="see"), *answer]) == [*thoughts, *answer]


async def test_an_answer_that_says_something_else_is_not_whose_answer_it_was() -> None:
    first, other = Target("a", "m"), Target("b", "m")
    scene = Scene([[chunk(content="three"), chunk(finish="stop"), DONE]], [other])
    scene.tries.attempts.append(Attempt(first, "200", 0.0))
    broken = Broken([chunk(content="one ")], Usage(1, 2))
    kept = GuardedStream(broken, cast(Asking, scene), StreamPolicy.CONTINUE)
    with pytest.raises(UpstreamBadResponse, match="cut off"):
        await kept.pour(lambda events: None)
    assert scene.tries.answered_by is first
    assert [attempt.outcome for attempt in scene.tries.attempts] == ["200", "cancelled"]
    assert kept.usage == Usage(1, 2)


@pytest.mark.parametrize("created", [1.5, "now"])
async def test_what_cannot_be_read_is_not_said_twice(created: object) -> None:
    def odd(text: str) -> bytes:
        return chunk(content=text).replace(b'"created": 1', b'"created": ' + json.dumps(created).encode())

    with pytest.raises(UpstreamBadResponse, match="cut off"):
        await guarded([odd("one "), odd("two ")], [chunk(content="one two three"), chunk(finish="stop"), DONE])


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": None}, 1),
        ({"n": 0}, 1),
        ({"n": 10**30}, 1),
        ({"prompt": "a"}, 1),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1, 2], [3]]}, 2),
        ({"prompt": []}, 1),
    ],
)
async def test_how_many_answers_a_stream_must_bring(fields: dict[str, Any], choices: int) -> None:
    asked = {"model": "m", "stream": True, "prompt": "hi", **fields}
    call = Call(COMPLETIONS, "m", "r", time.monotonic(), json.dumps(asked).encode(), stream=True)
    ended = [chunk(index, "stop") for index in range(choices)]

    async def answered(*pieces: bytes) -> list[bytes]:
        reply = await send_json(Answering(*pieces), Upstream("http://upstream/v1", {}, Timeouts()), call, "m")
        assert not isinstance(reply.body, bytes)
        events: list[bytes] = []
        await reply.body.pour(events.extend)
        return events

    assert await answered(*ended) == [*ended, DONE]
    with pytest.raises(UpstreamBadResponse):
        await answered(*ended[1:])


class Answering:
    """A `Transport` whose upstream answers with these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def send(self, request: HttpRequest) -> HttpResponse:
        return Response(*self._pieces)

    async def aclose(self) -> None: ...
