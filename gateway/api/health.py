"""`/health`, `/ready`, `/live`: open to all, so they name no URL and no secret."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gateway import __version__
from gateway.providers.base import Provider
from gateway.providers.engines import EngineState, EngineStatus
from gateway.state import State

router = APIRouter(tags=["health"])


def health(state: State) -> dict[str, Any]:
    """`healthy` when everything local is up, `degraded` while something loads or failed or nothing is configured yet,
    `unhealthy` when no model of what is configured could be served."""
    snapshot, engines = state.snapshot, state.engines.statuses()
    remote = [p for p in snapshot.providers.values() if p.type != "local"]
    alive = (EngineState.READY, EngineState.LOADING)
    usable = any(p.enabled for p in remote) or any(e.state in alive for e in engines)
    healthy = all(e.state == EngineState.READY for e in engines)
    return {
        "status": _status(bool(remote or engines), usable, healthy),
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "service": "chute-gateway",
        "version": __version__,
        "providers": [_provider(provider, state) for provider in remote],
        "models": len(snapshot.routes),
        "engines": [_engine(engine) for engine in engines],
    }


@router.get("/health")
async def get_health(request: Request) -> JSONResponse:
    """200 also while models load; 503 only when nothing could be answered."""
    body = health(request.app.state.gateway)
    return JSONResponse(body, 503 if body["status"] == "unhealthy" else 200)


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """200 once every engine is ready or has failed for good: no start-up work is left."""
    state: State = request.app.state.gateway
    loading = [e.name for e in state.engines.statuses() if e.state == EngineState.LOADING]
    return JSONResponse({"ready": not loading, "loading": loading}, 503 if loading else 200)


@router.get("/live")
async def live() -> dict[str, str]:
    return {"status": "alive"}


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
