"""Usage and requests: figures against the period before, series, groups, errors, single requests, exports."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from gateway.api.admin.identity import Person, administrator, person
from gateway.api.admin.lists import Page
from gateway.api.admin.periods import Wanted
from gateway.api.admin.usage_views import (
    RequestDetail,
    RequestView,
    UsageView,
    change_view,
    error_view,
    figures_view,
    group_view,
    moment,
    point_view,
    request_detail,
    request_view,
)
from gateway.api.services import Services, services
from gateway.errors import NotFound
from gateway.store.records import Resource
from gateway.usage.export import csv_text, json_lines
from gateway.usage.report import GroupBy, SortBy, Step, UsageFilter

admin = APIRouter(prefix="/api/admin", tags=["usage"])
user = APIRouter(prefix="/api/user", tags=["usage"])
Admin = Annotated[Person, Depends(administrator)]
LoggedIn = Annotated[Person, Depends(person)]
Chosen = Annotated[Wanted, Depends()]
Group = Annotated[GroupBy | None, Query(description="Also by what.")]
EachStep = Annotated[Step | None, Query(description="Also as a series of such steps.")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0)]
Order = Annotated[SortBy, Query(description="Largest first.")]


@admin.get("/usage", summary="Usage of a period, against the one before")
async def read_usage(
    request: Request, _: Admin, chosen: Chosen, group: Group = None, step: EachStep = None
) -> UsageView:
    return await _usage(services(request), chosen.filter, group, step)


@admin.get(
    "/usage/export",
    summary="Download the requests of a period",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/jsonl": {}}}},
)
async def export_usage(
    request: Request, _: Admin, chosen: Chosen, format: Literal["csv", "json"] = "csv"
) -> StreamingResponse:
    """CSV, or JSON lines; money in USD with all its digits."""
    return _export(services(request), chosen.filter, format)


@admin.get("/requests", summary="List requests")
async def list_requests(
    request: Request,
    _: Admin,
    chosen: Chosen,
    sort: Order = SortBy.AT,
    ascending: bool = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[RequestView]:
    return await _requests(services(request), chosen.filter, sort, ascending, limit, offset)


@admin.get("/requests/{request_id}", summary="Read a request with its attempts")
async def read_request(request: Request, _: Admin, request_id: str) -> RequestDetail:
    return await _request(services(request), request_id, None)


@user.get("/usage", summary="One's own usage of a period")
async def read_own_usage(
    request: Request, who: LoggedIn, chosen: Chosen, group: Group = None, step: EachStep = None
) -> UsageView:
    return await _usage(services(request), _own(chosen.filter, who), group, step)


@user.get("/requests", summary="List one's own requests")
async def list_own_requests(
    request: Request,
    who: LoggedIn,
    chosen: Chosen,
    sort: Order = SortBy.AT,
    ascending: bool = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[RequestView]:
    return await _requests(services(request), _own(chosen.filter, who), sort, ascending, limit, offset)


@user.get("/requests/{request_id}", summary="Read one of one's own requests")
async def read_own_request(request: Request, who: LoggedIn, request_id: str) -> RequestDetail:
    return await _request(services(request), request_id, who)


def _own(wanted: UsageFilter, who: Person) -> UsageFilter:
    """The master key, which is nobody, sees its own requests."""
    if who.record is None:
        return replace(wanted, key_ids=("master",), user_ids=())
    return replace(wanted, user_ids=(who.record.id,))


async def _usage(known: Services, wanted: UsageFilter, group: GroupBy | None, step: Step | None) -> UsageView:
    await known.settle()
    reports = known.reports
    compared, errors = await asyncio.gather(reports.compared(wanted), reports.top_errors(wanted))
    groups = await reports.groups(wanted, group) if group else []
    series = await reports.series(wanted, step, group) if step else []
    return UsageView(
        since=moment(wanted.since),
        until=moment(wanted.until),
        figures=figures_view(compared.now),
        before=figures_view(compared.before),
        change=change_view(compared),
        groups=[group_view(one, _name(known, group, one.label)) for one in groups],
        series=[point_view(point) for point in series],
        errors=[error_view(error) for error in errors],
    )


def _name(known: Services, group: GroupBy | None, label: str) -> str:
    """What people call the key or the user with this id."""
    resource = {GroupBy.KEY: Resource.APIKEYS, GroupBy.USER: Resource.USERS}.get(group) if group else None
    record = known.administration.directory.table(resource).get(label) if resource else None
    return str(record.document.get("name") or record.document.get("username", "")) if record else ""


async def _requests(
    known: Services, wanted: UsageFilter, sort: SortBy, ascending: bool, limit: int, offset: int
) -> Page[RequestView]:
    await known.settle()
    page = await known.reports.requests(wanted, sort, ascending=ascending, limit=limit, offset=offset)
    return Page(data=[request_view(row) for row in page.rows], total=page.total, limit=limit, offset=offset)


async def _request(known: Services, request_id: str, who: Person | None) -> RequestDetail:
    """`who`: only of this person."""
    await known.settle()
    row = await known.reports.request(request_id)
    owner = None if who is None or who.record is None else who.record.id
    if row is None or (owner is not None and row.user_id != owner):
        raise NotFound(f"There is no request '{request_id}'.")
    return request_detail(row)


def _export(known: Services, wanted: UsageFilter, form: str) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        await known.settle()
        if form == "csv":
            yield csv_text([], head=True).encode()
        async for rows in known.reports.export(wanted):
            yield csv_text(rows).encode() if form == "csv" else json_lines(rows)

    name = f"usage.{'csv' if form == 'csv' else 'jsonl'}"
    media_type = "text/csv; charset=utf-8" if form == "csv" else "application/jsonl"
    headers = {"content-disposition": f'attachment; filename="{name}"', "x-content-type-options": "nosniff"}
    return StreamingResponse(pieces(), media_type=media_type, headers=headers)
