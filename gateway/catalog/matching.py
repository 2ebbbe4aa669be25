"""Which rows of several sources are one model: by chute id, name, normalised name, id pattern, then likeness. Pure.

Sources come in one fixed order and all rows of a source are judged at once, so the order of the input cannot matter.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.catalog.facts import Facts, ModelFacts, Rejected
from gateway.catalog.fields import (
    CHUTES_LIST,
    DETAIL,
    LLM,
    LOCAL_ENGINES,
    PROVIDER,
    SNAPSHOT,
    STATISTICS,
    UTILIZATION,
    source_class,
)
from gateway.catalog.names import FUZZY_MARGIN, alike, bare, normalised, signature, slug
from gateway.catalog.report import Ambiguous, Findings, Match

ORDER = (CHUTES_LIST, DETAIL, LLM, PROVIDER, LOCAL_ENGINES, SNAPSHOT, UTILIZATION, STATISTICS)
"""In which order sources join: the richest list first, those that only annotate last."""


@dataclass(slots=True)
class Cluster:
    """One model to be. `rows` are by source; `methods` say how each was joined."""

    gateway: str
    rows: dict[str, ModelFacts] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    chute_id: str = ""

    @property
    def first(self) -> ModelFacts:
        return next(iter(self.rows.values()))

    def join(self, source: str, row: ModelFacts, method: str) -> None:
        self.rows[source] = row
        self.methods[source] = method
        self.chute_id = self.chute_id or row.chute_id


Keys = Callable[[ModelFacts], Iterable[Hashable]]


def _present(*values: object) -> list[Hashable]:
    return [value for value in values if value and isinstance(value, str)]


def _patterns(row: ModelFacts) -> Iterable[Hashable]:
    """What else identifies a model: its root, its Hugging Face id, the slug of its host."""
    named = _present(row.name, row.fields.get("root"), row.fields.get("hugging_face_id"))
    hosts = {slug(row.name), slug(f"chutes {row.name}"), str(row.fields.get("slug", "")) or slug(row.name)}
    return {*(normalised(str(name)) for name in named), *((1, host) for host in hosts)}


def _bare(row: ModelFacts) -> Iterable[Hashable]:
    return (bare(row.name),) if row.name else ()


STAGES: Sequence[tuple[str, Keys]] = (
    ("chute_id", lambda row: (row.chute_id,) if row.chute_id else ()),
    ("name", lambda row: (row.name,) if row.name else ()),
    ("normalised name", lambda row: (normalised(row.name),) if row.name else ()),
    ("id pattern", _patterns),
    ("name without owner", _bare),
)


def cluster(facts: Iterable[Facts]) -> tuple[list[Cluster], Findings]:
    """The models of one gateway."""
    clusters: list[Cluster] = []
    findings = Findings()
    for source in sorted(facts, key=_position):
        rows = _distinct(source, findings)
        left = _join_rows(source, rows, clusters, findings)
        if source.annotates:
            findings.unmatched += [(source.source, row.name or row.key) for row in left]
        else:
            clusters += [_begun(source, row) for row in left]
    return clusters, findings


def _position(source: Facts) -> tuple[int, str]:
    kind = source_class(source.source)
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), source.source)


def _begun(source: Facts, row: ModelFacts) -> Cluster:
    begun = Cluster(source.gateway)
    begun.join(source.source, row, "origin")
    return begun


def _distinct(source: Facts, findings: Findings) -> list[ModelFacts]:
    """Rows in an order of their own; of several with the same key the first by content, so that none is by chance."""
    found: dict[str, ModelFacts] = {}
    for row in sorted(source.models, key=lambda row: (row.name, row.chute_id, row.key)):
        kept = found.setdefault(row.key, row)
        if kept is not row:
            if repr(sorted(row.fields.items())) < repr(sorted(kept.fields.items())):
                found[row.key] = row
            findings.rejected.append(Rejected(source.source, row.name or row.key, "the source lists it twice"))
    return list(found.values())


def _join_rows(source: Facts, rows: list[ModelFacts], clusters: list[Cluster], findings: Findings) -> list[ModelFacts]:
    """Joins what can be joined; returns the rest, ambiguous rows included."""
    waiting = rows
    unclear: list[ModelFacts] = []
    for method, keys in STAGES:
        if not waiting:
            return unclear
        waiting, doubtful = _stage(source.source, method, keys, waiting, clusters, findings)
        unclear += doubtful
    waiting, doubtful = _by_likeness(source.source, waiting, clusters, findings)
    return waiting + unclear + doubtful


def _stage(
    source: str, method: str, keys: Keys, rows: list[ModelFacts], clusters: list[Cluster], findings: Findings
) -> tuple[list[ModelFacts], list[ModelFacts]]:
    """One cluster claimed by one row is a match; anything else about a key is doubtful."""
    index: dict[Hashable, list[Cluster]] = defaultdict(list)
    for one in clusters:
        if source not in one.rows:
            rows_of = one.rows.values()
            for key in keys(one.first) if len(rows_of) == 1 else {key for row in rows_of for key in keys(row)}:
                index[key].append(one)
    claims: dict[int, list[ModelFacts]] = defaultdict(list)
    wanted: list[tuple[ModelFacts, list[Cluster]]] = []
    for row in rows:
        near = {id(one): one for key in keys(row) for one in index.get(key, ()) if _compatible(one, row, keys)}
        wanted.append((row, list(near.values())))
        for claimed in near:
            claims[claimed].append(row)
    waiting, doubtful = [], []
    for row, found in wanted:
        if not found:
            waiting.append(row)
        elif len(found) == 1 and len(claims[id(found[0])]) == 1:
            _match(found[0], Match(source, row.name or row.key, found[0].first.name, method), row, findings)
        else:
            doubtful.append(row)
            findings.ambiguous.append(_doubt(source, row, method, found))
    return waiting, doubtful


def _by_likeness(
    source: str, rows: list[ModelFacts], clusters: list[Cluster], findings: Findings
) -> tuple[list[ModelFacts], list[ModelFacts]]:
    """Only names of the same signature are compared, which is right, and quick for thousands."""
    pools: dict[Hashable, dict[str, list[Cluster]]] = defaultdict(lambda: defaultdict(list))
    for one in clusters:
        if source not in one.rows:
            pools[signature(one.first.name)][normalised(one.first.name)].append(one)
    claims: dict[int, int] = defaultdict(int)
    wanted: list[tuple[ModelFacts, list[Cluster], float]] = []
    for row in rows:
        pool = pools.get(signature(row.name), {})
        scored = alike(normalised(row.name), pool)
        best = scored[0][1] if scored else 0.0
        near = [one for name, score in scored if score > best - FUZZY_MARGIN for one in pool[name]]
        near = [one for one in near if _compatible(one, row, STAGES[0][1])]
        wanted.append((row, near, best))
        for one in near:
            claims[id(one)] += 1
    waiting, doubtful = [], []
    for row, near, score in wanted:
        if not near:
            waiting.append(row)
        elif len(near) == 1 and claims[id(near[0])] == 1:
            _match(near[0], Match(source, row.name, near[0].first.name, "likeness", score), row, findings)
        else:
            doubtful.append(row)
            findings.ambiguous.append(_doubt(source, row, "likeness", near))
    return waiting, doubtful


def _compatible(one: Cluster, row: ModelFacts, keys: Keys) -> bool:
    """Two chute ids are two models, however alike their names are; so are two owners of the same bare name."""
    if keys is _bare and "/" in row.name and "/" in one.first.name:
        return False
    return not (row.chute_id and one.chute_id and row.chute_id != one.chute_id)


def _match(one: Cluster, match: Match, row: ModelFacts, findings: Findings) -> None:
    one.join(match.source, row, match.method if match.score == 100 else f"{match.method} {match.score:.0f}")
    findings.matches.append(match)


def _doubt(source: str, row: ModelFacts, method: str, found: list[Cluster]) -> Ambiguous:
    candidates = sorted(f"{one.first.name} ({one.chute_id})" if one.chute_id else one.first.name for one in found)
    return Ambiguous(source, row.name or row.key, method, tuple(candidates))
