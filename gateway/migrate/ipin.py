"""Reads iPin Proxy's database: a JSON file with the lists `providers`, `models`, `apiKeys` and `users`."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import ConfigError
from gateway.migrate.plan import LEAST, Plan, is_private, is_too_simple, section
from gateway.providers.chutes import is_chutes_host

_TYPES = {"reranking": "rerank", "image-generation": "image", "audio": "transcription"}
_KNOWN = frozenset({"chat", "embedding", "transcription", "ocr", "rerank", "image", "speech"})
_MASTER = "master"
_FIELDS: Mapping[str, frozenset[str]] = {
    "providers": frozenset({"id", "name", "baseUrl", "apiKey", "type", "enabled"}),
    "models": frozenset({"id", "name", "providerId", "type", "enabled", "supportsImageUpload", "supportsVideoUpload"}),
    "apiKeys": frozenset({"id", "key", "name", "username", "allowedModels", "enabled", "createdAt"}),
    "users": frozenset({"id", "username", "password", "apiKeyId", "enabled", "createdAt"}),
}


def read_ipin(source: Mapping[str, Any]) -> Plan:
    """Raises ConfigError for what is no such file."""
    if not isinstance(source.get("providers"), list) or not isinstance(source.get("models"), list):
        raise ConfigError("this is no database of iPin Proxy: it needs the lists providers and models")
    plan = Plan()
    for one in _rows(source, "providers", plan):
        _provider(one, plan)
    for one in _rows(source, "models", plan):
        _model(one, plan)
    users = _rows(source, "users", plan)
    owners = {str(user.get("apiKeyId")): str(user.get("username", "")) for user in users}
    for one in _rows(source, "apiKeys", plan):
        _key(one, owners, plan)
    for one in users:
        _user(one, plan)
    for name in source.keys() - _FIELDS.keys():
        plan.note(str(name), "is not known and was left out.")
    return plan


def _rows(source: Mapping[str, Any], name: str, plan: Plan) -> list[dict[str, Any]]:
    rows = section(source, name, list)
    for n, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ConfigError(f"{name}[{n}] must be an object")
        for field in row.keys() - _FIELDS[name]:
            plan.note(f"{name}[{n}].{field}", "is not known and was left out.")
    return list(rows)


def _provider(row: Mapping[str, Any], plan: Plan) -> None:
    id, base_url = str(row.get("id") or ""), str(row.get("baseUrl") or "")
    if not id or not base_url:
        plan.note(f"provider {id or '?'}", "was left out: it has no id or no baseUrl.")
        return
    provider: dict[str, Any] = {"type": "chutes" if is_chutes_host(base_url) else "openai", "base_url": base_url}
    if name := row.get("name"):
        provider["name"] = str(name)
    if key := row.get("apiKey"):
        provider["api_key"] = plan.hide(str(key), f"{id}_API_KEY")
    if row.get("enabled") is False:
        provider["enabled"] = False
    if is_private(base_url):
        plan.settings["allow_private_upstreams"] = True
        plan.note(f"provider {id}", "is private or without TLS: allow_private_upstreams is switched on for it.")
    plan.providers[id] = provider


def _model(row: Mapping[str, Any], plan: Plan) -> None:
    id, provider = str(row.get("id") or ""), str(row.get("providerId") or "")
    place = f"model {id or '?'}"
    if not id or provider not in plan.providers:
        plan.note(place, f"was left out: its provider '{provider}' is not there.")
        return
    if id in plan.models:
        last = len(plan.models[id]["targets"])
        plan.models[id]["targets"].append({"provider": provider, "model": id, "priority": last})
        plan.note(place, f"is there twice: '{provider}' stands in where the first one fails.")
        return
    given = str(row.get("type") or "")
    kind = _TYPES.get(given, given)
    model: dict[str, Any] = {"targets": [{"provider": provider, "model": id}]}
    if kind in _KNOWN:
        model["type"] = kind
    elif kind:
        plan.note(place, f"there is no type '{kind}' here: the endpoint decides.")
    if (name := str(row.get("name") or "")) and name != id:
        model["name"] = name
    if row.get("enabled") is False:
        model["enabled"] = False
    if row.get("supportsImageUpload"):
        model["supports_image_upload"] = True
    if row.get("supportsVideoUpload"):
        plan.note(place, "video is passed to the provider as it is; there is no switch for it.")
    plan.models[id] = model


def _key(row: Mapping[str, Any], owners: Mapping[str, str], plan: Plan) -> None:
    id, value = str(row.get("id") or ""), str(row.get("key") or "")
    name = str(row.get("name") or id)
    place = f"API key {name}"
    if id == _MASTER and value:
        if is_too_simple(value):
            plan.note(place, "is the master key, easy to guess, and was left out: the first start makes a new one.")
            return
        plan.settings["master_api_key"] = plan.hide(value, "MASTER_API_KEY")
        plan.note(place, "is the master key: set it as MASTER_API_KEY.")
        return
    if is_too_simple(value):
        plan.note(place, f"was left out: it is shorter than {LEAST} characters or easy to guess. Make a new one.")
        return
    key: dict[str, Any] = {"name": name, "key": plan.hide(value, f"KEY_{name}")}
    if row.get("allowedModels"):
        key["allowed_models"] = [_literal(str(one)) for one in section(row, "allowedModels", list)]
    if row.get("enabled") is False:
        key["enabled"] = False
    if owner := owners.get(id) or row.get("username"):
        key["user"] = owner
    plan.keys.append(key)


def _user(row: Mapping[str, Any], plan: Plan) -> None:
    username = str(row.get("username") or "")
    if not username:
        plan.note("users", "one without a name was left out.")
        return
    plan.users.append({"username": username} | ({"enabled": False} if row.get("enabled") is False else {}))
    plan.note(
        f"user {username}",
        f"the password cannot be taken over, as only an unsalted hash is there: `gateway users password {username}`.",
    )


def _literal(model: str) -> str:
    """A model's name as a glob that fits it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in model)
