"""How a provider did lately: its checks, what requests met there minute by minute, and its targets now."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.target_views import TargetNow
from gateway.api.admin.targets import targets_now
from gateway.api.services import services
from gateway.providers.base import HealthCheck
from gateway.routing.history import MINUTES
from gateway.store.records import Resource

router = APIRouter(prefix="/api/admin", tags=["providers"])


class CheckView(BaseModel):
    at: float = Field(description="Epoch seconds.")
    ms: float
    error: str = Field(description="A code; empty where it went well.")


class MinuteView(BaseModel):
    at: float = Field(description="Its beginning, in epoch seconds.")
    tries: int
    failures: int = Field(description="The provider's fault.")
    refused: int = Field(description="The request's fault.")
    p50_ms: float | None = Field(description="Half of the answers began sooner; null without an answer.")
    last_error: str


class ProviderHealth(BaseModel):
    """Of this process since it started."""

    id: str
    now: float = Field(description="Epoch seconds.")
    interval: float | None = Field(description="Seconds between checks; null where none are made.")
    path: str = Field(description="What is asked; empty for the list of models.")
    last_error: str = Field(description="Of the latest try or check that failed.")
    error_at: float | None
    minutes: list[MinuteView] = Field(description="Oldest first, one for each, up to the present one.")
    checks: list[CheckView] = Field(description="Oldest first; those that were asked for by hand too.")
    targets: list[TargetNow]


@router.get("/providers/{id}/health", summary="How a provider did lately")
async def provider_health(
    request: Request,
    _: Annotated[Person, Depends(administrator)],
    id: str,
    minutes: Annotated[int, Query(ge=1, le=MINUTES)] = 60,
) -> ProviderHealth:
    known = services(request)
    known.administration.view(Resource.PROVIDERS, id)
    history = known.state.history
    past, now = history.read(id), time.time()
    provider = known.state.snapshot.providers.get(id)
    check: HealthCheck | None = provider.health_check if provider and provider.enabled else None
    return ProviderHealth(
        id=id,
        now=now,
        interval=check.interval if check else None,
        path=check.path if check else "",
        last_error=past.last_error,
        error_at=past.error_at,
        minutes=[
            MinuteView(
                at=one.at,
                tries=one.tries,
                failures=one.failures,
                refused=one.refused,
                p50_ms=one.median,
                last_error=one.last_error,
            )
            for one in history.minutes(id, minutes)
        ],
        checks=[
            CheckView(at=one.at, ms=one.ms, error=one.error) for one in past.checks if now - one.at <= 60 * minutes
        ],
        targets=[one for one in targets_now(known.state) if one.provider_id == id],
    )
