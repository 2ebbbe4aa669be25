"""`POST /v1/messages/count_tokens`: about how many tokens a Messages request has. Nobody is asked."""

from asyncio import to_thread

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gateway.api.identity import identify_request
from gateway.dialects.messages import MESSAGES
from gateway.dialects.messages.count import count_tokens
from gateway.openai_api.operations import CHAT
from gateway.pipeline.find import find_route
from gateway.state import State

router = APIRouter(tags=["tokens"])


class TokenCount(BaseModel):
    input_tokens: int = Field(description="An estimate, rather too high: each model counts in its own way.")


@router.post(f"{MESSAGES.path}/count_tokens")
async def count(request: Request) -> TokenCount:
    """About how many tokens the model would read."""
    state: State = request.app.state.gateway
    caller = identify_request(request, state)
    model, tokens = await to_thread(count_tokens, await request.body())  # 0.1 s for the longest contexts
    find_route(model, CHAT, caller, state.snapshot)
    return TokenCount(input_tokens=tokens)
