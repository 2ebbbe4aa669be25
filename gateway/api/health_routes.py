"""The routes of `health`, for the description of the API and for who mounts the FastAPI side alone."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gateway.api.health import check_health, check_live, check_ready

router = APIRouter(tags=["health"])


@router.get("/health")
async def get_health(request: Request) -> JSONResponse:
    """200 also while models load; 503 only when nothing could be answered."""
    status, body = check_health(request.app.state.gateway)
    return JSONResponse(body, status)


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """200 once every engine is ready or has failed for good: no start-up work is left."""
    status, body = check_ready(request.app.state.gateway)
    return JSONResponse(body, status)


@router.get("/live")
async def live(request: Request) -> dict[str, str]:
    _, body = check_live(request.app.state.gateway)
    return body
