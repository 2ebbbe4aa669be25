"""`GET /metrics` for Prometheus, `GET /stats` for people and scripts: with their own token, else this machine only."""

import hmac
import time
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import chain
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway import __version__
from gateway.api.watched import Watched
from gateway.batches.runner import BatchFigures
from gateway.cache import ResponseCache
from gateway.errors import Forbidden, Unauthenticated
from gateway.observe import metric_table as table
from gateway.observe.metrics import CONTENT_TYPE, Metric, Values, exposition
from gateway.observe.process import STARTED, process_families
from gateway.state import State
from gateway.store.batch_rows import OPEN, BatchStatus
from gateway.usage.recorder import Recorder
from gateway.usage.types import NANOS

_MAX_TARGETS = 1_000
_BREAKER = {"closed": 0, "ramping": 1, "half-open": 1, "open": 2, "cooling": 3}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def metrics_router(watched: Watched) -> APIRouter:
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Everything in Prometheus' text format."""
        _admit(request, watched.token)
        return Response(exposition(_families(watched)), media_type=CONTENT_TYPE)

    @router.get("/stats")
    async def get_stats(request: Request) -> dict[str, Any]:
        """The figures since the start, in brief."""
        _admit(request, watched.token)
        return stats(watched)

    return router


def stats(watched: Watched) -> dict[str, Any]:
    """`success_rate`, `error_rate` and `cache_hit_rate` are 0 before the first request."""
    meters, counts = watched.meters, watched.recorder.counts
    cache = watched.cache.counts if watched.cache else None
    requests, errors = meters.requests, meters.errors
    return {
        "uptime_seconds": round(time.time() - STARTED, 1),
        "requests": requests,
        "errors": errors,
        "success_rate": (requests - errors) / requests if requests else 0.0,
        "error_rate": errors / requests if requests else 0.0,
        "in_flight": _in_flight(watched.state),
        "queued": watched.state.dispatcher.queued,
        "cache_hits": cache.hits if cache else 0,
        "cache_misses": cache.misses if cache else 0,
        "cache_hit_rate": cache.hit_rate if cache else 0.0,
        "tokens": {
            "input": meters.total("input_tokens"),
            "output": meters.total("output_tokens"),
            "cached": meters.total("cached_tokens"),
        },
        "cost_usd": meters.total("cost_nanos") / NANOS,
        "usage_rows": {"waiting": watched.recorder.waiting, "written": counts.written, "dropped": counts.dropped},
    }


def _admit(request: Request, token: str | None) -> None:
    """Goes by the address of the socket: headers can only shut a client out, as what a proxy on this machine passes on
    does not come from this machine. Calls through the chute's door have no address."""
    if token:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise Unauthenticated("Send 'Authorization: Bearer <METRICS_TOKEN>'.")
        return
    forwarded = any(name in request.headers for name in _FORWARDED)
    if forwarded or request.client is None or not _is_loopback(request.client.host):
        raise Forbidden("Only this machine may read this, unless METRICS_TOKEN is set and sent as a bearer token.")


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _families(watched: Watched) -> Iterator[tuple[Metric, Values]]:
    return chain(
        watched.meters.families(),
        _now(watched),
        _targets(watched.state),
        _engines(watched),
        _cache(watched.cache),
        _rows(watched.recorder),
        _batches(watched.batches()),
        process_families(),
    )


def _now(watched: Watched) -> Iterator[tuple[Metric, Values]]:
    yield table.IN_FLIGHT, {(): _in_flight(watched.state)}
    yield table.QUEUE, {(): watched.state.dispatcher.queued}
    yield table.MODELS, {(): len(watched.state.snapshot.routes)}
    yield table.INFO, {(__version__,): 1}
    age = watched.catalog_age()
    yield table.CATALOG_AGE, {} if age is None else {(): age}


def _in_flight(state: State) -> int:
    """A hedged request counts twice while two targets answer it."""
    at_targets = sum(vital.in_flight for _, vital in state.dispatcher.vitals.items())
    return at_targets + state.dispatcher.queued


def _targets(state: State) -> Iterator[tuple[Metric, Values]]:
    now = time.monotonic()
    vitals = state.dispatcher.vitals.items()[-_MAX_TARGETS:]
    yield table.TARGET_IN_FLIGHT, {target: vital.in_flight for target, vital in vitals}
    yield table.BREAKER, {target: _BREAKER[vital.state(now)] for target, vital in vitals}


def _engines(watched: Watched) -> Iterator[tuple[Metric, Values]]:
    statuses = watched.state.engines.statuses()
    load = {status.name: 0 for status in statuses}
    for (provider, _), vital in watched.state.dispatcher.vitals.items():
        if provider in load:
            load[provider] += vital.in_flight
    yield table.ENGINE_STATE, {(status.name, status.state): 1 for status in statuses}
    yield table.ENGINE_RESTARTS, {(status.name,): status.restarts for status in statuses}
    yield table.ENGINE_LOAD, {(name,): calls for name, calls in load.items()}
    said = watched.state.dispatcher.vitals.loads
    yield table.ENGINE_WAITING, {(name,): one.waiting for name, one in said.items()}
    yield table.ENGINE_CACHE, {(name,): one.memory for name, one in said.items() if one.memory is not None}
    yield table.ENGINE_RUNNING, {(name,): one.running for name, one in said.items() if one.running is not None}
    yield (
        table.ENGINE_TOKENS,
        {
            (name, kind): count
            for name, one in said.items()
            for kind, count in (("input", one.read), ("output", one.written))
            if count is not None
        },
    )
    yield table.ENGINE_MEMORY, {(status.name,): status.rss for status in statuses if status.rss}
    yield (
        table.ENGINE_GPU_MEMORY,
        {(name,): one.device_memory for name, one in said.items() if one.device_memory is not None},
    )


def _cache(cache: ResponseCache | None) -> Iterator[tuple[Metric, Values]]:
    if cache is None:
        return
    counts = cache.counts
    yield table.CACHE_HITS, {(): counts.hits}
    yield table.CACHE_MISSES, {(): counts.misses}
    yield table.CACHE_STORED, {(): counts.stored}
    yield table.CACHE_EVICTED, {(): counts.evicted}
    yield table.CACHE_ENTRIES, {(): len(cache)}
    yield table.CACHE_BYTES, {(): cache.size}


def _rows(recorder: Recorder) -> Iterator[tuple[Metric, Values]]:
    counts = recorder.counts
    yield table.ROWS_WAITING, {(): recorder.waiting}
    yield table.ROWS_WRITTEN, {(): counts.written}
    yield table.ROWS_DROPPED, {(): counts.dropped}
    yield table.WRITE_FAILURES, {(): counts.failures}
    yield table.BODIES_DROPPED, {(): counts.bodies_dropped}


def _batches(figures: BatchFigures) -> Iterator[tuple[Metric, Values]]:
    """Each state is shown, with 0 too: whoever asks how a figure grew needs its first step."""
    yield table.BATCHES, {(status,): figures.open.get(status, 0) for status in OPEN}
    ended = (status for status in BatchStatus if status not in OPEN)
    yield table.BATCHES_ENDED, {(status,): figures.ended[status] for status in ended}
    yield table.BATCH_REQUESTS, {(outcome,): figures.requests[outcome] for outcome in ("completed", "failed")}
