"""The local engines: what they do now, what they said lately, and loading, unloading and restarting them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from gateway.api.admin.engine_views import EngineView, engine_view
from gateway.api.admin.identity import Person, administrator
from gateway.api.services import Services, services
from gateway.errors import NotFound
from gateway.providers.engines import EngineStatus
from gateway.store.records import Audit

router = APIRouter(prefix="/api/admin/engines", tags=["engines"])
Admin = Annotated[Person, Depends(administrator)]


class EngineList(BaseModel):
    data: list[EngineView]
    total: int


class EngineLog(BaseModel):
    name: str
    lines: list[str]


@router.get("", summary="List local engines")
async def list_engines(request: Request, _: Admin) -> EngineList:
    known = services(request)
    data = [engine_view(status, known.state) for status in known.state.engines.statuses()]
    return EngineList(data=data, total=len(data))


@router.get("/{name}", summary="Read a local engine")
async def read_engine(request: Request, _: Admin, name: str) -> EngineView:
    known = services(request)
    return engine_view(_status(name, known), known.state)


@router.get("/{name}/log", summary="Read the last lines of an engine's log")
async def read_log(
    request: Request, _: Admin, name: str, lines: Annotated[int, Query(ge=1, le=2000)] = 200
) -> EngineLog:
    known = services(request)
    _status(name, known)
    return EngineLog(name=name, lines=known.state.engines.tail(name, lines))


@router.post("/{name}/{action}", summary="Load, unload or restart an engine")
async def act(request: Request, person: Admin, name: str, action: Literal["load", "unload", "restart"]) -> EngineView:
    """Returns at once; the state tells how far it is."""
    known = services(request)
    _status(name, known)
    board = known.state.engines
    await {"load": board.load, "unload": board.unload, "restart": board.restart}[action](name)
    await known.store.write((), Audit(person.actor.name, action, "engines", name, address=person.actor.address))
    return engine_view(_status(name, known), known.state)


def _status(name: str, known: Services) -> EngineStatus:
    status = known.state.engines.status(name)
    if status is None:
        raise NotFound(f"There is no engine '{name}'.")
    return status
