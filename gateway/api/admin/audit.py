"""The audit log: who changed what, and when."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.lists import Page
from gateway.api.services import services
from gateway.store.records import AuditFilter

router = APIRouter(prefix="/api/admin/audit", tags=["audit"])


class AuditView(BaseModel):
    at: datetime
    actor: str
    action: str = Field(examples=["update"])
    resource: str = Field(examples=["providers"])
    resource_id: str
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
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Page[AuditView]:
    wanted = AuditFilter(
        actor=actor,
        action=action,
        resource=resource,
        resource_id=resource_id,
        since=since.timestamp() if since else None,
        until=until.timestamp() if until else None,
    )
    rows, total = await services(request).store.audits(wanted, limit=limit, offset=offset)
    data = [
        AuditView(
            at=datetime.fromtimestamp(row.at, UTC),
            actor=row.actor,
            action=row.action,
            resource=row.resource,
            resource_id=row.resource_id,
            changes=dict(row.changes),
            address=row.address,
            revision=row.revision,
        )
        for row in rows
    ]
    return Page(data=data, total=total, limit=limit, offset=offset)
