"""What can be done to a resource beside changing it: a provider tested, a key rotated, spending reset."""

import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr

from gateway.admin.documents import ProviderDocument
from gateway.admin.resets import LIMITS
from gateway.admin.views import ApiKeyView, SettingView, UserView
from gateway.api.admin.changes import changed
from gateway.api.admin.counted import with_counts
from gateway.api.admin.identity import Person, administrator
from gateway.api.services import Services, services
from gateway.errors import GatewayError
from gateway.providers.base import Provider
from gateway.store.records import Resource

router = APIRouter(prefix="/api/admin")
Admin = Annotated[Person, Depends(administrator)]
_MOST_LISTED = 1000


class CheckResult(BaseModel):
    """Whether a call to this provider would work now: it was reached, and it takes the key."""

    ok: bool
    ms: float = Field(description="How long the check took.")
    models: int | None = Field(None, description="How many models it lists; null where it does not say.")
    listed: list[str] = Field([], description="The ids of these models, at most 1,000.")
    error: dict[str, Any] | None = Field(None, description="The error that a call would meet.")


class Rotation(BaseModel):
    overlap_seconds: float = Field(0, ge=0, le=31_536_000, description="How long the old value works too.")
    key: SecretStr | None = Field(None, description="A value of one's own; left out, a random one is made.")


@router.post("/providers/test", tags=["providers"], summary="Test a provider before it is saved")
async def test_draft(request: Request, _: Admin, body: ProviderDocument) -> CheckResult:
    """With the fields of a provider; keys that come masked are those that are kept."""
    known = services(request)
    id, trial = known.administration.drafted(Resource.PROVIDERS, body)
    return await _test(trial.snapshot.providers[id], known)


@router.post("/providers/{id}/test", tags=["providers"], summary="Test a provider")
async def test_provider(request: Request, _: Admin, id: str) -> CheckResult:
    known = services(request)
    known.administration.view(Resource.PROVIDERS, id)
    result = await _test(known.state.snapshot.providers[id], known)
    known.state.history.note_check(id, result.ms, str((result.error or {}).get("code") or ""))
    return result


@router.post("/apikeys/{id}/rotate", tags=["apikeys"], summary="Give a key a new value")
async def rotate_key(
    request: Request, person: Admin, id: str, response: Response, body: Rotation | None = None
) -> ApiKeyView:
    """The new value is shown once, in this answer. `master` rotates the master key."""
    wanted = body or Rotation()
    custom = wanted.key.get_secret_value() if wanted.key else None
    outcome = await services(request).administration.rotate(id, wanted.overlap_seconds, custom, person.actor)
    view: ApiKeyView = changed(outcome, response)
    return view


@router.post("/apikeys/{id}/reset-spend", tags=["apikeys"], summary="Set what a key spent to zero")
async def reset_key(request: Request, person: Admin, id: str, response: Response) -> ApiKeyView:
    """Its budget has room again, here at once and in other workers and instances within two seconds. Keys of the file
    too."""
    view: ApiKeyView = await _reset(services(request), Resource.APIKEYS, id, person, response)
    return view


@router.post("/users/{id}/reset-spend", tags=["users"], summary="Set what a user spent to zero")
async def reset_user(request: Request, person: Admin, id: str, response: Response) -> UserView:
    """As for a key. What the user's keys spent of budgets of their own stays."""
    view: UserView = await _reset(services(request), Resource.USERS, id, person, response)
    return view


@router.post("/settings/limits/reset-spend", tags=["settings"], summary="Set what everybody together spent to zero")
async def reset_everybody(request: Request, person: Admin, response: Response) -> SettingView:
    """The budget of `limits` has room again. What keys and users spent of budgets of their own stays."""
    view: SettingView = await _reset(services(request), Resource.SETTINGS, LIMITS, person, response)
    return view


async def _reset(known: Services, resource: Resource, id: str, person: Person, response: Response) -> Any:
    await known.settle()  # else what is written later would count as spent after it
    outcome = await known.administration.reset_spend(resource, id, person.actor)
    (view,) = await with_counts([changed(outcome, response)], known)
    return view


async def _test(provider: Provider, known: Services) -> CheckResult:
    """A provider that is switched off is tested all the same."""
    dispatcher, began = known.state.dispatcher, time.monotonic()
    provider = replace(provider, enabled=True)
    try:
        await dispatcher.check(provider)
        models = await dispatcher.list_models(provider)
    except GatewayError as error:
        return CheckResult(ok=False, ms=_since(began), error=error.body()["error"])
    ids = [model.id for model in models[:_MOST_LISTED]]
    return CheckResult(ok=True, ms=_since(began), models=len(models), listed=ids)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
