"""Which targets a call may go to, in which order: what they can do, where its session is, how full engines are."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.errors import InvalidRequest, TargetsDrained
from gateway.openai_api.call import Call
from gateway.openai_api.features import Feature, needed
from gateway.openai_api.opening import opening
from gateway.openai_api.operations import CHAT, COMPLETIONS
from gateway.routing.order import order
from gateway.routing.types import Route, Sticky, Target
from gateway.state import Snapshot, State

_WORDS = {
    Feature.IMAGES: "take images",
    Feature.TOOLS: "call tools",
    Feature.JSON_SCHEMA: "keep to a JSON schema",
    Feature.N: "give several answers",
    Feature.LOGPROBS: "tell log probabilities",
    Feature.PREFILL: "go on behind a message of the assistant",
}
_BY_PROMPT = Sticky.PROMPT
_OTHER_CODES = {Feature.IMAGES: "image_upload_not_supported"}


def choose(route: Route, call: Call, snapshot: Snapshot, state: State) -> list[Target]:
    """Best first. Raises InvalidRequest naming the field when no target can do what the call needs, and TargetsDrained
    when none takes new requests."""
    session = call.session
    if not session and route.sticky is _BY_PROMPT:
        session = opening(call.body)
    if snapshot.drained:
        route = replace(route, targets=_open(route, snapshot))
    if route.lacked:
        route = replace(route, targets=_capable(route, call))
    if call.goes_on:
        route = replace(route, targets=_going_on(route))
    return order(route, snapshot.providers, state.dispatcher.vitals, state.dispatcher.random, session)


def needs(call: Call, route: Route) -> dict[Feature, str]:
    """What the call needs of that which some target of the route lacks, with the fields that say so."""
    return needed(call.excerpt().text, route.lacked) if route.lacked and call.operation in (CHAT, COMPLETIONS) else {}


def missing(target: Target, wanted: dict[Feature, str]) -> list[Feature]:
    return [feature for feature in wanted if feature in target.lacks]


def is_drained(target: Target, snapshot: Snapshot) -> bool:
    return (target.provider_id, target.upstream_model) in snapshot.drained


def _open(route: Route, snapshot: Snapshot) -> tuple[Target, ...]:
    targets = tuple(target for target in route.targets if not is_drained(target, snapshot))
    if not targets:
        raise TargetsDrained(f"Every target of the model '{route.id}' is drained: it takes no new requests.")
    return targets


def _capable(route: Route, call: Call) -> tuple[Target, ...]:
    wanted = needs(call, route)
    targets = tuple(target for target in route.targets if not missing(target, wanted))
    if not targets:
        raise _refusal(route.id, route.targets, wanted)
    return targets


def _going_on(route: Route) -> tuple[Target, ...]:
    """Of others nobody knows whether they would answer to the message instead, which cannot be told from outside."""
    targets = tuple(target for target in route.targets if target.prefill or Feature.PREFILL in target.supports)
    if not targets:
        text = f"The model '{route.id}' does not support assistant message prefill. Let the user have the last message."
        raise InvalidRequest(text, param="messages", code="unsupported_parameter")
    return targets


def _refusal(model: str, targets: Sequence[Target], wanted: dict[Feature, str]) -> InvalidRequest:
    """Names the first need that no target meets; where each lacks another one, the first that any lacks."""
    lacking = [f for f in wanted if all(f in t.lacks for t in targets)] or list(wanted)
    feature, field = lacking[0], wanted[lacking[0]]
    code = _OTHER_CODES.get(feature, "unsupported_parameter")
    return InvalidRequest(f"The model '{model}' does not {_WORDS[feature]} ('{field}').", param=field, code=code)
