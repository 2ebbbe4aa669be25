"""The inference endpoints as one handler behind two thin fronts: no framework stands before the pipeline."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec import structs

from gateway.api.asgi import AsgiExchange, Receive, Scope, Send
from gateway.api.calls import audio_call, body_limit, read_call, read_form
from gateway.api.exchange import ClientGone, Exchange, stopping
from gateway.api.identity import identify
from gateway.api.long_work import LongWork, Patience, read_waiting
from gateway.api.paths import INFERENCE, TRANSCRIBE
from gateway.api.request_line import RequestLine
from gateway.cache import read_wish
from gateway.dialects import DIALECTS, translated
from gateway.dialects.base import TranslatedStream, Translation
from gateway.errors import GatewayError, MethodNotAllowed, ModelNotFound
from gateway.jobs.runner import Runner
from gateway.observe.traces import begin_trace
from gateway.openai_api.audio_render import render_chutes
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.confidentiality import read_rule
from gateway.openai_api.operations import MODERATIONS, ModelType
from gateway.pipeline import handle
from gateway.pipeline.account import Account
from gateway.state import State

log = logging.getLogger("gateway")

_NO_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` for JSON bodies; `body_seconds` a caller may take to send one, `request_seconds` for everything.
    A stream that is silent for `keep_alive` seconds shows a comment (0: never). A caller who takes nothing of an answer
    for `delivery_seconds` is cut off. `patience` tells of the fronts, by `Exchange.edge`, at which what takes long is
    not just waited for."""

    max_bytes: int
    body_seconds: float
    request_seconds: float | None
    keep_alive: float
    delivery_seconds: float
    patience: Mapping[str, Patience] = field(default_factory=dict)


