"""Targets and where requests go: how targets are, draining one and letting it take requests again, dry runs."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from gateway.access.keys import Caller
from gateway.admin.administration import Actor
from gateway.admin.documents import SettingDocument
from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.target_views import TargetList, TargetNow
from gateway.api.explain import ExplanationView, Question, explained
from gateway.api.services import Services, services
from gateway.errors import Forbidden, NotFound, Outdated
from gateway.routing.vitals import Vital
from gateway.state import Snapshot, State
from gateway.state.callers import master_caller
from gateway.store.records import Resource

router = APIRouter(prefix="/api/admin", tags=["targets"])
Admin = Annotated[Person, Depends(administrator)]

_SETTING = "drained_targets"
_TRIES = 5


@router.get("/targets", summary="The state of every target that was asked")
async def targets(request: Request, _: Admin) -> TargetList:
    """Breaker, cooldown, latency and speed, as routing sees them. Those that are drained are listed in any case."""
    data = targets_now(services(request).state)
    return TargetList(data=data, total=len(data))


@router.post("/targets/reset", status_code=204, summary="Close the breaker of a target")
async def reset(request: Request, _: Admin, provider_id: str, upstream_model: str) -> None:
    """It is asked again at once, as if it had never failed."""
    if not services(request).state.dispatcher.vitals.forget(provider_id, upstream_model):
        raise NotFound(f"The target '{provider_id}/{upstream_model}' was not asked yet.")


@router.post("/targets/drain", status_code=204, summary="Send a target no new requests")
async def drain(request: Request, person: Admin, provider_id: str, upstream_model: str) -> None:
    """What runs there ends. It lasts, over restarts too, until the target takes requests again."""
    known = services(request)
    if provider_id not in known.state.snapshot.providers:
        raise NotFound(f"There is no provider '{provider_id}'.", param="provider_id")
    await _change(known, person.actor, f"{provider_id}/{upstream_model}", drained=True)


@router.post("/targets/resume", status_code=204, summary="Let a drained target take requests again")
async def resume(request: Request, person: Admin, provider_id: str, upstream_model: str) -> None:
    known = services(request)
    if (provider_id, upstream_model) not in known.state.snapshot.drained:
        raise NotFound(f"The target '{provider_id}/{upstream_model}' is not drained.")
    await _change(known, person.actor, f"{provider_id}/{upstream_model}", drained=False)


@router.post("/route/explain", summary="Where a request would go now, and why")
async def dry_run(request: Request, _: Admin, question: Question, key_id: str = "") -> ExplanationView:
    """As the master key, or as another key: what its fences refuse is refused here. Nobody is asked."""
    state = services(request).state
    caller = _caller(state.snapshot, key_id) if key_id else master_caller()
    return explained(question, await request.body(), caller, state, lenient=True)


def targets_now(state: State) -> list[TargetNow]:
    now, drained = time.monotonic(), state.snapshot.drained
    asked = dict(state.dispatcher.vitals.items())
    found = asked | {key: Vital() for key in sorted(drained) if key not in asked}
    return [_target(*key, vital, now, key in drained) for key, vital in found.items()]


def _target(provider: str, model: str, vital: Vital, now: float, drained: bool) -> TargetNow:
    return TargetNow(
        provider_id=provider,
        upstream_model=model,
        state=vital.state(now),
        ready_in=round(max(0.0, vital.ready_at(now) - now), 1),
        in_flight=vital.in_flight,
        calls=vital.calls,
        failures=vital.failures,
        latency=vital.latency,
        speed=vital.speed,
        last_error=vital.last_error,
        drained=drained,
    )


async def _change(known: Services, actor: Actor, name: str, *, drained: bool) -> None:
    """Two people who change it at once both get what they wanted."""
    administration = known.administration
    for attempt in range(_TRIES):
        view = administration.view(Resource.SETTINGS, _SETTING)
        now = tuple(administration.directory.settings.drained_targets)
        names = [*(one for one in now if one != name), *([name] if drained else [])]
        try:
            await administration.replace(Resource.SETTINGS, _SETTING, SettingDocument(value=names), actor, view.version)
        except Outdated:
            if attempt == _TRIES - 1:
                raise
        else:
            return


def _caller(snapshot: Snapshot, key_id: str) -> Caller:
    """The key as it is now; of one that was rotated the value that lasts. Raises NotFound, and Forbidden for a key that
    has expired."""
    found = [one for one in snapshot.callers.values() if one.key_id == key_id]
    if not found:
        raise NotFound(f"There is no key '{key_id}', or it is off.", param="key_id")
    caller = max(found, key=_ends)
    if _ends(caller) <= time.time():
        raise Forbidden(f"The key '{caller.name}' has expired: its requests are refused.")
    return caller


def _ends(caller: Caller) -> float:
    return float("inf") if caller.expires_at is None else caller.expires_at
