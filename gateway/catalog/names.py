"""When two names may mean one model. Used by `matching` and for suggestions."""

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

_SEPARATORS = re.compile(r"[-_. ]+")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
_PARTS = re.compile(r"[^a-z0-9]+")
_TELLING = frozenset(
    re.findall(
        r"\w+",
        "air awq base bf16 chat code coder distill dpo embedding exp fast flash fp4 fp8 gguf gptq guard instruct int4 "
        "int8 it large lite maverick max math medium mini nano next omni plus preview pro prover reasoning reranker "
        "scout small tee terminus thinking turbo ultra vision vl zero",
    )
)
"""Words that tell two models of a family apart: they must stand in both names or in neither."""

_CACHED = 32_768

FUZZY_SCORE = 90.0
"""Of 100. Below it two names are two models."""
FUZZY_MARGIN = 3.0
"""A second candidate this close makes the match ambiguous."""


@lru_cache(maxsize=_CACHED)
def normalised(name: str) -> str:
    """Regardless of case and of the separators `-`, `_`, `.` and space; a leading `chutes/` is a router's word."""
    return _SEPARATORS.sub("-", name.casefold().removeprefix("chutes/")).strip("-")


def bare(name: str) -> str:
    """Without the organisation."""
    return normalised(name).rpartition("/")[2]


@lru_cache(maxsize=_CACHED)
def slug(name: str) -> str:
    """As hosts of chutes are named."""
    return _PARTS.sub("-", name.casefold()).strip("-")


@lru_cache(maxsize=_CACHED)
def signature(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Numbers and telling words. Names that differ in it never match by likeness: R1 is not V3, 8B is not 70B."""
    lowered = name.casefold()
    told = sorted(set(_PARTS.split(lowered)) & _TELLING)
    return tuple(sorted(_NUMBERS.findall(lowered))), tuple(told)


def alike(name: str, candidates: Iterable[str]) -> list[tuple[str, float]]:
    """The candidates that score at least `FUZZY_SCORE`, best first. All names are normalised."""
    choices = list(candidates)
    if not choices:
        return []
    fuzzy = _fuzzy()
    found = fuzzy.process.extract(name, choices, scorer=fuzzy.fuzz.ratio, score_cutoff=FUZZY_SCORE, limit=4)
    return [(candidate, score) for candidate, score, _ in found]


def closest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Names that somebody may have meant, best first; the organisation may be left out."""
    by_full = {candidate: normalised(candidate) for candidate in known}
    by_bare = {candidate: full.rpartition("/")[2] for candidate, full in by_full.items()}
    scores: dict[str, float] = {}
    for wanted, choices in ((normalised(name), by_full), (bare(name), by_bare)):
        for _, score, candidate in _fuzzy().process.extract(
            wanted, choices, scorer=_fuzzy().fuzz.ratio, score_cutoff=60, limit=limit
        ):
            scores[candidate] = max(score, scores.get(candidate, 0.0))
    return sorted(scores, key=lambda candidate: (-scores[candidate], candidate))[:limit]


def _fuzzy() -> Any:
    """Loaded for the first names that are not equal: it takes 4 MB, and most starts compare none."""
    return import_module("rapidfuzz")
