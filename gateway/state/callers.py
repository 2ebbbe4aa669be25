"""Callers of the keys that the configuration file holds, and limits from the fields that file and database share."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.access.addresses import parse_networks
from gateway.access.keys import Caller, digest
from gateway.access.limits import BudgetPeriod, Limits
from gateway.openai_api.confidentiality import rule_of
from gateway.settings import KeyConfig, Settings
from gateway.usage.types import NANOS

MASTER_ID = "master"
GLOBAL = "global"
"""The scope of everybody together."""


def master_caller() -> Caller:
    return Caller("master", is_master=True, key_id=MASTER_ID)


def file_key_id(position: int, key: KeyConfig) -> str:
    """The id of a key of the file, for limits, usage and lists; `position` counts from 1."""
    return f"file-{key.name or position}"


def file_callers(settings: Settings) -> Iterator[tuple[bytes, Caller]]:
    """Raises ConfigError for what is no network."""
    for n, key in enumerate(settings.keys, 1):
        if key.enabled:
            yield digest(key.key.get_secret_value()), _caller(n, key, settings)


def limits_of(scope: str, fields: Mapping[str, Any]) -> Limits:
    """From `rpm`, `tpm`, `max_parallel`, `budget_usd` and `budget_period`."""
    budget = fields.get("budget_usd")
    return Limits(
        scope,
        fields.get("rpm"),
        fields.get("tpm"),
        fields.get("max_parallel"),
        None if budget is None else round(budget * NANOS),
        BudgetPeriod(fields.get("budget_period") or "month"),
    )


def limiting(*found: Limits) -> tuple[Limits, ...]:
    """Those that limit something."""
    return tuple(limits for limits in found if not limits.limits_nothing)


def _caller(position: int, key: KeyConfig, settings: Settings) -> Caller:
    id, name = file_key_id(position, key), key.name or f"key {position}"
    place = settings.place("keys", position - 1, "allowed_ips")
    return Caller(
        name,
        allowed_models=key.allowed_models,
        allowed_operations=key.allowed_operations,
        stream_policy=key.stream_policy or "",
        key_id=id,
        user_id=key.user,
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
        networks=parse_networks(key.allowed_ips, place),
        limits=limiting(limits_of(f"key:{id}", key.model_dump())),
        store_bodies=key.store_bodies,
        cache=key.cache,
        rule=rule_of(key.tee, key.data, f"the key '{name}'"),
    )
