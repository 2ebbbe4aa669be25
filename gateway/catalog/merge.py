"""`merge`: the facts of all sources to one list of models and a report. Pure; runs in a thread, never on the loop.

Models of different gateways (Chutes, each configured provider, this machine) are never joined: they are other places
with other prices, even where the names are the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.facts import CHUTES, LOCAL, Facts, ModelFacts, Price, PriceKind
from gateway.catalog.fields import FIELDS, NO_CONFLICT, UNRELIABLE, rank, same
from gateway.catalog.kinds import UNKNOWN, Kind, hints, kind_of, modalities, tier
from gateway.catalog.matching import Cluster, cluster
from gateway.catalog.model import CatalogModel, Conflict
from gateway.catalog.prices import field_name
from gateway.catalog.report import FieldConflict, Findings, MergeReport, SourceReport

POPULAR = 20
"""So many of the most called models carry the tag `popular`."""
Words = tuple[str, ...]
_PRICES = {field_name(kind): kind for kind in PriceKind}
_DERIVED = frozenset({"model_type", "tags", "input_modalities", "output_modalities", *_PRICES})


@dataclass(frozen=True, slots=True)
class Merged:
    models: tuple[CatalogModel, ...]
    """By id."""
    report: MergeReport


def merge(facts: Iterable[Facts]) -> Merged:
    """The same whatever the order of the sources and of their rows. Every row becomes part of a model, or is in the
    report as unmatched (if its source only annotates) or rejected."""
    sources = sorted(facts, key=lambda one: one.source)
    by_gateway: dict[str, list[Facts]] = defaultdict(list)
    for one in sources:
        by_gateway[one.gateway].append(one)
    clusters: list[Cluster] = []
    findings = Findings()
    for gateway in sorted(by_gateway, key=_precedence):
        found, noted = cluster(by_gateway[gateway])
        clusters += found
        findings.matches += noted.matches
        findings.ambiguous += noted.ambiguous
        findings.unmatched += noted.unmatched
        findings.rejected += noted.rejected
    stale = {one.source: one.stale for one in sources if one.stale}
    popular = _popular_from(clusters)
    named = zip(_ids(clusters), clusters, strict=True)
    pool: dict[Words, Words] = {}
    models = sorted((_model(id, one, stale, popular, pool) for id, one in named), key=lambda model: model.id)
    return Merged(tuple(models), _report(sources, models, clusters, findings))


def _precedence(gateway: str) -> tuple[int, str]:
    return ((LOCAL, CHUTES).index(gateway) if gateway in (LOCAL, CHUTES) else 2, gateway)


def _ids(clusters: list[Cluster]) -> list[str]:
    """A model's name; where several have it, the first keeps it and the others say whose they are.

    Models of providers are called `provider/model`, which is how they can be called.
    """
    taken: set[str] = set()
    found = {}
    order = sorted(range(len(clusters)), key=lambda n: _claim(clusters[n]))
    for n in order:
        one, row = clusters[n], clusters[n].first
        plain = row.name if one.gateway in (CHUTES, LOCAL) else f"{one.gateway}/{row.name}"
        owner = str(row.fields.get("username", "")) if one.gateway == CHUTES else one.gateway
        id = next(id for id in _spellings(plain, owner, one.chute_id or row.key) if id not in taken)
        taken.add(id)
        found[n] = id
    return [found[n] for n in range(len(clusters))]


def _spellings(plain: str, owner: str, key: str) -> Iterable[str]:
    yield plain
    if owner:
        yield f"{plain}@{owner}"
    yield f"{plain}@{key}"
    n = 2
    while True:
        yield f"{plain}@{key}.{n}"
        n += 1


def _claim(one: Cluster) -> tuple[Any, ...]:
    """Who has the first right to a name: this machine, then the platform's own chutes, then whoever is used most."""
    fields = one.first.fields
    owner = {CHUTES: 0, None: 1}.get(fields.get("username"), 2)
    return (*_precedence(one.gateway), owner, -fields.get("invocation_count", 0), one.chute_id, one.first.key)


def _popular_from(clusters: list[Cluster]) -> int:
    """The number of calls from which a model is popular."""
    counts = sorted(map(_calls, clusters), reverse=True)[:POPULAR]
    return max(1, counts[-1] if counts else 1)


def _calls(one: Cluster) -> int:
    return max((int(row.fields.get("invocation_count", 0)) for row in one.rows.values()), default=0)


