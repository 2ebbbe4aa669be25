"""What the recorded traffic would cost otherwise: on GPUs of one's own, or by another policy. Nothing is sent."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from gateway.api.admin.analytics_views import (
    BreakEvenView,
    ExpectedView,
    PolicyShareView,
    PolicyView,
    ShareView,
    WhatIfQuestion,
    WhatIfView,
)
from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.periods import Wanted
from gateway.api.admin.usage_views import figures_view, moment
from gateway.api.services import Services, services
from gateway.errors import InvalidRequest, NotFound
from gateway.pipeline.reckoning import Reckoned, allowed, reckoned, under
from gateway.routing.types import Policy
from gateway.store.records import Resource
from gateway.usage.breakeven import Gpu, break_even
from gateway.usage.evidence import Evidence, TargetKey, gather
from gateway.usage.price_facts import price_of
from gateway.usage.report import Figures, Step
from gateway.usage.types import NANOS, UsageRow
from gateway.usage.whatif import ASSUMPTIONS, is_replayed

router = APIRouter(prefix="/api/admin/analytics", tags=["usage"])
Admin = Annotated[Person, Depends(administrator)]
Chosen = Annotated[Wanted, Depends()]
Speed = Annotated[float, Query(gt=0, le=10_000_000)]
Price1M = Annotated[float, Query(ge=0, le=100_000, allow_inf_nan=False)]
MOST_ROWS = 50_000
"""Requests that a replay reads at most: of longer periods the oldest."""


class Remote:
    """Prices to reckon with in place of what was paid: for traffic that engines of one's own answered."""

    def __init__(
        self,
        remote_input_usd: Annotated[Price1M | None, Query(description="Per 1 M input tokens.")] = None,
        remote_output_usd: Annotated[Price1M | None, Query(description="Per 1 M output tokens.")] = None,
    ) -> None:
        self.asked = remote_input_usd is not None or remote_output_usd is not None
        self._input, self._output = remote_input_usd or 0.0, remote_output_usd or 0.0

    def priced(self, figures: Figures) -> Figures:
        if not self.asked:
            return figures
        micros = figures.input_tokens * self._input + figures.output_tokens * self._output
        return replace(figures, cost_nanos=round(micros * NANOS / 1_000_000), unpriced=0)


@router.get("/breakeven", summary="When GPUs of one's own would pay")
async def read_break_even(
    request: Request,
    _: Admin,
    chosen: Chosen,
    remote: Annotated[Remote, Depends()],
    hourly_usd: Annotated[float, Query(gt=0, le=10_000, description="Price of one GPU hour.")],
    output_tokens_per_second: Annotated[Speed, Query(description="Of one GPU at full load, all requests together.")],
    input_tokens_per_second: Annotated[Speed | None, Query(description="Default: reading takes no time.")] = None,
    load: Annotated[float, Query(gt=0, le=1, description="Share of full load that is planned with.")] = 0.7,
) -> BreakEvenView:
    """What the chosen traffic cost per token, against GPUs that could have answered it."""
    reports, wanted = services(request).reports, chosen.filter
    figures = remote.priced(await reports.totals(wanted))
    hours = await reports.series(wanted, Step.HOUR)
    busiest = max((point.figures for point in hours), key=_tokens, default=Figures())
    gpu = Gpu(hourly_usd, output_tokens_per_second, input_tokens_per_second, load)
    found = break_even(figures, (wanted.until - wanted.since) / 3600, busiest, gpu)
    return BreakEvenView(
        since=moment(wanted.since), until=moment(wanted.until), figures=figures_view(figures), **asdict(found)
    )


