"""`POST /warmup/kick` and `GET /warmup/status`: models made ready before anybody needs them. Cords of the chute too."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.health import check_warmup
from gateway.api.identity import identify_request
from gateway.openai_api.confidentiality import read_rule
from gateway.pipeline.warmup import kick, report
from gateway.state import State

router = APIRouter(prefix="/warmup", tags=["warm-up"])


class WarmupStatus(BaseModel):
    """All local engines, and the chutes that somebody had started in the last quarter of an hour, as one."""

    model_config = ConfigDict(populate_by_name=True)

    format: str = Field("chutes.warmup.status.v1", alias="schema", description="Always `chutes.warmup.status.v1`.")
    state: str = Field(description="`idle`, `loading`, `ready`, `degraded` or `failed`.")
    phase: str = Field(description="Of what is farthest back: an engine's phase, `starting` for a chute.")
    progress: float = Field(description="0 to 1.")
    elapsed_sec: float = Field(description="Since it began; when ready, how long it took; since when it has failed.")
    error: str | None = Field(description="What failed, and why.")


class Kick(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, max_length=256, description="Only what serves this model, chutes included.")
    chutes: bool = Field(False, description="Cold chutes that are configured too.")
    stream: Any = Field(None, description="Of no effect: the answer is one document.")


@router.post("/kick", status_code=202)
async def start_loading(request: Request, wish: Annotated[Kick | None, Body()] = None) -> WarmupStatus:
    """Starts local engines that are stopped or have failed, and cold chutes where asked; returns at once."""
    state: State = request.app.state.gateway
    caller = identify_request(request, state)
    given = wish or Kick.model_validate({})
    await kick(state, caller, given.model, chutes=given.chutes, asked=read_rule(request.headers))
    return WarmupStatus.model_validate(report(state))


@router.get("/status")
async def warmup_status(request: Request) -> WarmupStatus:
    """Needs no key, like `/health`."""
    _, body = check_warmup(request.app.state.gateway)
    return WarmupStatus.model_validate(body)
