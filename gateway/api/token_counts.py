"""About how many tokens a request has: `POST /v1/messages/count_tokens`, and `POST /v1/responses/input_tokens`. Nobody
is asked."""

from asyncio import to_thread
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gateway.api.identity import identify_request
from gateway.dialects.count import Count, count_messages, count_responses
from gateway.dialects.messages import MESSAGES
from gateway.dialects.responses import RESPONSES
from gateway.openai_api.operations import CHAT
from gateway.pipeline.find import find_route
from gateway.state import State

router = APIRouter(tags=["tokens"])


class TokenCount(BaseModel):
    input_tokens: int = Field(description="An estimate, rather too high: each model counts in its own way.")


class ResponseTokenCount(TokenCount):
    object: Literal["response.input_tokens"] = "response.input_tokens"


@router.post(f"{MESSAGES.path}/count_tokens")
async def count_of_messages(request: Request) -> TokenCount:
    """About how many tokens the model would read of a Messages request."""
    return TokenCount(input_tokens=await _counted(request, count_messages))


@router.post(f"{RESPONSES.path}/input_tokens")
async def count_of_response(request: Request) -> ResponseTokenCount:
    """About how many tokens the model would read of a Responses request."""
    return ResponseTokenCount(input_tokens=await _counted(request, count_responses))


async def _counted(request: Request, count: Count) -> int:
    state: State = request.app.state.gateway
    caller = identify_request(request, state)
    model, tokens = await to_thread(count, await request.body())  # 0.1 s for the longest contexts
    find_route(model, CHAT, caller, state.snapshot)
    return tokens
