"""`handle`: one call from permission to reply. Every door ends here."""

import time
from dataclasses import replace

from gateway.errors import UpstreamRefused
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import Body
from gateway.pipeline.account import Account
from gateway.pipeline.asking import Asking
from gateway.pipeline.choosing import choose
from gateway.pipeline.find import find_route
from gateway.pipeline.images import check_chat_images
from gateway.pipeline.loading import attempt_or_wait
from gateway.pipeline.pages import open_pages
from gateway.pipeline.recall import keep_answer, recall
from gateway.pipeline.render import render_result
from gateway.pipeline.stream_guard import guard_stream
from gateway.pipeline.token_bounds import bound_tokens
from gateway.routing.attempt import Tries
from gateway.routing.journal import Entry
from gateway.routing.resolve import check_targets, check_type
from gateway.routing.types import Route, StreamPolicy
from gateway.state import Snapshot, State


async def handle(call: Call, account: Account) -> Reply:
    """Raises GatewayError. A reply that streams must be closed by whoever reads it, and so must the account."""
    snapshot, state = account.snapshot, account.state
    account.call = call
    account.route = route = find_route(call.model, call.operation, account.caller, snapshot)
    check_type(route, call.operation)
    check_targets(route, snapshot.providers)
    call = await _prepare(call, route, snapshot, state)
    kept = recall(call, route, account)
    await account.reserve(call, route)
    reply = kept or await _ask(call, route, account)
    account.answered(reply)
    return reply


async def _ask(call: Call, route: Route, account: Account) -> Reply:
    tries = account.tries
    try:
        reply = await _answer(call, route, account)
    finally:
        entry = Entry(call.request_id, account.caller.name, call.model, time.time(), tries.attempts)
        account.state.journal.record(entry)
    reply = render_result(call, route, reply, tries)
    reply.headers |= _route_headers(call, tries)
    return keep_answer(reply, account)


async def _answer(call: Call, route: Route, account: Account) -> Reply:
    """From the route's targets or, for a request that is too long for them, from its larger model."""
    caller, snapshot, state = account.caller, account.snapshot, account.state
    asking = Asking(choose(route, call, snapshot, state), call, snapshot, state, account.tries, route.hedge)
    policy = StreamPolicy(caller.stream_policy) if caller.stream_policy else route.stream_policy
    try:
        return guard_stream(await attempt_or_wait(asking), asking, policy)
    except UpstreamRefused as error:
        larger = snapshot.routes.get(route.context_fallback)
        if larger is None or error.error_code != "context_length_exceeded":
            raise
        return await _answer(call, replace(larger, context_fallback=""), account)


async def _prepare(call: Call, route: Route, snapshot: Snapshot, state: State) -> Call:
    """Checks and opens what the caller attached: images of a chat, pages of a document."""
    if call.operation.body is Body.JSON:
        return await check_chat_images(bound_tokens(call, route), route, snapshot, state.media)
    return await open_pages(call, state.media)


def _route_headers(call: Call, tries: Tries) -> dict[str, str]:
    """Absent while a stream still waits for its engine: nothing has answered yet."""
    target = tries.answered_by
    if target is None:
        return {}
    own = time.monotonic() - call.received - tries.upstream_seconds
    return {
        "x-gateway-provider": target.provider_id,
        "x-gateway-model": target.upstream_model,
        "x-gateway-attempts": ", ".join(str(one) for one in tries.attempts),
        "x-gateway-overhead-ms": f"{own * 1000:.2f}",
    }
