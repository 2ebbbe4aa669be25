"""`handle`: one call from permission to reply. Every door ends here."""

import time
from collections.abc import Awaitable
from dataclasses import replace

from gateway.errors import UpstreamRefused
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.confidentiality import HEADER as CONFIDENTIALITY
from gateway.openai_api.editing import EditRequest
from gateway.openai_api.ocr_request import OcrRequest
from gateway.openai_api.operations import CHAT
from gateway.pipeline.account import Account
from gateway.pipeline.asking import Asking
from gateway.pipeline.choosing import choose
from gateway.pipeline.confidential import confined, rule_for
from gateway.pipeline.find import find_route
from gateway.pipeline.images import find_chat_images, prepare_chat_images
from gateway.pipeline.long_audio import answer_long, is_long
from gateway.pipeline.pages import open_pages
from gateway.pipeline.pictures import open_pictures
from gateway.pipeline.recall import keep_answer, recall
from gateway.pipeline.render import render_result
from gateway.pipeline.stream_guard import guard_stream
from gateway.pipeline.targets import ask_targets
from gateway.pipeline.token_bounds import bound_tokens
from gateway.routing.resolve import check_targets, check_type
from gateway.routing.tries import Tries
from gateway.routing.types import Route, StreamPolicy
from gateway.state import Snapshot, State

_SHOWN = 100
"""Tries that a header tells: the pieces of a recording may need more than clients read of one."""


async def handle(call: Call, account: Account) -> Reply:
    """Raises GatewayError. A reply that streams must be closed by whoever reads it, and so must the account."""
    snapshot, state = account.snapshot, account.state
    account.call = call
    account.route = route = find_route(call.model, call.operation, account.caller, snapshot)
    check_type(route, call.operation)
    check_targets(route, snapshot.providers)
    if state.watcher is not None:
        state.watcher(account)
    if call.rule or route.rule or account.caller.rule or snapshot.rule:
        call, route = _confined(call, route, account)
    call = bound_tokens(call, route)
    if (opening := _attached(call, route, snapshot, state)) is not None:
        call = await opening
    reply = recall(call, route, account)
    if account.is_limited:
        await account.reserve(call, route)
    if reply is None:
        long = is_long(call, route, state.media)
        reply = await (answer_long(call, route, account, _answer) if long else _answer(call, route, account))
        reply = render_result(call, route, reply, account.tries)
        _add_route_headers(reply, call, account.tries)
        reply = keep_answer(reply, account)
    if (rule := account.call.rule) is not None:
        reply.headers[CONFIDENTIALITY] = str(rule)
    account.answered(reply)
    return reply


def _confined(call: Call, route: Route, account: Account) -> tuple[Call, Route]:
    """The call with all that is demanded of whoever is asked, and the route without the targets that are not so. Raises
    ConfidentialityUnmet when none is left."""
    rule = rule_for(call, route, account.caller, account.snapshot)
    assert rule is not None
    account.call = call = call.replaced(rule=rule)
    try:
        return call, confined(rule, route, call.model, account.snapshot, account.state, account.tries)
    finally:
        if account.tries.refused:
            account.state.journal.record(call.request_id, account.tries.refused)


def _attached(call: Call, route: Route, snapshot: Snapshot, state: State) -> Awaitable[Call] | None:
    """Checks what the caller attached. To be awaited where something must be made ready: images that a chat only links,
    pages of a document, pictures to edit."""
    if call.operation is CHAT:
        images = find_chat_images(call, route, state.media)
        return prepare_chat_images(call, images, route, snapshot, state.media) if images.need_work else None
    if isinstance(call.options, EditRequest):
        return open_pictures(call, call.options, state.media)
    return open_pages(call, call.options, state.media) if isinstance(call.options, OcrRequest) else None


async def _answer(call: Call, route: Route, account: Account) -> Reply:
    """From the route's targets or, for a request that is too long, from the larger model of the route."""
    snapshot, state = account.snapshot, account.state
    asking = Asking(choose(route, call, snapshot, state), call, snapshot, state, account.tries, route.hedge)
    try:
        return _guarded(await ask_targets(asking, route), asking, route, account)
    except UpstreamRefused as refusal:
        larger = snapshot.routes.get(route.context_fallback)
        allowed = larger is not None and account.caller.may_use(larger.id)
        if larger is None or not allowed or refusal.error_code != "context_length_exceeded":
            raise
    if call.rule or larger.rule:
        call, larger = _confined(call, larger, account)
    return await _answer(call, replace(larger, context_fallback=""), account)


def _guarded(reply: Reply, asking: Asking, route: Route, account: Account) -> Reply:
    if isinstance(reply.body, bytes):
        return reply
    own = account.caller.stream_policy
    return guard_stream(reply, asking, StreamPolicy(own) if own else route.stream_policy)


def _add_route_headers(reply: Reply, call: Call, tries: Tries) -> None:
    """None while a stream still waits for its engine: nothing has answered yet."""
    target = tries.answered_by
    if target is None:
        return
    own = time.monotonic() - call.received - tries.upstream_seconds
    headers = reply.headers
    headers["x-gateway-provider"] = target.provider_id
    headers["x-gateway-model"] = target.upstream_model
    headers["x-gateway-attempts"] = ", ".join([str(one) for one in tries.attempts[:_SHOWN]])
    headers["x-gateway-overhead-ms"] = f"{own * 1000:.2f}"
