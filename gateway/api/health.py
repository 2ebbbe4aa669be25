"""What `/health`, `/ready`, `/live` and `/warmup/status` answer: open to all, so they name no URL and no secret."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway import __version__
from gateway.pipeline.warmup import report
from gateway.providers.base import Provider
from gateway.providers.engines import EngineState, EngineStatus
from gateway.state import State


def health(state: State) -> dict[str, Any]:
    """`healthy` when everything local is up, `degraded` while something loads or failed, the database does not work or
    nothing is configured yet, `unhealthy` when no model of what is configured could be served."""
    snapshot, engines = state.snapshot, state.engines.statuses()
    remote = [p for p in snapshot.providers.values() if p.type != "local"]
    alive = (EngineState.READY, EngineState.LOADING)
    usable = any(p.enabled for p in remote) or any(e.state in alive for e in engines)
    trouble = state.storage_trouble()
    healthy = not trouble and all(e.state == EngineState.READY for e in engines)
    return {
        "status": _status(bool(remote or engines), usable, healthy),
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "service": "chute-gateway",
        "version": __version__,
        "providers": [_provider(provider, state) for provider in remote],
        "models": len(snapshot.routes),
        "engines": [_engine(engine) for engine in engines],
        "storage": {"status": "failed" if trouble else "ok", "error": trouble or None},
    }


def _status(configured: bool, usable: bool, healthy: bool) -> str:
    """What has just been installed is not unhealthy: platforms would take it down before it can be set up."""
    if not usable:
        return "unhealthy" if configured else "degraded"
    return "healthy" if healthy else "degraded"


def check_health(state: State) -> tuple[int, dict[str, Any]]:
    """200 also while models load; 503 only when nothing could be answered."""
    body = health(state)
    return (503 if body["status"] == "unhealthy" else 200), body


def check_ready(state: State) -> tuple[int, dict[str, Any]]:
    """200 once every engine is ready or has failed for good: no start-up work is left."""
    loading = [e.name for e in state.engines.statuses() if e.state == EngineState.LOADING]
    return (503 if loading else 200), {"ready": not loading, "loading": loading}


def check_live(_: State) -> tuple[int, dict[str, Any]]:
    return 200, {"status": "alive"}


def check_warmup(state: State) -> tuple[int, dict[str, Any]]:
    return 200, report(state)


CHECKS: dict[str, Callable[[State], tuple[int, dict[str, Any]]]] = {
    "/health": check_health,
    "/ready": check_ready,
    "/live": check_live,
    "/warmup/status": check_warmup,
}
"""By path: the status and the body of the answer."""


def _provider(provider: Provider, state: State) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": provider.id, "status": "enabled" if provider.enabled else "disabled"}
    if check := state.dispatcher.vitals.checks.get(provider.id):
        at = datetime.fromtimestamp(check.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        shown["check"] = {"well": not check.error, "error": check.error or None, "at": at}
    return shown


def _engine(engine: EngineStatus) -> dict[str, Any]:
    return {
        "name": engine.name,
        "kind": engine.kind,
        "model": engine.model,
        "runtime": engine.runtime,
        "state": engine.state,
        "phase": engine.phase,
        "percent": engine.percent,
        "elapsed": round(engine.elapsed, 1),
        "restarts": engine.restarts,
        "error": engine.error,
        "demo": engine.demo,
    }
