"""Warm-up by wish: has engines and cold chutes started before anybody needs them, and tells how far they are.

Called by `POST /warmup/kick` and `GET /warmup/status`, which are cords of the chute too.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.access.keys import Caller
from gateway.errors import ConfidentialityUnmet
from gateway.openai_api.confidentiality import Rule, strictest
from gateway.pipeline.choosing import is_drained
from gateway.pipeline.confidential import confined, standing_rule
from gateway.pipeline.find import find_route
from gateway.providers.base import ProviderType
from gateway.providers.engines import EngineState, EngineStatus
from gateway.routing.tries import Tries
from gateway.routing.types import Route, Target
from gateway.routing.warming import Wish
from gateway.state import State

SCHEMA = "chutes.warmup.status.v1"
IDLE, LOADING, READY, DEGRADED, FAILED = "idle", "loading", "ready", "degraded", "failed"
"""The states of a warm-up. Degraded: some of it is ready, some has failed."""
STARTING = "starting"
"""The phase of a chute on its way; those of engines are their own words."""

_SPANS = {"downloading": (0.0, 0.5), "loading": (0.5, 0.9), "warming": (0.9, 1.0), "ready": (1.0, 1.0)}
"""Where each phase of an engine lies between 0 and 1; every other phase is at 0."""
_MAX_ERROR = 500


@dataclass(frozen=True, slots=True)
class Part:
    """One engine or chute: `state` is one of the above, `progress` 0 to 1. `elapsed` are seconds since it began, once
    it is ready how long that took, and since when it has failed."""

    state: str
    phase: str
    progress: float
    elapsed: float
    error: str = ""


async def kick(
    state: State, caller: Caller, model: str | None = None, *, chutes: bool = False, asked: Rule | None = None
) -> None:
    """Starts the engines that are stopped or have failed; with `chutes` the cold chutes that are configured too. With
    `model` only what that model leads to. What no call of this caller may go to, or is not as `asked`, stays as it is.
    Raises ModelNotFound, ModelNotAllowed and, where nothing is left of `model`, ConfidentialityUnmet."""
    snapshot = state.snapshot
    if model is not None:
        targets: Iterable[Target] = _allowed(find_route(model, None, caller, snapshot), caller, state, asked)
    else:
        targets = _configured(caller, state, asked)
    for target in targets:
        provider = snapshot.providers.get(target.provider_id)
        if provider is None or not provider.enabled or is_drained(target, snapshot):
            continue
        if provider.type == ProviderType.LOCAL:
            await _start(state, target.provider_id)
        elif state.warmer is not None and (chutes or model is not None):
            state.warmer.wish(target, provider)


def _configured(caller: Caller, state: State, asked: Rule | None) -> Iterator[Target]:
    for route in state.snapshot.routes_for(caller):
        if not route.from_catalog:
            with suppress(ConfidentialityUnmet):
                yield from _allowed(route, caller, state, asked)


def _allowed(route: Route, caller: Caller, state: State, asked: Rule | None) -> Iterable[Target]:
    rule = strictest(standing_rule(route, caller, state.snapshot), asked)
    return confined(rule, route, route.id, state.snapshot, state, Tries([])).targets if rule else route.targets


async def _start(state: State, name: str) -> None:
    """An engine that failed may still be waiting for its next try: a restart spares it that."""
    engine = state.engines.status(name)
    if engine is not None and engine.state == EngineState.FAILED:
        await state.engines.restart(name)
    elif engine is not None and engine.state == EngineState.STOPPED:
        await state.engines.load(name)


def report(state: State) -> dict[str, Any]:
    """What `GET /warmup/status` says: of all engines, and of the chutes that somebody had started lately."""
    found = [_of_engine(engine) for engine in state.engines.statuses()]
    if state.warmer is not None:
        now = state.warmer.clock()
        found += [_of_wish(wish, now) for wish in state.warmer.wishes.values()]
    return merged(found)


def merged(parts: Sequence[Part]) -> dict[str, Any]:
    """All parts as one. Where there is nothing to load, all is ready."""
    state = _state(parts)
    shown = [part for part in parts if part.state == (FAILED if state == DEGRADED else state)]
    wanted = [part for part in parts if part.state != IDLE]
    progress = sum(part.progress for part in wanted) / len(wanted) if wanted else float(state == READY)
    slowest = min(shown, key=lambda part: part.progress, default=None)
    return {
        "schema": SCHEMA,
        "state": state,
        "phase": slowest.phase if slowest is not None else state,
        "progress": round(progress, 3),
        "elapsed_sec": round(max((part.elapsed for part in shown), default=0.0), 1),
        "error": "; ".join(_errors(parts))[:_MAX_ERROR] or None,
    }


def _state(parts: Sequence[Part]) -> str:
    states = {part.state for part in parts}
    if LOADING in states:
        return LOADING
    if FAILED in states:
        return DEGRADED if READY in states else FAILED
    return IDLE if states == {IDLE} else READY


def _errors(parts: Sequence[Part]) -> Iterator[str]:
    return (part.error for part in parts if part.state == FAILED)


def _of_engine(engine: EngineStatus) -> Part:
    match engine.state:
        case EngineState.READY:
            return Part(READY, READY, 1.0, engine.elapsed)
        case EngineState.LOADING:
            low, high = _SPANS.get(engine.phase, (0.0, 0.0))
            return Part(LOADING, engine.phase, low + (high - low) * (engine.percent or 0.0) / 100, engine.elapsed)
        case EngineState.FAILED:
            return Part(FAILED, FAILED, 0.0, engine.elapsed, f"{engine.name}: {engine.error or 'it could not start'}")
        case _:
            return Part(IDLE, engine.phase, 0.0, 0.0)


def _of_wish(wish: Wish, now: float) -> Part:
    """Names no chute: whoever asks needs no key."""
    if wish.ended is None:
        return Part(LOADING, STARTING, 0.0, now - wish.began)
    if wish.hot:
        return Part(READY, READY, 1.0, wish.ended - wish.began)
    return Part(FAILED, FAILED, 0.0, now - wish.ended, f"a chute could not be started: {wish.why}")
