"""Brings together who demands what of a request, and leaves out the targets that may not see it. Called by `handle` and
`explain`, before anything of the request goes anywhere."""

from dataclasses import replace

from gateway.access.keys import Caller
from gateway.openai_api.call import Call
from gateway.openai_api.confidentiality import Rule, refused, strictest
from gateway.routing.confidentiality import unmet
from gateway.routing.tries import Tries
from gateway.routing.types import Route, Target
from gateway.state import Snapshot, State


def rule_for(call: Call, route: Route, caller: Caller, snapshot: Snapshot) -> Rule | None:
    """All that the settings, the key, the model and the call itself demand."""
    return strictest(standing_rule(route, caller, snapshot), call.rule)


def standing_rule(route: Route, caller: Caller, snapshot: Snapshot) -> Rule | None:
    """What holds for every call of this caller to the model."""
    return strictest(snapshot.rule, caller.rule, route.rule)


def forbidden(rule: Rule, route: Route, snapshot: Snapshot, state: State) -> dict[Target, str]:
    """The route's targets that may not be asked, with the reason."""
    found = {}
    for target in route.targets:
        provider = snapshot.providers.get(target.provider_id)
        if provider is not None and (reason := unmet(rule, target, provider, state.dispatcher.asker.tee_facts)):
            found[target] = reason
    return found


def confined(rule: Rule, route: Route, model: str, snapshot: Snapshot, state: State, tries: Tries) -> Route:
    """The route without them; `tries` remembers them. Raises ConfidentialityUnmet when none is left."""
    reasons = forbidden(rule, route, snapshot, state)
    if not reasons:
        return route
    tries.refused += tuple(reasons.items())
    targets = tuple(target for target in route.targets if target not in reasons)
    if not targets:
        named = ((f"{target.provider_id}/{target.upstream_model}", reason) for target, reason in reasons.items())
        raise refused(rule, model, named)
    return replace(route, targets=targets)