@router.post("/whatif", summary="Reckon recent requests through a changed model")
async def read_what_if(request: Request, _: Admin, chosen: Chosen, question: WhatIfQuestion) -> WhatIfView:
    """The requests of the period that led to this model, as they would go with other targets, another policy or other
    prices. Nothing is sent and nothing is saved."""
    known = services(request)
    id, directory = known.administration.drafted(Resource.MODELS, question.model)
    now, then = known.state.snapshot, directory.snapshot
    if id not in then.routes:
        raise NotFound(f"There would be no model '{id}': it is switched off.", param="model")
    rows, truncated = await _rows(known, chosen)
    evidence = await asyncio.to_thread(gather, rows)
    own = [row for row in rows if row.route == id]
    replayed = [row for row in own if is_replayed(row)]
    if not replayed:
        raise InvalidRequest(f"No request of this period led to '{id}'.", param="from")
    prices = {key: price_of(key, price, 0.0) for key, price in question.prices.items()}
    before = None
    if id in now.routes:
        open_now = allowed(now.routes[id], now, known.state)
        before = await asyncio.to_thread(reckoned, replayed, open_now, now, {}, evidence)
    open_then = allowed(then.routes[id], then, known.state)
    after = await asyncio.to_thread(reckoned, replayed, open_then, then, prices, evidence)
    return WhatIfView(
        since=moment(chosen.filter.since),
        until=moment(chosen.filter.until),
        model=id,
        policy=then.routes[id].policy,
        requests=len(own),
        replayed=len(replayed),
        truncated=truncated,
        actual_cost_usd=sum(row.cost_nanos or 0 for row in replayed) / 1e9,
        actual_latency_ms=sum(row.latency_ms for row in replayed) / len(replayed),
        before=ExpectedView.model_validate(before.expected, from_attributes=True) if before else None,
        after=ExpectedView.model_validate(after.expected, from_attributes=True),
        targets=_targets(before, after, evidence),
        assumptions=list(ASSUMPTIONS),
    )


@router.get("/policy", summary="Reckon recent requests of all models through one policy")
async def read_policy(request: Request, _: Admin, chosen: Chosen, policy: Policy) -> PolicyView:
    """Every model of the period with its targets and this policy in place of its own. Nothing is sent or saved."""
    known = services(request)
    rows, truncated = await _rows(known, chosen)
    wanted = set(chosen.filter.models)
    snapshot = known.state.snapshot
    routes = {id: allowed(route, snapshot, known.state) for id, route in snapshot.routes.items()}
    found = await asyncio.to_thread(under, policy, rows, replace(snapshot, routes=routes), wanted)
    return PolicyView(
        since=moment(chosen.filter.since),
        until=moment(chosen.filter.until),
        policy=policy,
        truncated=truncated,
        models=[
            PolicyShareView.model_validate(one, from_attributes=True)
            for one in sorted(found, key=lambda one: -one.before.cost_usd)
        ],
        assumptions=list(ASSUMPTIONS),
    )


async def _rows(known: Services, chosen: Wanted) -> tuple[list[UsageRow], bool]:
    """All that the filter lets through, so that targets which other models use are known too."""
    rows: list[UsageRow] = []
    async for portion in known.reports.export(replace(chosen.filter, models=())):
        rows += portion
        if len(rows) >= MOST_ROWS:
            return rows[:MOST_ROWS], True
    return rows, False


def _targets(before: Reckoned | None, after: Reckoned, evidence: Mapping[TargetKey, Evidence]) -> list[ShareView]:
    """Those that would answer most come first."""
    choices = {**(before.choices if before else {}), **after.choices}
    found = []
    for key, choice in choices.items():
        known = evidence.get(key, Evidence())
        speed: dict[str, Any] = {}
        if known.speed is not None:
            per_token = known.speed.token_ms
            speed = {
                "first_content_ms": known.speed.first_ms,
                "tokens_per_second": 1000 / per_token if per_token else None,
            }
        view = ShareView(
            provider_id=choice.provider_id,
            upstream_model=choice.upstream_model,
            before=before.expected.shares.get(key, 0.0) if before else 0.0,
            after=after.expected.shares.get(key, 0.0),
            attempts=known.attempts,
            failing=known.failing,
            priced=choice.price is not None,
            **speed,
        )
        found.append(view)
    return sorted(found, key=lambda one: -one.after)


def _tokens(figures: Figures) -> int:
    return figures.input_tokens + figures.output_tokens
