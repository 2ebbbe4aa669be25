"""`Account`: what one request may use, and what it did: reserved before it is sent, settled and recorded at its end."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from gateway.access.keys import Caller
from gateway.access.limits import Amount, Grant, rate_headers
from gateway.cache import Wish
from gateway.errors import GatewayError
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.editing import EditRequest
from gateway.openai_api.operations import CHAT, COMPLETIONS, Operation, Unit
from gateway.pipeline.collected import MAX_BYTES, Collected
from gateway.pipeline.counted import BYTES_PER_TOKEN, Counted, written
from gateway.routing.tries import Tries
from gateway.routing.types import Attempt, Route, Target
from gateway.state import Snapshot, State
from gateway.usage.pricing import IMAGE_TOKENS, cost_nanos, most_nanos
from gateway.usage.types import CLIENT_LEFT, Tried, UsageRow

DEFAULT_MAX_TOKENS = 4096
"""Reserved for an answer whose length the caller did not bound."""
_WRITING = (CHAT, COMPLETIONS)
"""Operations whose answer is as long as the model likes."""
_TOKENS = Unit.TOKENS
"""By a name of its own: members of an enum are slow to find."""
_LINKED_IMAGE = b'"image_url"'
_PICTURE = re.compile(rb'"(?:image_)?url"\s*:\s*"data:image/[a-z]+;base64,([^"]{1,64})"', re.IGNORECASE)
"""With the mark in the place of its bytes. In a text its quotation marks would be escaped."""
_PICTURE_BYTES = IMAGE_TOKENS * BYTES_PER_TOKEN
_NO_WISH = Wish()
_NO_USAGE = Usage()
_MS = 1000.0
"""Of a second; as a float, since a product with an int takes half as much again."""
_SETTLING: set[asyncio.Task[None]] = set()


_MOST_TOKENS = ("max_tokens", "max_completion_tokens")
_ANSWERS = ("n", "best_of")

_figure = msgspec.json.Decoder(int, strict=False).decode
_items = msgspec.json.Decoder(list[Raw]).decode


class Account(msgspec.Struct, eq=False):
    """Made when the caller is known, closed exactly once, whatever came of the request."""

    operation: Operation
    caller: Caller
    snapshot: Snapshot
    state: State
    wish: Wish = _NO_WISH
    started: float = msgspec.field(default_factory=time.time)
    tries: Tries = msgspec.field(default_factory=Tries)
    call: Call | None = None
    route: Route | None = None
    reply: Reply | None = None
    cache_key: bytes | None = None
    cached: bool = False
    pieces: Sequence[tuple[Target, Usage]] = ()
    """Who answered which part, where a request went out in several."""
    in_vain: Sequence[tuple[Target, Usage]] = ()
    """The same of parts that the answer has nothing of, and that cost all the same."""
    _grant: Grant | None = None
    _counted: Counted | None = None
    _answered: float = 0.0

    @property
    def is_limited(self) -> bool:
        return bool(self.caller.limits or self.snapshot.limits)

    async def reserve(self, call: Call, route: Route) -> None:
        """Raises RateLimited or BudgetExceeded."""
        scopes = (*self.caller.limits, *self.snapshot.limits)
        most = Amount() if self.cached else _most(call, route, self.snapshot)
        self._grant = await self.state.counters.reserve(scopes, most, self.started)

    def answered(self, reply: Reply) -> None:
        """The answer begins: of a stream its first content is there."""
        self.reply, self._answered = reply, time.monotonic()
        if self._grant is not None:
            reply.headers.update(rate_headers(self._grant))
            if not isinstance(reply.body, bytes) and self.operation in _WRITING:
                reply.body = self._counted = Counted(reply.body)
        if self.caller.store_bodies and not isinstance(reply.body, bytes):
            reply.body = Collected(reply.body)

    def close(self, request_id: str, received: float, status: int, error: GatewayError | None) -> None:
        """`received` is `time.monotonic()` at arrival."""
        row = self._row(request_id, received, status, error)
        if self._grant is not None:
            self._settle(self._used(row))
        if self.state.recorder is not None:
            self.state.recorder.record(row)

    def _used(self, row: UsageRow) -> Amount:
        """As the provider told; where it did not, about what the caller sent and got. Nothing of what was cached."""
        if self.cached:
            return Amount()
        usage, call, reply = _usage(row), self.call, self.reply
        told = usage.output_tokens if self.operation in _WRITING else usage.input_tokens
        if told is None and not row.provider_id:
            return self._asked(row)
        if told is not None or self.operation.unit is not _TOKENS or call is None or reply is None:
            return Amount(_tokens(usage), row.cost_nanos or 0)
        sent = _size(call) // BYTES_PER_TOKEN if usage.input_tokens is None else usage.input_tokens
        usage = Usage(sent, self._written(reply))
        return Amount(_tokens(usage), cost_nanos(row.price, usage) or 0)

    def _asked(self, row: UsageRow) -> Amount:
        """Where nobody answered: about what was sent to whoever was being asked when the caller left, who is likely to
        charge for it; of several the dearest, as one request was all there was room reserved for."""
        paid, call = row.cost_nanos or 0, self.call
        asked = [one.target for one in self.tries.attempts if one.outcome == "cancelled" and one.sent]
        if row.status != CLIENT_LEFT or call is None or not asked:
            return Amount(0, paid)
        usage = Usage(_size(call) // BYTES_PER_TOKEN, 0) if self.operation.unit is _TOKENS else Usage()
        prices = [self.snapshot.prices.at(target.provider_id, target.upstream_model) for target in asked]
        return Amount(_tokens(usage), paid + max(cost_nanos(price, usage) or 0 for price in prices))

    def _written(self, reply: Reply) -> int:
        """About how many tokens the caller got."""
        if self._counted is not None:
            return self._counted.count
        return written(reply.body) if isinstance(reply.body, bytes) else 0

    def _settle(self, actual: Amount) -> None:
        counters, grant = self.state.counters, self._grant
        assert grant is not None
        if not counters.settle_at_once(grant, actual):
            task = asyncio.ensure_future(counters.settle(grant, actual))
            _SETTLING.add(task)
            task.add_done_callback(_SETTLING.discard)

    def _row(self, request_id: str, received: float, status: int, error: GatewayError | None) -> UsageRow:
        caller, call, reply, tries = self.caller, self.call, self.reply, self.tries
        now, stream, used = time.monotonic(), call is not None and call.stream, _NO_USAGE
        ttft = overhead = price = cost = None
        provider_id = upstream_model = ""
        if reply is not None:
            first = (self._answered - received) * _MS
            ttft, overhead = first if stream else None, max(0.0, first - tries.upstream_seconds * _MS)
            used = (reply.usage if isinstance(reply.body, bytes) else reply.body.usage) or _NO_USAGE
        if (target := tries.answered_by) is not None:
            provider_id, upstream_model = target.provider_id, target.upstream_model
            price = self.snapshot.prices.at(provider_id, upstream_model)
            cost = cost_nanos(price, used) if price is not None else None
        row = UsageRow(  # by position: by name it takes three times as long
            request_id,
            self.started,
            self.operation.name,
            call.model if call else "",
            status,
            caller.key_id,
            caller.name,
            caller.user_id,
            self.route.id if self.route else "",
            provider_id,
            upstream_model,
            tuple([tried(attempt, received) for attempt in tries.attempts]),
            (error.error_code or "") if error else "",
            stream,
            used.input_tokens,
            used.output_tokens,
            used.cached_tokens,
            used.seconds,
            used.pages,
            0 if self.cached else cost,
            price,
            (now - received) * _MS,
            ttft,
            overhead,
            self.cached,
        )
        if tries.trace is not None:
            row.trace, row.span_ids = tries.trace, tuple(one.span_id for one in tries.attempts)
        if caller.store_bodies and not (call and call.rule and call.rule.local):
            _add_bodies(row, call, reply)
        if self.pieces or self.in_vain:
            self._add_pieces(row)
        return row

    def _add_pieces(self, row: UsageRow) -> None:
        if self.pieces:
            row.seconds = sum(usage.seconds or 0.0 for _, usage in self.pieces)
            row.cost_nanos = _nanos(self.pieces, self.snapshot)
        if self.in_vain and (paid := _nanos(self.in_vain, self.snapshot)):
            row.cost_nanos = paid + (row.cost_nanos or 0)


async def settled() -> None:
    """Returns when every reservation of requests that have ended is settled."""
    if _SETTLING:
        await asyncio.wait(_SETTLING, timeout=5)


def _most(call: Call, route: Route, snapshot: Snapshot) -> Amount:
    """The most that any target can make of it, those of the larger model included that is asked when it is too long."""
    larger = snapshot.routes.get(route.context_fallback)
    targets = (*route.targets, *(larger.targets if larger else ()))
    tokens, answers = _bounds(call)
    size, (attached, pages, images) = _size(call), _attached(call)
    nanos = [
        most_nanos(
            snapshot.prices.at(target.provider_id, target.upstream_model),
            size + attached,
            tokens,
            DEFAULT_MAX_TOKENS,
            answers=max(answers, pages),
            pages=pages,
            requests=max(answers, pages) if call.operation not in _WRITING else 1,
            linked_images=images,
        )
        for target in targets
    ]
    output = tokens * answers if call.operation in _WRITING else 0
    return Amount(size // BYTES_PER_TOKEN + output, max(nanos, default=0))


def _attached(call: Call) -> tuple[int, int, int]:
    """What can be billed beside the body: bytes, pages, and images that count as such, not by their bytes."""
    if isinstance(call.options, EditRequest):
        return len(call.options.fields["prompt"].encode()), 1, len(call.files)
    files = call.files
    return sum([len(file.data) for file in files]) if files else 0, len(files) or 1, call.body.count(_LINKED_IMAGE)


def _bounds(call: Call) -> tuple[int, int]:
    """The most tokens that one answer may have, and how many answers are asked for."""
    if isinstance(call.options, EditRequest):
        return DEFAULT_MAX_TOKENS, call.options.n
    document = call.document() if call.body else {}
    bounds = [_number(document[name]) for name in _MOST_TOKENS if name in document]
    most = max([DEFAULT_MAX_TOKENS if bound < 0 else bound for bound in bounds], default=0)
    answers = max([_number(document[name]) for name in _ANSWERS if name in document], default=1)
    return most or DEFAULT_MAX_TOKENS, max(1, answers) * _prompts(document)


def _number(value: Raw) -> int:
    """0 where it is no number, with which the provider will find fault. Some take -1 for no bound at all."""
    try:
        return _figure(value)
    except msgspec.DecodeError:
        return 0


def _prompts(document: Mapping[str, Raw]) -> int:
    """Each prompt of a list is answered."""
    prompt = document.get("prompt")
    if prompt is None:
        return 1
    is_list = bytes(memoryview(prompt)[:1]) == b"["
    items = _items(prompt) if is_list else []
    return len(items) if items and bytes(memoryview(items[0])[:1]) in (b'"', b"[") else 1


def _tokens(usage: Usage) -> int:
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def _size(call: Call) -> int:
    """Bytes of the body. Of a picture in it only as many count as it can have tokens."""
    if len(call.body) <= _PICTURE_BYTES:
        return len(call.body)
    part = call.excerpt()
    pictures = [found for mark in _PICTURE.findall(part.text) if (found := part.payload(mark.decode())) is not None]
    return len(call.body) - sum(max(0, len(picture) - _PICTURE_BYTES) for picture in pictures)


def tried(attempt: Attempt, received: float) -> Tried:
    """As it is recorded; `received` is `time.monotonic()` at the arrival of the request."""
    target, started = attempt.target, (attempt.started - received) * _MS
    return Tried(target.provider_id, target.upstream_model, attempt.outcome, attempt.seconds * _MS, started)


def _add_bodies(row: UsageRow, call: Call | None, reply: Reply | None) -> None:
    """Files are not stored, only what was asked and answered as text."""
    if call is not None and call.body:
        row.request_body = call.body[:MAX_BYTES]
    if reply is not None:
        body = reply.body
        row.response_body = body[:MAX_BYTES] if isinstance(body, bytes) else getattr(body, "so_far", None)


def _nanos(pieces: Sequence[tuple[Target, Usage]], snapshot: Snapshot) -> int | None:
    """Each at the price of who answered it, also where the request failed. None where one is not known."""
    costs = [cost_nanos(snapshot.prices.at(one.provider_id, one.upstream_model), usage) for one, usage in pieces]
    return None if None in costs else sum(cost or 0 for cost in costs)


def _usage(row: UsageRow) -> Usage:
    return Usage(row.input_tokens, row.output_tokens, row.cached_tokens, row.seconds, row.pages)
