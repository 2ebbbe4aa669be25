"""`Rule`: what whoever is asked must be, so that a request stays confidential. It travels with the call, and `routing`
holds every try against it. Read here from a request's headers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.errors import ConfidentialityUnmet, InvalidRequest

TEE_HEADER, DATA_HEADER = "x-gateway-tee", "x-gateway-data"
REQUIRED, LOCAL_ONLY = "required", "local-only"
HEADER = "x-gateway-confidentiality"
"""Of an answer: the rule that it was made under."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who demands it, in words such as `the key 'anna'`; empty: nobody does."""

    tee: tuple[str, ...] = ()
    """Only targets that run in a trusted execution environment."""
    local: tuple[str, ...] = ()
    """Only engines of this gateway, and providers on the operator's own machines."""

    def __str__(self) -> str:
        return ", ".join(name for name, by in (("tee", self.tee), (LOCAL_ONLY, self.local)) if by)

    def told(self) -> str:
        """As a sentence has it, with whoever demands it."""
        demanded = (("tee: required", self.tee), ("data: local-only", self.local))
        return " and ".join(f"'{name}' by {' and '.join(by)}" for name, by in demanded if by)


def rule_of(tee: str | None, data: str | None, by: str) -> Rule | None:
    """As keys, models and settings write it; None where nothing is demanded."""
    return Rule((by,) if tee else (), (by,) if data else ()) if tee or data else None


def strictest(*rules: Rule | None) -> Rule | None:
    """All that any of them demands."""
    found = [rule for rule in rules if rule is not None]
    if len(found) < 2:
        return found[0] if found else None
    tee = dict.fromkeys(by for rule in found for by in rule.tee)
    return Rule(tuple(tee), tuple(dict.fromkeys(by for rule in found for by in rule.local)))


def read_rule(headers: Mapping[str, str]) -> Rule | None:
    """What the caller asks for; there is no word that loosens a rule. Raises InvalidRequest for any other word."""
    tee, data = headers.get(TEE_HEADER), headers.get(DATA_HEADER)
    if HEADER in headers:
        told = f"demand with '{TEE_HEADER}: {REQUIRED}' or '{DATA_HEADER}: {LOCAL_ONLY}'"
        raise InvalidRequest(f"The header '{HEADER}' is one of answers: {told}.", param=HEADER)
    if tee is None and data is None:
        return None
    _check(TEE_HEADER, tee, REQUIRED)
    _check(DATA_HEADER, data, LOCAL_ONLY)
    by_tee = (f"the header {TEE_HEADER}",) if tee is not None else ()
    return Rule(by_tee, (f"the header {DATA_HEADER}",) if data is not None else ())


def refused(rule: Rule, model: str, reasons: Iterable[tuple[str, str]]) -> ConfidentialityUnmet:
    """`reasons` are the targets, as `provider/model`, with why each was refused."""
    named = "; ".join(f"{target} ({reason})" for target, reason in reasons)
    message = f"No target of the model '{model}' may be asked under {rule.told()}. Refused: {named}."
    return ConfidentialityUnmet(message, headers=((HEADER, str(rule)),))


def _check(header: str, given: str | None, word: str) -> None:
    if given is not None and given.strip().lower() != word:
        raise InvalidRequest(f"The header '{header}' takes {word}, and nothing else.", param=header)
