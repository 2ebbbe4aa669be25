"""Callers of the keys that the configuration file holds, and limits from the fields that file and database share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.addresses import Network, parse_networks
from gateway.access.keys import Caller, digest
from gateway.access.limits import BudgetPeriod, Limits
from gateway.errors import ConfigError
from gateway.openai_api.confidentiality import rule_of
from gateway.settings import KeyConfig, LimitSettings, Settings
from gateway.usage.types import NANOS

MASTER_ID = "master"
FILE = "file-"
"""Begins the ids of keys of the file."""
GLOBAL = "global"
"""The scope of everybody together."""
RESET = "reset"
"""The field of a record that says since when spending counts: `{"at": epoch seconds, "spent": {period: nanos}}`."""
Resets = Mapping[str, Mapping[str, Any]]
"""That field, by the scope of what has no record of its own."""


def master_caller() -> Caller:
    return Caller("master", is_master=True, key_id=MASTER_ID)


def file_key_id(position: int, key: KeyConfig) -> str:
    """The id of a key of the file, for limits, usage and lists; `position` counts from 1."""
    return f"{FILE}{key.name or position}"


@dataclass(frozen=True, slots=True)
class _Made:
    keys: tuple[KeyConfig, ...] = ()
    resets: Resets = field(default_factory=dict)
    callers: Mapping[bytes, Caller] = field(default_factory=dict)


_last = _Made()


def file_callers(settings: Settings, resets: Resets) -> Mapping[bytes, Caller]:
    """By the hash of their key. There may be 200,000, so those made last are given again while their keys are the same.

    Raises ConfigError for what is no network, and where two keys would be taken for one.
    """
    global _last
    own = {scope: reset for scope, reset in resets.items() if scope.startswith(f"key:{FILE}")}
    last = _last  # one look: another gateway of this process may put its own there meanwhile
    if last.keys is not settings.keys or last.resets != own:
        _last = last = _Made(settings.keys, own, dict(_made(settings, own)))
    return last.callers


def _made(settings: Settings, resets: Resets) -> Iterator[tuple[bytes, Caller]]:
    _check_distinct(settings)
    for n, key in enumerate(settings.keys, 1):
        if key.enabled:
            yield digest(key.key.get_secret_value()), _caller(n, key, settings, resets)


def _check_distinct(settings: Settings) -> None:
    values, ids = dict[str, int](), dict[str, int]()
    for n, key in enumerate(settings.keys):
        if (first := values.setdefault(key.key.get_secret_value(), n)) != n:
            place = settings.place("keys", n, "key")
            raise ConfigError(f"{place}: is that of keys.{first} too (each key needs a value of its own)")
        if (first := ids.setdefault(file_key_id(n + 1, key), n)) != n:
            place = settings.place("keys", n, "name")
            raise ConfigError(
                f"{place}: is that of keys.{first} too, and limits and usage are counted by it (rename one)"
            )


def limits_of(scope: str, fields: Mapping[str, Any]) -> Limits:
    """From `rpm`, `tpm`, `max_parallel`, `budget_usd`, `budget_period` and what a reset left."""
    budget = fields.get("budget_usd")
    return Limits(
        scope,
        fields.get("rpm"),
        fields.get("tpm"),
        fields.get("max_parallel"),
        None if budget is None else round(budget * NANOS),
        BudgetPeriod(fields.get("budget_period") or "month"),
        window_mark(fields),
    )


def window_mark(fields: Mapping[str, Any]) -> str:
    """Empty where nothing was reset; else it is another one after each reset."""
    return f"@{fields[RESET]['at']:.6f}" if RESET in fields else ""


def limiting(*found: Limits) -> tuple[Limits, ...]:
    """Those that limit something."""
    return tuple(limits for limits in found if not limits.limits_nothing)


def _caller(position: int, key: KeyConfig, settings: Settings, resets: Resets) -> Caller:
    id, name = file_key_id(position, key), key.name or f"key {position}"
    scope = f"key:{id}"
    fields = {field: getattr(key, field) for field in LimitSettings.model_fields}
    return Caller(
        name,
        allowed_models=key.allowed_models,
        allowed_operations=key.allowed_operations,
        stream_policy=key.stream_policy or "",
        key_id=id,
        user_id=key.user,
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
        networks=_networks(position, key, settings) if key.allowed_ips else (),
        limits=limiting(limits_of(scope, {**fields, **resets.get(scope, {})})),
        store_bodies=key.store_bodies,
        cache=key.cache,
        rule=rule_of(key.tee, key.data, f"the key '{name}'"),
    )


def _networks(position: int, key: KeyConfig, settings: Settings) -> tuple[Network, ...]:
    return parse_networks(key.allowed_ips, settings.place("keys", position - 1, "allowed_ips"))
