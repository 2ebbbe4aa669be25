"""`POST /v1/route/explain` and `GET /v1/route/requests/{id}`: why a request goes, or went, where."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.identity import identify_request
from gateway.errors import InvalidRequest, NotFound
from gateway.openai_api.operations import CHAT, OPERATIONS
from gateway.pipeline.explain import explain
from gateway.state import State

router = APIRouter(prefix="/v1/route", tags=["routing"])


class Question(BaseModel):
    """A request as it would be sent: what else it holds tells what its target must be able to do."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(description="The model as a caller would name it.", examples=["fast-chat"])
    path: str = Field(CHAT.path, description="The endpoint it would be sent to.")


@router.post("/explain")
async def explain_route(request: Request, question: Question) -> dict[str, Any]:
    """Every candidate, best first, with its state and the reason; nobody is asked."""
    state: State = request.app.state.gateway
    operation = OPERATIONS.get(question.path)
    if operation is None:
        raise InvalidRequest(f"'path' must be one of {', '.join(OPERATIONS)}.", param="path")
    snapshot = state.snapshot
    caller = identify_request(request, state)
    body = await request.body()
    route, candidates = explain(question.model, operation, caller, snapshot, state, body)
    return {
        "model": question.model,
        "route": route.id,
        "type": route.type,
        "policy": route.policy,
        "stream_policy": route.stream_policy,
        "context_fallback": route.context_fallback or None,
        "sticky": route.sticky,
        "spill": asdict(route.spill) if route.spill else None,
        "hedge": {"after": route.hedge.after or "p95", "max_share": route.hedge.max_share} if route.hedge else None,
        "candidates": [asdict(candidate) for candidate in candidates],
    }


@router.get("/requests/{request_id}")
async def find_request(request: Request, request_id: str) -> dict[str, Any]:
    """What was tried for a recent request of this key; the master key finds everybody's."""
    state: State = request.app.state.gateway
    caller = identify_request(request, state)
    entry = state.journal.find(request_id)
    if entry is None or not (caller.is_master or caller.name == entry.caller):
        raise NotFound("No recent request of this key has that id.", param="request_id")
    return {
        "request_id": entry.request_id,
        "model": entry.model,
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds"),
        "attempts": [
            {
                "provider": one.target.provider_id,
                "model": one.target.upstream_model,
                "outcome": one.outcome,
                "ms": round(one.seconds * 1000, 1),
            }
            for one in entry.attempts
        ],
    }
