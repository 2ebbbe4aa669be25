"""What a request costs, in whole nano-dollars, and what it can cost at most. Pure; called by the pipeline.

Money is summed in integers of 1e-15 USD and rounded up once a request, so that no sum depends on its order.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter

from gateway.openai_api.call import Usage
from gateway.usage.price_facts import CONFIGURED
from gateway.usage.types import Price

_PER_NANO = 10**6
"""Femto-dollars (1e-15 USD) in a nano-dollar."""
_USD = 10**15
_PER_MS = _USD / 60_000
"""USD per minute to femto-dollars per millisecond."""
_PER_TOKEN = 10**9
"""USD per 1 M tokens to femto-dollars per token."""

TEMPLATE_TOKENS = 512
"""What a chat template may add of its own: role marks, a default system prompt, the frame around tools."""
IMAGE_TOKENS = 16_384
"""The most that common vision models make of one image (Qwen-VL's default limit; the others stay below)."""
_LEANEST_AUDIO = 750
"""Bytes of one second of the leanest speech in use: Opus at 6 kbit/s."""


_Used = tuple[float | None, float, int]
"""A price, the femto-dollars in one of its unit, and how many units."""


class PriceBook:
    """The facts as they stand at one moment; immutable. Configured prices win over all others.

    Models of `free` providers (the engines of this machine) cost nothing unless the configuration prices them.
    """

    def __init__(
        self, facts: Iterable[Price] = (), configured: Iterable[Price] = (), free: Collection[str] = ()
    ) -> None:
        """Stored facts that came from an earlier configuration are history: what holds now is `configured`."""
        self._free = frozenset(free)
        self._configured = {(one.provider_id, one.upstream_model): one for one in configured}
        self._dated = _newest_first(one for one in facts if one.source != CONFIGURED)

    def at(self, provider_id: str, upstream_model: str) -> Price | None:
        """The price that holds now; None where nobody has told one."""
        key = (provider_id, upstream_model)
        if price := self._configured.get(key):
            return price
        if provider_id in self._free:
            return Price(provider_id, upstream_model, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, source="local engine")
        if (dated := self._dated.get(key)) is None:
            return None
        now = time.time()
        return next((price for price in dated if price.valid_from <= now), None)


def _newest_first(facts: Iterable[Price]) -> Mapping[tuple[str, str], tuple[Price, ...]]:
    """What holds now or will hold: of facts that are over none is kept, so that finding one costs the same always."""
    now = time.time()
    found: dict[tuple[str, str], list[Price]] = defaultdict(list)
    for fact in sorted(facts, key=attrgetter("valid_from")):
        known = found[fact.provider_id, fact.upstream_model]
        if fact.valid_from <= now:
            known.clear()
        known.insert(0, fact)
    return {key: tuple(prices) for key, prices in found.items()}


def cost_nanos(price: Price | None, usage: Usage | None) -> int | None:
    """Rounded up to whole nano-dollars. None where nobody knows: no price, or none for any unit that was used.

    `input_tokens` holds the cached ones, as OpenAI counts; these cost their own price, else that of input.
    """
    if price is None:
        return None
    if usage is None:
        return _total(((price.per_request, _USD, 1),))
    fresh = usage.input_tokens
    used: list[_Used] = [(price.per_request, _USD, usage.requests)]
    if fresh is not None:
        if usage.cached_tokens and price.cached_input_per_million is not None:
            cached = min(usage.cached_tokens, fresh)
            fresh -= cached
            used.append((price.cached_input_per_million, _PER_TOKEN, cached))
        used.append((price.input_per_million, _PER_TOKEN, fresh))
    if usage.output_tokens is not None:
        used.append((price.output_per_million, _PER_TOKEN, usage.output_tokens))
    if usage.seconds is not None:
        used.append((price.per_minute, _PER_MS, round(usage.seconds * 1000)))
    if usage.pages is not None:
        used.append((price.per_page, _USD, usage.pages))
    return _total(used)


def _total(used: Iterable[_Used]) -> int | None:
    """Nano-dollars, rounded up; None where nothing has a price."""
    femto, is_known = 0, False
    for rate, scale, count in used:
        if rate is not None:
            is_known = True
            if count > 0:
                femto += int(rate * scale + 0.5) * count
    return -(-femto // _PER_NANO) if is_known else None


def most_nanos(
    price: Price | None,
    body_bytes: int,
    max_tokens: int | None,
    default_max: int,
    *,
    answers: int = 1,
    linked_images: int = 0,
    pages: int = 1,
    requests: int = 1,
) -> int:
    """The most a request can cost, to be reserved before it is sent; 0 where no price is known.

    Input: no tokenizer makes more tokens of a text than it has bytes, and the JSON around the text counts too; what a
    template adds and images that are only linked are allowed for, and all at the dearer of the two input prices.
    Output: `max_tokens` (else `default_max`) for each of `answers`. Audio: as long as the leanest codec makes a file
    of that size. `requests`: how many the provider is sent for it.
    """
    if price is None:
        return 0
    text = body_bytes + TEMPLATE_TOKENS + linked_images * IMAGE_TOKENS
    output = (default_max if max_tokens is None else max_tokens) * max(answers, 1)
    dearest = max(price.input_per_million or 0.0, price.cached_input_per_million or 0.0)
    used = (
        (price.per_request, _USD, requests),
        (dearest, _PER_TOKEN, text),
        (price.output_per_million, _PER_TOKEN, output),
        (price.per_minute, _PER_MS, -(-body_bytes * 1000 // _LEANEST_AUDIO)),
        (price.per_page, _USD, pages),
    )
    return _total(used) or 0


def blended(price: Price) -> float | None:
    """USD per 1 M tokens with three of input for one of output, as `routing.types.Target.price` is meant.

    None where tokens have no price.
    """
    if price.input_per_million is None and price.output_per_million is None:
        return None
    return (3 * (price.input_per_million or 0.0) + (price.output_per_million or 0.0)) / 4
