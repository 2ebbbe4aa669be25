"""What usage and requests look like over HTTP: figures, points and rows with money in USD and times as moments."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import BaseModel, Field

from gateway.usage.report import Comparison, ErrorCount, Figures, Group, Point, Times, change
from gateway.usage.types import NANOS, UsageRow


class TimesView(BaseModel):
    """Milliseconds; null where nothing was measured."""

    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class FiguresView(BaseModel):
    requests: int = 0
    errors: int = Field(0, description="400 and above, and streams that broke; without 499: the caller left.")
    success: float | None = Field(None, description="As callers saw it, 0 to 1; null without requests.")
    cached: int = Field(0, description="Answered from the response cache.")
    streams: int = 0
    retried: int | None = Field(None, description="With more than one attempt; null where only hourly sums are left.")
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    tokens_per_second: float | None = None
    seconds: float = 0.0
    pages: int = 0
    cost_usd: float = 0.0
    unpriced: int = Field(0, description="Requests whose price nobody told.")
    latency: TimesView = TimesView()
    first_token: TimesView = TimesView()
    overhead_mean_ms: float | None = None
    exact: bool = Field(True, description="False: percentiles are of a histogram.")


class ChangeView(BaseModel):
    """Against the period of the same length before: 0.25 is a quarter more; null where there is nothing to compare."""

    requests: float | None = None
    success: float | None = None
    cost_usd: float | None = None
    latency_p50: float | None = None
    first_token_p50: float | None = None
    output_tokens: float | None = None


class GroupView(BaseModel):
    label: str
    name: str = Field("", description="For people, where the label is an id.")
    figures: FiguresView


class PointView(BaseModel):
    at: datetime
    figures: FiguresView
    groups: dict[str, FiguresView] = {}


class ErrorView(BaseModel):
    code: str
    status: int
    requests: int
    last_at: datetime


class UsageView(BaseModel):
    since: datetime
    until: datetime
    figures: FiguresView
    before: FiguresView
    change: ChangeView
    groups: list[GroupView] = []
    series: list[PointView] = []
    errors: list[ErrorView] = []


class AttemptView(BaseModel):
    provider_id: str
    upstream_model: str
    outcome: str = Field(description="`200`, or the code of the error.")
    ms: float
    started_ms: float = Field(description="From the request's arrival.")


class RequestView(BaseModel):
    """One request. Never a prompt or an answer, unless its key stores them."""

    request_id: str
    at: datetime
    operation: str
    model: str
    route: str
    status: int = Field(description="0 while it runs; 499: the caller left.")
    error_code: str
    key_id: str
    key_name: str
    user_id: str
    provider_id: str
    upstream_model: str
    attempts: list[AttemptView]
    stream: bool
    cached: bool
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    seconds: float | None
    pages: int | None
    cost_usd: float | None
    latency_ms: float
    ttft_ms: float | None
    overhead_ms: float | None


class RequestDetail(RequestView):
    price: dict[str, Any] | None = Field(None, description="The price that was used, as it stood then.")
    request_body: str | None = None
    response_body: str | None = None


def figures_view(figures: Figures) -> FiguresView:
    fields = {name: value for name, value in asdict(figures).items() if name in FiguresView.model_fields}
    fields |= {"success": figures.success, "cost_usd": figures.cost_nanos / NANOS}
    fields |= {"latency": _times(figures.latency), "first_token": _times(figures.first_token)}
    return FiguresView.model_validate(fields)


def change_view(compared: Comparison) -> ChangeView:
    now, before = compared.now, compared.before
    return ChangeView(
        requests=change(now.requests, before.requests),
        success=change(now.success, before.success),
        cost_usd=change(now.cost_nanos, before.cost_nanos),
        latency_p50=change(now.latency.p50, before.latency.p50),
        first_token_p50=change(now.first_token.p50, before.first_token.p50),
        output_tokens=change(now.output_tokens, before.output_tokens),
    )


def group_view(group: Group, name: str = "") -> GroupView:
    return GroupView(label=group.label, name=name, figures=figures_view(group.figures))


def point_view(point: Point) -> PointView:
    groups = {label: figures_view(figures) for label, figures in point.groups.items()}
    return PointView(at=moment(point.at), figures=figures_view(point.figures), groups=groups)


def error_view(error: ErrorCount) -> ErrorView:
    return ErrorView(code=error.code, status=error.status, requests=error.requests, last_at=moment(error.last_at))


def request_view(row: UsageRow) -> RequestView:
    return RequestView.model_validate(_row(row))


def request_detail(row: UsageRow) -> RequestDetail:
    bodies = {"request_body": _text(row.request_body), "response_body": _text(row.response_body)}
    return RequestDetail.model_validate(_row(row) | bodies | {"price": asdict(row.price) if row.price else None})


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _row(row: UsageRow) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(row, name, None) for name in RequestView.model_fields}
    fields["at"] = moment(row.at)
    fields["attempts"] = msgspec.to_builtins(row.attempts)
    fields["cost_usd"] = None if row.cost_nanos is None else row.cost_nanos / NANOS
    return fields


def _times(times: Times) -> TimesView:
    return TimesView(mean=times.mean, p50=times.p50, p95=times.p95, p99=times.p99)


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
