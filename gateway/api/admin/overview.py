"""How the gateway is right now: engines, providers, storage, counters. Read once, then told live."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from gateway import __version__
from gateway.api.admin.engine_views import engine_view
from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.overview_views import (
    ChutesView,
    ForecastView,
    OverviewView,
    ProviderNow,
    StatusView,
    StorageView,
    WindowView,
)
from gateway.api.health import health
from gateway.api.services import Services, services
from gateway.providers.base import ProviderType
from gateway.routing.forecast import Forecast, Window, nearly_used
from gateway.routing.signals import Account, Signals

router = APIRouter(prefix="/api/admin", tags=["overview"])
Admin = Annotated[Person, Depends(administrator)]


@router.get("/overview", summary="How the gateway is right now")
async def overview(request: Request, _: Admin) -> OverviewView:
    """With everything that `status` tells live, and what does not change."""
    known = services(request)
    return OverviewView(
        **dict(live_status(known)),
        version=__version__,
        started_at=known.started_at,
        revision=known.administration.directory.revision,
        storage=StorageView(kind=known.store.kind, notes=list(known.store.notes)),
        listening_pages=len(known.hub),
    )


def live_status(known: Services) -> StatusView:
    """What changes by itself."""
    state, recorder = known.state, known.state.recorder
    return StatusView(
        health=health(state)["status"],
        engines=[engine_view(engine, state) for engine in state.engines.statuses()],
        providers=_providers(known, time.monotonic()),
        chutes=_chutes(state.dispatcher.vitals.signals),
        in_flight=sum(vital.in_flight for _, vital in state.dispatcher.vitals.items()),
        usage_waiting=recorder.waiting if recorder else 0,
        usage_dropped=recorder.counts.dropped if recorder else 0,
    )


def _providers(known: Services, now: float) -> list[ProviderNow]:
    """A provider is `resting` when none of its targets that were asked may be asked now."""
    vitals = known.state.dispatcher.vitals.items()
    found = []
    for provider in known.state.snapshot.providers.values():
        if provider.type == ProviderType.LOCAL:
            continue
        own = [vital for (id, _), vital in vitals if id == provider.id]
        resting = bool(own) and all(vital.ready_at(now) > now for vital in own)
        status = "disabled" if not provider.enabled else "resting" if resting else "enabled"
        last_error = next((vital.last_error for vital in own if vital.last_error), "")
        found.append(ProviderNow(id=provider.id, status=status, last_error=last_error if resting else ""))
    return found


def _chutes(signals: Signals) -> ChutesView | None:
    """None where no provider is at Chutes; the members are null until it was asked."""
    if not signals.watched:
        return None
    accounts = signals.accounts
    reached = [one.reachable for one in accounts.values()]
    accepted = [one.key_ok for one in accounts.values()]
    return ChutesView(
        reachable=any(reached) if reached else None,
        key_ok=False if False in accepted else True if True in accepted else None,
        error=next((one.error for one in accounts.values() if one.error), ""),
        checked_at=max((one.at for one in accounts.values()), default=None),
        balances={provider: one.balance for provider, one in accounts.items()},
        windows=[_window(provider, window, one) for provider, one in accounts.items() for window in one.windows],
    )


def _window(provider: str, window: Window, account: Account) -> WindowView:
    found = account.forecasts.get(window.name, Forecast())
    return WindowView(
        provider_id=provider,
        name=window.name,
        unit=window.unit,
        used=window.used,
        cap=window.cap,
        resets_at=window.resets_at,
        nearly_used=nearly_used(window, found),
        forecast=ForecastView(per_hour=found.per_hour, runs_out_at=found.runs_out_at),
    )
