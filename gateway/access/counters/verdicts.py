"""What a counter found, turned into a refusal or into the figures for the headers. Called by every counter store."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.access.limits import Amount, Grant, Limits, Remaining, rate_headers
from gateway.errors import BudgetExceeded, GatewayError, RateLimited
from gateway.settings.periods import period_end

WINDOW = 61
"""Buckets of one second that count: the current one and the 60 before it, so that no 60 seconds hold too much."""
_PARALLEL_WAIT = 1.0
"""Nobody knows when a running request ends."""
_SUBJECTS = {"key": "this key", "user": "this user", "ip": "this address", "global": "this gateway"}


@dataclass(frozen=True, slots=True)
class Use:
    """What one scope uses before the request. The waits are seconds until the window has room for it."""

    requests: int = 0
    tokens: int = 0
    parallel: int = 0
    spent: int = 0
    requests_wait: float = 0.0
    tokens_wait: float = 0.0


def is_full(limits: Limits, use: Use, most: Amount) -> bool:
    """Whether the scope has no room for the request. A request that costs nothing meets no budget."""
    return (
        (limits.rpm is not None and use.requests >= limits.rpm)
        or (limits.tpm is not None and use.tokens + most.tokens > limits.tpm)
        or (limits.max_parallel is not None and use.parallel >= limits.max_parallel)
        or (limits.budget_nanos is not None and most.nanos > 0 and use.spent + most.nanos > limits.budget_nanos)
    )


def refusal(scopes: Sequence[Limits], uses: Sequence[Use], most: Amount, now: float) -> GatewayError:
    """The error for a request without room: the reason that lasts longest, since only then there is room for all."""
    reasons = [reason for limits, use in zip(scopes, uses, strict=True) for reason in _reasons(limits, use, most, now)]
    wait, error, text = max(reasons, key=lambda reason: reason[0])
    again = "" if wait == math.inf else f" Try again in {math.ceil(wait)} s."
    return error(
        text + again,
        retry_after=None if wait == math.inf else float(math.ceil(wait)),
        headers=rate_headers(granted(scopes, uses, Amount(), now, took=0)),
    )


_Reason = tuple[float, type[RateLimited] | type[BudgetExceeded], str]


def _reasons(limits: Limits, use: Use, most: Amount, now: float) -> Iterator[_Reason]:
    who = _SUBJECTS.get(limits.scope.partition(":")[0], "this scope")
    if limits.budget_nanos is not None and most.nanos and use.spent + most.nanos > limits.budget_nanos:
        end = period_end(limits.budget_period, now)
        window = "" if end is None else f" per {limits.budget_period}"
        text = f"The budget of {who}, {limits.budget_nanos / 1e9:g} USD{window}, does not cover this request."
        yield (math.inf if end is None else end - now), BudgetExceeded, text
    if limits.rpm is not None and use.requests >= limits.rpm:
        wait = use.requests_wait if limits.rpm else math.inf
        yield wait, RateLimited, f"Rate limit exceeded: {who} may make {limits.rpm} requests per minute."
    if limits.tpm is not None and use.tokens + most.tokens > limits.tpm:
        if most.tokens > limits.tpm:
            yield math.inf, RateLimited, _too_large(who, limits.tpm, most.tokens)
        else:
            text = f"Rate limit exceeded: {who} may use {limits.tpm} tokens per minute; this needs {most.tokens}."
            yield use.tokens_wait, RateLimited, text
    if limits.max_parallel is not None and use.parallel >= limits.max_parallel:
        wait = _PARALLEL_WAIT if limits.max_parallel else math.inf
        yield wait, RateLimited, f"Too many requests at a time: {who} may have {limits.max_parallel} running."


def _too_large(who: str, limit: int, needed: int) -> str:
    return (
        f"The request can never fit: it may use {needed} tokens, and {who} may use {limit} per minute."
        " Shorten it, or lower max_tokens."
    )


def granted(
    scopes: Sequence[Limits], uses: Sequence[Use], most: Amount, now: float, handle: object = None, took: int = 1
) -> Grant:
    """The grant with the figures of the tightest scopes, after `took` requests and the tokens were booked."""
    reset = WINDOW - now % 1.0
    requests = tokens = None
    for limits, use in zip(scopes, uses, strict=True):
        if limits.rpm is not None:
            left = max(0, limits.rpm - use.requests - took)
            if requests is None or left < requests.remaining:
                requests = Remaining(limits.rpm, left, reset)
        if limits.tpm is not None:
            left = max(0, limits.tpm - use.tokens - most.tokens)
            if tokens is None or left < tokens.remaining:
                tokens = Remaining(limits.tpm, left, reset)
    return Grant(most, requests, tokens, handle)
