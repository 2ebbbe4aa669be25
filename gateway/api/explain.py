"""`POST /v1/route/explain` and `GET /v1/route/requests/{id}`: why a request goes, or went, where."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.access.keys import Caller
from gateway.api.identity import identify_request
from gateway.api.services import services
from gateway.errors import ConfidentialityUnmet, GatewayError, InvalidRequest, NotFound
from gateway.jobs.runner import owner_of
from gateway.openai_api.confidentiality import Rule, read_rule
from gateway.openai_api.operations import CHAT, OPERATIONS
from gateway.pipeline.explain import Candidate, explain
from gateway.state import State

router = APIRouter(prefix="/v1/route", tags=["routing"])


class Question(BaseModel):
    """A request as it would be sent: what else it holds tells what its target must be able to do."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(description="The model as a caller would name it.", examples=["fast-chat"])
    path: str = Field(CHAT.path, description="The endpoint it would be sent to.")


class Refusal(BaseModel):
    """The error that the request would get."""

    status: int
    message: str
    code: str | None
    param: str | None


class SpillView(BaseModel):
    in_flight: int | None
    waiting: int | None
    memory: float | None


class HedgeView(BaseModel):
    after: float | str = Field(description="Seconds, or `p95`.")
    max_share: float


class RuleView(BaseModel):
    tee: list[str] = Field(description="Who demands a trusted execution environment.")
    local_only: list[str] = Field(description="Who demands that data stay local.")


class ExplanationView(BaseModel):
    model: str
    route: str
    type: str | None
    policy: str
    stream_policy: str
    context_fallback: str | None
    sticky: str
    spill: SpillView | None
    hedge: HedgeView | None
    confidentiality: RuleView | None = Field(description="What is demanded of whoever is asked, and by whom.")
    refused: Refusal | None = Field(description="Why no candidate would be asked.")
    candidates: list[Candidate]


@router.post("/explain")
async def explain_route(request: Request, question: Question) -> ExplanationView:
    """Every candidate, best first, with its state and the reason; nobody is asked."""
    state: State = request.app.state.gateway
    caller, rule = identify_request(request, state), read_rule(request.headers)
    return explained(question, await request.body(), caller, state, rule=rule)


def explained(
    question: Question, body: bytes, caller: Caller, state: State, *, lenient: bool = False, rule: Rule | None = None
) -> ExplanationView:
    """Raises what is wrong with the request itself; when `lenient` only what leaves it without a route."""
    operation = OPERATIONS.get(question.path)
    if operation is None:
        raise InvalidRequest(f"'path' must be one of {', '.join(OPERATIONS)}.", param="path")
    found = explain(question.model, operation, caller, state.snapshot, state, body, rule)
    route, refusal = found.route, found.refusal
    told = lenient or isinstance(refusal, ConfidentialityUnmet)
    if refusal is not None and refusal.http_status < 500 and not told:
        raise refusal
    return ExplanationView(
        model=question.model,
        route=route.id,
        type=route.type,
        policy=route.policy,
        stream_policy=route.stream_policy,
        context_fallback=route.context_fallback or None,
        sticky=route.sticky,
        spill=SpillView(**asdict(route.spill)) if route.spill else None,
        hedge=HedgeView(after=route.hedge.after or "p95", max_share=route.hedge.max_share) if route.hedge else None,
        confidentiality=_rule_view(found.rule),
        refused=refusal_view(refusal) if refusal else None,
        candidates=found.candidates,
    )


def _rule_view(rule: Rule | None) -> RuleView | None:
    return RuleView(tee=list(rule.tee), local_only=list(rule.local)) if rule else None


def refusal_view(error: GatewayError) -> Refusal:
    return Refusal(status=error.http_status, message=error.message, code=error.error_code, param=error.param)


@router.get("/requests/{request_id}")
async def find_request(request: Request, request_id: str) -> dict[str, Any]:
    """What was tried for a request of this key that has ended; the master key finds everybody's."""
    state: State = request.app.state.gateway
    caller, known = identify_request(request, state), services(request)
    await known.settle()
    row = await known.reports.request(request_id)
    if row is None or not (caller.is_master or owner_of(caller) == (row.key_id or row.key_name)):
        raise NotFound("No request of this key that has ended has that id.", param="request_id")
    return {
        "request_id": row.request_id,
        "model": row.model,
        "at": datetime.fromtimestamp(row.at + row.latency_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "attempts": [
            {
                "provider": one.provider_id,
                "model": one.upstream_model,
                "outcome": one.outcome,
                "ms": round(one.ms, 1),
            }
            for one in row.attempts
        ],
        "refused": [
            {"provider": target.provider_id, "model": target.upstream_model, "reason": reason}
            for target, reason in state.journal.find(request_id)
        ],
    }
