"""Recorded requests reckoned through the routes of a snapshot: brings what routes, rules and prices say to
`usage.whatif`. Called by the analytics of the API. Nothing is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.openai_api.confidentiality import strictest
from gateway.pipeline.confidential import forbidden
from gateway.providers.base import ProviderType
from gateway.routing.types import Policy, Route, Target
from gateway.state import Snapshot, State
from gateway.usage.evidence import Evidence, TargetKey, gather
from gateway.usage.pricing import blended
from gateway.usage.types import Price, UsageRow
from gateway.usage.whatif import Choice, Expected, by_first_content, by_price, by_speed, is_replayed, replay


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a route's requests would come to, and the targets that could answer them."""

    expected: Expected
    choices: Mapping[TargetKey, Choice]


@dataclass(frozen=True, slots=True)
class PolicyShare:
    """A model under its own policy, `before`, and under another, `after`. Only `replayed` of its requests count."""

    model: str
    policy: Policy
    """Its own."""
    targets: int
    requests: int
    replayed: int
    before: Expected
    after: Expected


def allowed(route: Route, snapshot: Snapshot, state: State) -> Route:
    """Without the targets that the rules of the settings and of the model forbid."""
    rule = strictest(snapshot.rule, route.rule)
    barred = forbidden(rule, route, snapshot, state) if rule else {}
    return replace(route, targets=tuple(t for t in route.targets if t not in barred)) if barred else route


def reckoned(
    rows: Sequence[UsageRow],
    route: Route,
    snapshot: Snapshot,
    prices: Mapping[str, Price],
    evidence: Mapping[TargetKey, Evidence],
) -> Reckoned:
    """Rows that `is_replayed` denies must be left out. `prices` are those that change, by `provider/model`."""
    usable = [t for t in route.targets if (p := snapshot.providers.get(t.provider_id)) and p.enabled]
    choices = [_choice(target, route.policy, snapshot, prices) for target in usable]
    expected = replay(rows, choices, evidence, _rank(route.policy, evidence))
    return Reckoned(expected, {one.key: one for one in choices})


def under(policy: Policy, rows: Sequence[UsageRow], snapshot: Snapshot, wanted: set[str]) -> list[PolicyShare]:
    """Every model of the rows that is `wanted`, all where it is empty, through `policy` in place of its own."""
    evidence = gather(rows)
    by_route: dict[str, list[UsageRow]] = {}
    for row in rows:
        if row.route in snapshot.routes and (not wanted or row.route in wanted):
            by_route.setdefault(row.route, []).append(row)
    found = []
    for id, own in by_route.items():
        route, replayed = snapshot.routes[id], [row for row in own if is_replayed(row)]
        before = reckoned(replayed, route, snapshot, {}, evidence).expected
        after = reckoned(replayed, replace(route, policy=policy), snapshot, {}, evidence).expected
        found.append(PolicyShare(id, route.policy, len(route.targets), len(own), len(replayed), before, after))
    return found


def _choice(target: Target, policy: Policy, snapshot: Snapshot, prices: Mapping[str, Price]) -> Choice:
    local = snapshot.providers[target.provider_id].type == ProviderType.LOCAL
    changed = prices.get(f"{target.provider_id}/{target.upstream_model}")
    rate = (blended(changed) if changed else None) or target.price
    tiers: Mapping[Policy, tuple[int, ...]] = {
        Policy.LOCAL_FIRST: (not local, target.priority),
        Policy.REMOTE_FIRST: (local, target.priority),
        Policy.WEIGHTED: (0,),
    }
    return Choice(
        target.provider_id,
        target.upstream_model,
        tiers.get(policy, (target.priority,)),
        target.weight,
        changed or snapshot.prices.at(target.provider_id, target.upstream_model),
        rate if rate is not None else 0.0 if local else float("inf"),
    )


def _rank(policy: Policy, evidence: Mapping[TargetKey, Evidence]) -> Callable[[Choice], float] | None:
    """As `routing.order` arranges the targets of one priority."""
    match policy:
        case Policy.CHEAPEST | Policy.CHEAPEST_NOW:
            return by_price
        case Policy.LOWEST_LATENCY:
            return by_first_content(evidence)
        case Policy.HIGHEST_THROUGHPUT:
            return by_speed(evidence)
        case _:
            return None
