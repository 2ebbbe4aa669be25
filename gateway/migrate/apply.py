"""A plan into the database: keys of providers sealed, those of callers hashed. Called by `gateway migrate --apply`."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.access.passwords import Passwords
from gateway.admin.accounts import create_user
from gateway.admin.administration import KINDS, Actor, Administration
from gateway.admin.documents import ApiKeyDocument, ModelDocument, ProviderDocument, SettingDocument, UserDocument
from gateway.admin.runtime_settings import CHANGEABLE
from gateway.admin.users import find_user
from gateway.errors import ConfigError, Conflict
from gateway.migrate.plan import Plan
from gateway.store.records import Resource

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LATER = ("fallbacks", "context_fallback")
"""What names other models, which must be there first."""


async def apply(
    plan: Plan, administration: Administration, environ: Mapping[str, str], actor: Actor
) -> AsyncIterator[str]:
    """What was done, line by line. What is there already stays as it is; a second run adds nothing.

    Raises ConfigError for a reference that nothing answers, before anything is written.
    """
    plan = _filled(plan, {**environ, **plan.secrets})
    for id, fields in plan.providers.items():
        yield await _add(administration, Resource.PROVIDERS, id, ProviderDocument, {**fields, "id": id}, actor)
    async for line in _models(plan, administration, actor):
        yield line
    for user in plan.users:
        yield await _user(administration, user, actor)
    for key in plan.keys:
        yield await _key(administration, key, actor)
    async for line in _settings(plan, administration, actor):
        yield line


async def _models(plan: Plan, administration: Administration, actor: Actor) -> AsyncIterator[str]:
    """Twice those that name others, which may name them in turn."""
    new = [id for id in plan.models if KINDS[Resource.MODELS].view(id, administration.directory) is None]
    for id, fields in plan.models.items():
        alone = {name: value for name, value in fields.items() if name not in _LATER}
        yield await _add(administration, Resource.MODELS, id, ModelDocument, {**alone, "id": id}, actor)
    for id in new:
        if any(name in plan.models[id] for name in _LATER):
            document = _document(ModelDocument, {**plan.models[id], "id": id}, f"model {id}")
            await administration.replace(Resource.MODELS, id, document, actor, None)


async def _add(
    administration: Administration,
    resource: Resource,
    id: str,
    kind: type[BaseModel],
    fields: Mapping[str, Any],
    actor: Actor,
) -> str:
    noun = KINDS[resource].noun
    if KINDS[resource].view(id, administration.directory) is not None:
        return f"{noun} {id}: is there already and stays as it is"
    await administration.create(resource, _document(kind, fields, f"{noun} {id}"), actor)
    return f"{noun} {id}: added"


async def _user(administration: Administration, fields: Mapping[str, Any], actor: Actor) -> str:
    """With a password that nobody knows."""
    name = fields["username"]
    if find_user(name, administration.directory) is not None:
        return f"user {name}: is there already and stays as it is"
    document = _document(UserDocument, {**fields, "password": secrets.token_urlsafe(32)}, f"user {name}")
    await create_user(administration, Passwords(), document, actor)
    return f"user {name}: added; `gateway users password {name}` sets the password"


async def _key(administration: Administration, key: Mapping[str, Any], actor: Actor) -> str:
    fields = {name: value for name, value in key.items() if name != "user"}
    if owner := find_user(str(key.get("user", "")), administration.directory):
        fields["user_id"] = owner.id
    try:
        document = _document(ApiKeyDocument, fields, f"key {key['name']}")
        await administration.create(Resource.APIKEYS, document, actor)
    except Conflict:
        return f"key {key['name']}: is there already and stays as it is"
    return f"key {key['name']}: added, its value stays the same"


async def _settings(plan: Plan, administration: Administration, actor: Actor) -> AsyncIterator[str]:
    values = dict(plan.settings)
    if plan.prices:
        known = administration.directory.settings.prices
        values["prices"] = plan.prices | {key: price.model_dump(exclude_none=True) for key, price in known.items()}
    for name, value in values.items():
        if name not in CHANGEABLE:
            yield f"setting {name}: is read before the database: set {name.upper()}, or {name} in gateway.yaml"
            continue
        await administration.replace(Resource.SETTINGS, name, SettingDocument(value=value), actor, None)
        yield f"setting {name}: set"


def _document(kind: type[BaseModel], fields: Mapping[str, Any], place: str) -> Any:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{place}: {field}: {str(problem['msg']).removeprefix('Value error, ')}") from None


def _filled(plan: Plan, values: Mapping[str, str]) -> Plan:
    """With the values of all references but those of settings that only a file or the environment can hold."""
    missing: set[str] = set()

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: fill(value) for name, value in part.items()}
        if isinstance(part, list):
            return [fill(value) for value in part]
        return _VARIABLE.sub(one, part) if isinstance(part, str) else part

    def one(match: re.Match[str]) -> str:
        if match[1] not in values:
            missing.add(match[1])
        return values.get(match[1], "")

    settings = {name: fill(value) if name in CHANGEABLE else value for name, value in plan.settings.items()}
    filled = Plan(settings, fill(plan.providers), fill(plan.models), plan.prices, fill(plan.keys), plan.users)
    if missing:
        raise ConfigError(f"set {', '.join(sorted(missing))} in the environment: the configuration refers to it")
    return filled
