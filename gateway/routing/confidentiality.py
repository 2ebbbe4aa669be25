"""Whether a target may be asked under a rule. Pure; called when targets are chosen, and again before every try."""

from typing import Protocol

from gateway.openai_api.confidentiality import Rule
from gateway.providers.base import Provider, ProviderType
from gateway.routing.types import Target


class TeeFacts(Protocol):
    """What Chutes says of its chutes now."""

    def __call__(self, target: Target, provider: Provider) -> tuple[bool | None, str]:
        """Whether the chute runs in a trusted execution environment, None where nobody can tell; unless it does, why
        not or why nobody can."""
        ...


def nobody_knows(target: Target, provider: Provider) -> tuple[bool | None, str]:
    return None, "no catalog says that it runs in a trusted execution environment"


def unmet(rule: Rule, target: Target, provider: Provider, facts: TeeFacts) -> str:
    """Why the target may not be asked; empty where it may. What is not known is refused."""
    if rule.local and not (provider.type is ProviderType.LOCAL or provider.local):
        return "its provider is not declared as `data: local`"
    return _outside(target, provider, facts) if rule.tee else ""


def vouched(target: Target, provider: Provider) -> bool | None:
    """What was declared of it; None where nothing was."""
    return provider.tee if target.tee is None else target.tee


def _outside(target: Target, provider: Provider, facts: TeeFacts) -> str:
    """What people declare counts, unless Chutes says that it is not so."""
    declared = vouched(target, provider)
    if declared is False:
        return "it is declared as `tee: false`"
    if provider.type == ProviderType.CHUTES:
        runs, why = facts(target, provider)
        return why if runs is False or not (runs or declared) else ""
    return "" if declared else "it is not declared as `tee: true`"