def _model(id: str, one: Cluster, stale: Mapping[str, str], popular: int, pool: dict[Words, Words]) -> CatalogModel:
    """Equal lists of words are one in all models: `pool` holds those that were met."""
    values, provenance, conflicts = _fields(one.rows)
    first = one.first
    declared = next((row.fields["type"] for row in one.rows.values() if "type" in row.fields), None)
    judged = values if declared is None else {**values, "type": declared}
    kind = kind_of(first.name, judged, chat_by_default=any(row.fields.get("lists_chat") for row in one.rows.values()))
    inputs, outputs = modalities(kind, first.name, values)
    prices = {kind: values[name] for name, kind in _PRICES.items() if name in values}
    owner, _, rest = first.name.partition("/")
    fields: dict[str, Any] = dict(
        id=id,
        upstream_id=first.name,
        gateway=one.gateway,
        chute_id=one.chute_id,
        provider_slug=owner if rest else str(values.get("username", "")) or one.gateway,
        model_type=_category(kind, str(values.get("model_type", "")), one.rows),
        type=kind.type,
        tags=_tags(values, _calls(one) >= popular),
        hints=hints(first.name),
        tier=tier(prices),
        input_modalities=inputs,
        output_modalities=outputs,
        prices=prices,
        origins=tuple(one.rows),
        matches=one.methods,
        tee_said_by=tuple(source for source, row in one.rows.items() if row.fields.get("tee") is values.get("tee", ())),
        provenance=provenance,
        stale={source: stale[source] for source in one.rows if source in stale},
        **{name: value for name, value in values.items() if name not in _DERIVED},
    )
    words = {name: value for name, value in fields.items() if isinstance(value, tuple)}
    return CatalogModel(
        **fields | {name: pool.setdefault(value, value) for name, value in words.items()}, conflicts=conflicts
    )


def _fields(rows: Mapping[str, ModelFacts]) -> tuple[dict[str, Any], dict[str, str], tuple[Conflict, ...]]:
    """Of each field the value of the most trusted source that has one; differing ones are kept beside it."""
    said: dict[str, list[tuple[int, str, Any]]] = defaultdict(list)
    for source, row in rows.items():
        for name, value in row.fields.items():
            if name in FIELDS:
                said[name].append((rank(name, source), source, value))
    values, provenance, conflicts = {}, {}, []
    for name, found in said.items():
        if len(found) > 1:
            found.sort(key=_trust)
        _, provenance[name], values[name] = found[0]
        if len(found) == 1:
            continue
        others = [one for one in found[1:] if one[1] not in UNRELIABLE]
        if others and name not in NO_CONFLICT and not all(same(values[name], one[2]) for one in others):
            conflicts.append(Conflict(name, found[0][1], {source: value for _, source, value in (found[0], *others)}))
        if name in _PRICES:
            values[name] = _completed(found)
    return values, provenance, tuple(sorted(conflicts, key=lambda one: one.field))


def _trust(one: tuple[int, str, Any]) -> tuple[int, str]:
    return one[:2]


def _completed(found: list[tuple[int, str, Any]]) -> Price:
    """The trusted price; its TAO from the next source that agrees on the USD where it names none itself."""
    price: Price = found[0][2]
    if price.tao is None:
        for _, _, other in found[1:]:
            if other.tao is not None and other.usd is not None and same(price, other):
                return Price(price.usd, other.tao, price.usd_max, price.at)
    return price


def _category(kind: Kind, declared: str, origins: Iterable[str]) -> str:
    """A declared category counts where nothing is known, or where old news is all there is."""
    return declared if declared and (kind is UNKNOWN or UNRELIABLE.issuperset(origins)) else kind.category


def _tags(values: Mapping[str, Any], popular: bool) -> tuple[str, ...]:
    """`hot` by what live sources say, the snapshot's word only where none does."""
    tags = [tag for tag in values.get("tags", ()) if tag != "hot" or values.get("hot") is None]
    tags += ["hot"] if values.get("hot") else []
    tags += ["popular"] if popular else []
    return tuple(sorted(set(tags)))


def _report(
    sources: list[Facts], models: list[CatalogModel], clusters: list[Cluster], findings: Findings
) -> MergeReport:
    origins = Counter(next(iter(one.rows)) for one in clusters)
    unique = Counter(next(iter(one.rows)) for one in clusters if len(one.rows) == 1)
    matched: dict[str, Counter[str]] = defaultdict(Counter)
    for match in findings.matches:
        matched[match.source][match.method] += 1
    unmatched = Counter(source for source, _ in findings.unmatched)
    ambiguous = Counter(one.source for one in findings.ambiguous)
    rejected = [*(one for source in sources for one in source.rejected), *findings.rejected]
    refused = Counter(one.source for one in rejected)
    return MergeReport(
        models=len(models),
        sources=tuple(
            SourceReport(
                one.source, one.gateway, one.at, one.stale, len(one.models), origins[one.source],
                dict(matched[one.source]), unique[one.source], unmatched[one.source], ambiguous[one.source],
                refused[one.source],
            )
            for one in sources
        ),
        matches=tuple(sorted(findings.matches, key=lambda one: (one.model, one.source, one.row))),
        conflicts=tuple(
            FieldConflict(model.id, one.field, one.chosen, one.values) for model in models for one in model.conflicts
        ),
        ambiguous=tuple(findings.ambiguous),
        unmatched=tuple(sorted(findings.unmatched)),
        rejected=tuple(rejected),
    )  # fmt: skip
