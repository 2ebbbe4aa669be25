"""How an upstream model behaves: one function, or one that makes it, for each kind of misfortune."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from gateway.certify.answer import DONE, Question, ending, opening, tokens, whole
from gateway.certify.wire import Exchange

Behaviour = Callable[[Exchange, Question], Awaitable[None]]

_PACE = 0.004
"""Seconds between tokens."""
_MALFORMED = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":" torn\n\n'


async def well(exchange: Exchange, question: Question) -> None:
    if not question.stream:
        await exchange.send_json(200, whole(question))
        return
    await exchange.begin()
    await _send(exchange, [opening(question), *tokens(question), *ending(question), DONE])
    await exchange.end()


async def reset(exchange: Exchange, question: Question) -> None:
    exchange.reset()


async def silent(exchange: Exchange, question: Question) -> None:
    await exchange.until_gone()


def refuse(status: int, code: str, message: str, retry_after: int | None = None) -> Behaviour:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}

    async def refusing(exchange: Exchange, question: Question) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        await exchange.send_json(status, {"error": error}, headers)

    return refusing


async def refuse_prefill(exchange: Exchange, question: Question) -> None:
    """As models do that insist on the last word being the user's."""
    if question.prefill:
        message = (
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
        await refuse(400, "invalid_request_error", message)(exchange, question)
    else:
        await well(exchange, question)


def late(seconds: float) -> Behaviour:
    """Headers and the role at once, the first token after `seconds`."""

    async def being_late(exchange: Exchange, question: Question) -> None:
        await exchange.begin()
        await exchange.event(opening(question))
        await exchange.until_gone(seconds)
        await _send(exchange, [*tokens(question), *ending(question), DONE])
        await exchange.end()

    return being_late


def cut(after: int) -> Behaviour:
    """The connection closes when so many tokens were said."""

    async def cutting(exchange: Exchange, question: Question) -> None:
        await exchange.begin()
        await _send(exchange, [opening(question), *tokens(question)[:after]])
        exchange.cut()

    return cutting


def stall(after: int, seconds: float) -> Behaviour:
    """So many tokens, silence, then the rest."""

    async def stalling(exchange: Exchange, question: Question) -> None:
        said = tokens(question)
        await exchange.begin()
        await _send(exchange, [opening(question), *said[:after]])
        await exchange.until_gone(seconds)
        await _send(exchange, [*said[after:], *ending(question), DONE])
        await exchange.end()

    return stalling


def malformed(after: int) -> Behaviour:
    """So many tokens, an event that is not JSON, and then on as if nothing were."""

    async def garbling(exchange: Exchange, question: Question) -> None:
        said = tokens(question)
        await exchange.begin()
        await _send(exchange, [opening(question), *said[:after], _MALFORMED, *said[after:], *ending(question), DONE])
        await exchange.end()

    return garbling


def never_done(*, closes: bool) -> Behaviour:
    """The whole answer with its usage but no `[DONE]`; then the body ends, or nothing more comes."""

    async def forgetting(exchange: Exchange, question: Question) -> None:
        await exchange.begin()
        await _send(exchange, [opening(question), *tokens(question), *ending(question)])
        await (exchange.end() if closes else exchange.until_gone())

    return forgetting


class Flapping:
    """Well and ill in turn, from the first question on: `spells` are seconds of ill, well, ill … After them, well."""

    def __init__(self, spells: Sequence[float], ill: Behaviour) -> None:
        self._spells, self._ill = spells, ill
        self._began: float | None = None

    async def __call__(self, exchange: Exchange, question: Question) -> None:
        self._began = self._began or question.at
        await (self._ill if self._is_ill(question.at - self._began) else well)(exchange, question)

    @property
    def ended_at(self) -> float:
        """`time.monotonic()` of the end of the last spell; far away before the first question."""
        return (self._began or time.monotonic()) + sum(self._spells)

    def _is_ill(self, age: float) -> bool:
        for n, spell in enumerate(self._spells):
            if age < spell:
                return n % 2 == 0
            age -= spell
        return False


async def _send(exchange: Exchange, events: Sequence[bytes]) -> None:
    for event in events:
        await exchange.event(event)
        await asyncio.sleep(_PACE)