class Inference:
    """Answers `POST` on every path of inference."""

    def __init__(self, state: State, limits: Limits) -> None:
        self._state, self.limits = state, limits
        self.runner: Runner | None = None
        """None before the gateway was started: then there are no jobs."""

    def answers(self, path: str) -> bool:
        return path in INFERENCE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.answer(AsgiExchange(scope, receive, send, self.limits.delivery_seconds))

    async def answer(self, exchange: Exchange) -> None:
        """Raises only what is a fault of ours in the middle of an answer."""
        line = RequestLine(exchange)
        try:
            line.account = account = self._account(exchange)
            limit = body_limit(account.operation, exchange, self._state.media, self.limits.max_bytes)
            body = exchange.read_body(limit, self.limits.body_seconds)
            if not isinstance(body, bytes):
                body = await body
            dialect = DIALECTS.get(exchange.path)
            translation = await translated(dialect, body) if dialect is not None else None
            call = self._call(exchange, body, account, translation)
            if "prefer" in exchange.headers or exchange.edge in self.limits.patience:
                reply = await self._answer_long(call, exchange, account, line)
            else:
                reply = await _work(call, exchange.path, account)
            if reply is not None and (sending := exchange.send(reply, self.limits.keep_alive)) is not None:
                await sending
        except GatewayError as error:
            line.error = error
            await exchange.send_error(error, [("allow", "POST")] if isinstance(error, MethodNotAllowed) else [])
        except ClientGone:
            exchange.status = 499
        except asyncio.CancelledError:
            if not exchange.was_left():
                await self._break_off(exchange, line)
                raise
            exchange.status = 499
        except Exception:
            log.exception("request %s failed", exchange.request_id)
            if exchange.status:
                raise
            await exchange.send_error(GatewayError("The gateway failed; the log has the reason under this request id."))
        finally:
            exchange.close()
            failure = line.error or exchange.broken
            if line.account is not None and line.job is None:
                line.account.close(exchange.request_id, exchange.received, exchange.status, failure)
            line.write()
            if failure is not None:
                _let_go(failure)

    async def _break_off(self, exchange: Exchange, line: RequestLine) -> None:
        """The gateway ends before the answer does. A stream that had begun has said so."""
        line.error = exchange.broken or stopping()
        if not exchange.status:
            await exchange.send_error(line.error)

    async def _answer_long(self, call: Call, exchange: Exchange, account: Account, line: RequestLine) -> Reply | None:
        """None where everything was sent."""
        patience = self.limits.patience.get(exchange.edge, _NO_PATIENCE)
        waiting = None if call.stream else await read_waiting(exchange, call, account, patience, self.runner)
        if waiting is None or (waiting.after is None and not waiting.space):
            return await _work(call, exchange.path, account)
        call.may_become_job = waiting.after is not None
        work = LongWork(exchange, account, waiting, self.runner)
        try:
            return await work.answer(_work(call, exchange.path, account))
        finally:
            line.job, line.error = work.job, work.error

    def _account(self, exchange: Exchange) -> Account:
        """Who asks for what. Raises for a caller whom nobody knows."""
        if exchange.method != "POST":
            raise MethodNotAllowed(f"{exchange.path} takes POST.")
        state, headers = self._state, exchange.headers
        caller = exchange.caller or identify(exchange.key, headers, exchange.door, state, exchange.peer)
        account = Account(INFERENCE[exchange.path], caller, state.snapshot, state, read_wish(headers, caller.cache))
        if state.traced is not None or "traceparent" in headers:
            account.tries.trace = begin_trace(headers, state.traced)
        return account

    def _call(self, exchange: Exchange, body: bytes, account: Account, translation: Translation | None) -> Call:
        if exchange.path == TRANSCRIBE:
            call = self._read_transcribe(exchange, body, account)
        elif translation is not None:
            call = read_call(account.operation, exchange, translation.chat, self._state.media)
            call.options, call.goes_on = translation, translation.goes_on
        else:
            default = partial(_first_model, account, ModelType.MODERATION) if account.operation is MODERATIONS else None
            call = read_call(account.operation, exchange, body, self._state.media, default)
        if self.limits.request_seconds is not None:
            call.deadline = call.received + self.limits.request_seconds
        call.rule = read_rule(exchange.headers)
        return call

    def _read_transcribe(self, exchange: Exchange, body: bytes, account: Account) -> Call:
        """`model` may be left out, as a whisper chute has only one: the first one this caller may use is taken."""
        form = read_form(exchange, body, ("audio_b64", "file_b64"), self._state.media.max_audio_bytes)
        form.fields["response_format"] = "verbose_json"
        form.fields.pop("stream", None)  # a whisper chute answers as a whole
        model = form.fields.get("model") or _first_model(account, ModelType.TRANSCRIPTION)
        return audio_call(account.operation, exchange, form, str(model), self._state.media)


def _let_go(failure: BaseException) -> None:
    """The frames that an error went through hold the request's body and the error itself: only the garbage collector,
    which comes seldom, would find them."""
    failed: BaseException | None = failure
    while failed is not None:
        failed.__traceback__, failed = None, failed.__context__


def _work(call: Call, path: str, account: Account) -> Coroutine[Any, Any, Reply]:
    """To be awaited."""
    if call.options is None:
        return handle(call, account)
    if isinstance(call.options, Translation):
        return _translated(call, call.options, account)
    return _transcribed(call, account) if path == TRANSCRIBE else handle(call, account)


async def _translated(call: Call, translation: Translation, account: Account) -> Reply:
    """In the words of the API that was asked."""
    try:
        reply = await handle(call, account)
    except GatewayError as error:
        raise translation.named(error) from None
    body = reply.body
    told = translation.answer(body) if isinstance(body, bytes) else TranslatedStream(body, translation)
    return structs.replace(reply, body=told)


async def _transcribed(call: Call, account: Account) -> Reply:
    """The array of `{"start", "end", "text"}` that a whisper chute answers with."""
    reply = await handle(call, account)
    return Reply(reply.status, "application/json", render_chutes(reply.result), reply.headers, reply.usage)


def _first_model(account: Account, kind: ModelType) -> str:
    """The first of this kind that the caller may use."""
    for route in account.snapshot.routes_for(account.caller):
        if route.type is kind:
            return route.id
    raise ModelNotFound(f"No {kind} model is configured.", param="model")
