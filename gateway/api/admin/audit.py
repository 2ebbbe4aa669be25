"""The audit log: who changed what, and when."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from gateway.admin.directory import Directory
from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.lists import Page
from gateway.api.services import services
from gateway.store.records import Audit, AuditFilter, Resource

router = APIRouter(prefix="/api/admin/audit", tags=["audit"])
_NAMES = {Resource.PROVIDERS: "name", Resource.APIKEYS: "name", Resource.USERS: "username"}
"""Where things whose id says little keep their name."""
_NAMED_AT_MOST = 1000


class AuditView(BaseModel):
    at: datetime
    actor: str
    action: str = Field(examples=["update"])
    resource: str = Field(examples=["providers"])
    resource_id: str
    name: str = Field("", description="What the thing is called, where that is known and not its id.")
    changes: dict[str, Any] = Field(description="`{field: [before, after]}`, secrets masked.")
    address: str
    revision: int


@router.get("", summary="List what was changed, newest first")
async def list_audit(
    request: Request,
    _: Annotated[Person, Depends(administrator)],
    actor: str | None = None,
    action: str | None = None,
    resource: str | None = None,
    resource_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: Annotated[
        str, Query(max_length=200, description="Text that actor, action, resource, id or name contains, in any case.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Page[AuditView]:
    known = services(request)
    directory = known.administration.directory
    wanted = AuditFilter(
        actor=actor,
        action=action,
        resource=resource,
        resource_id=resource_id,
        since=since.timestamp() if since else None,
        until=until.timestamp() if until else None,
        search=q.strip(),
        also=tuple(_named(q.strip(), directory)) if q.strip() else (),
    )
    rows, total = await known.store.audits(wanted, limit=limit, offset=offset)
    data = [
        AuditView(
            at=datetime.fromtimestamp(row.at, UTC),
            actor=row.actor,
            action=row.action,
            resource=row.resource,
            resource_id=row.resource_id,
            name=_name(row, directory),
            changes=dict(row.changes),
            address=row.address,
            revision=row.revision,
        )
        for row in rows
    ]
    return Page(data=data, total=total, limit=limit, offset=offset)


def _name(row: Audit, directory: Directory) -> str:
    """As it is now, or where it is gone as the row tells it."""
    field = _NAMES.get(row.resource)  # type: ignore[call-overload]
    if field is None:
        return ""
    record = directory.table(Resource(row.resource)).get(row.resource_id)
    told = [record.document.get(field)] if record else reversed(row.changes.get(field) or ())
    name: str = next((one for one in told if isinstance(one, str) and one), "")
    return "" if name == row.resource_id else name


def _named(text: str, directory: Directory) -> Iterator[tuple[str, str]]:
    """Things whose name contains a text, in any case, the first thousand."""
    found = (
        (resource.value, id)
        for resource, field in _NAMES.items()
        for id, record in directory.table(resource).items()
        if text.lower() in str(record.document.get(field) or "").lower()
    )
    return islice(found, _NAMED_AT_MOST)
