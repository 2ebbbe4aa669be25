"""Callers made of key and user records, kept up one by one so that a change costs no more with 200,000 keys. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network

from gateway.access.keys import Caller
from gateway.access.limits import Limits
from gateway.openai_api.confidentiality import rule_of
from gateway.state.callers import MASTER_ID, limiting, limits_of
from gateway.store.records import Record, Resource

Tables = Mapping[Resource, Mapping[str, Record]]


def updated(
    callers: Mapping[bytes, Caller], before: Tables, after: Tables, changed: Iterable[tuple[Resource, str]]
) -> Mapping[bytes, Caller]:
    """The callers after these records changed: those of changed keys, and of all keys of changed users."""
    keys = {id for resource, id in changed if resource is Resource.APIKEYS}
    users = {id for resource, id in changed if resource is Resource.USERS}
    if users:
        keys |= {id for id, key in after[Resource.APIKEYS].items() if key.document.get("user_id") in users}
    if not keys:
        return callers
    found = dict(callers)
    for id in keys:
        for known in _digests(before[Resource.APIKEYS].get(id)):
            found.pop(known, None)
    for id in keys:
        record = after[Resource.APIKEYS].get(id)
        if record:
            user = after[Resource.USERS].get(record.document.get("user_id", ""))
            found |= _callers(record, user)
    return found


def _digests(record: Record | None) -> list[bytes]:
    if record is None or record.handle is None:
        return []
    return [
        bytes.fromhex(record.handle),
        *(bytes.fromhex(old["digest"]) for old in record.document.get("previous", ())),
    ]


def _callers(record: Record, user: Record | None) -> dict[bytes, Caller]:
    """One for the key's value, and one for each value before a rotation that still works."""
    key, person = record.document, user.document if user else {}
    orphan = bool(key.get("user_id")) and user is None
    if orphan or not key.get("enabled", True) or not person.get("enabled", True) or record.handle is None:
        return {}
    caller = Caller(
        key["name"],
        allowed_models=tuple(key.get("allowed_models", ())),
        allowed_operations=tuple(key.get("allowed_operations", ())),
        stream_policy=key.get("stream_policy") or "",
        key_id=record.id,
        user_id=key.get("user_id", ""),
        user_models=tuple(person.get("allowed_models", ())),
        expires_at=_seconds(key.get("expires_at")),
        networks=tuple(ip_network(text) for text in key.get("allowed_ips", ())),
        limits=_limits(record, user),
        store_bodies=key.get("store_bodies", False),
        cache=key.get("cache", False),
        is_master=record.id == MASTER_ID,
        rule=rule_of(key.get("tee"), key.get("data"), f"the key '{key['name']}'"),
    )
    return {bytes.fromhex(record.handle): caller} | {
        bytes.fromhex(old["digest"]): _until(caller, old["until"]) for old in key.get("previous", ())
    }


def _until(caller: Caller, until: float) -> Caller:
    return replace(caller, expires_at=min(until, caller.expires_at or until))


def _limits(key: Record, user: Record | None) -> tuple[Limits, ...]:
    of_user = [limits_of(f"user:{user.id}", user.document)] if user else []
    return limiting(limits_of(f"key:{key.id}", key.document), *of_user)


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
