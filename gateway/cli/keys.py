"""`gateway keys`: gateway keys made, listed, changed, rotated and deleted without the UI."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.admin.administration import KINDS, Administration, Outcome
from gateway.admin.documents import ApiKeyDocument
from gateway.admin.kinds import given
from gateway.admin.users import named_user
from gateway.admin.views import ApiKeyView, Limited
from gateway.cli.commands import Commands
from gateway.cli.documents import document
from gateway.cli.durations import seconds
from gateway.cli.fields import add_fields, given_fields
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.errors import ConfigError
from gateway.openai_api.confidentiality import rule_of
from gateway.settings import LoadedSettings
from gateway.store.records import Resource

_MINUTE = "%Y-%m-%d %H:%M"
"""Of times in the table; UTC."""


def declare(commands: Commands) -> None:
    group = commands.group("keys", "make, list, change, rotate and delete gateway keys")
    create = group.add("create", _create, "make a key and show it once")
    create.add_argument("name", help="what the key is for")
    add_fields(create, ApiKeyDocument)
    group.add("list", _list, "list all keys, masked")
    update = group.add("update", _update, "change what is named of a key; all else stays")
    update.add_argument("id")
    add_fields(update, ApiKeyDocument)
    update.add_argument("--name", help="what the key is for")
    update.add_argument("--enabled", choices=["yes", "no"], help="whether it works")
    rotate = group.add("rotate", _rotate, "give a key a new value and show it once")
    rotate.add_argument("id")
    rotate.add_argument("--overlap", type=seconds, default=0.0, help="how long the old value works too, such as 1d")
    for name, run, help in (
        ("enable", _enable, "let a key work again"),
        ("disable", _disable, "stop a key without deleting it"),
        ("reset-spend", _reset_spend, "set what a key spent to zero, so that its budget has room again"),
        ("delete", _delete, "delete a key"),
    ):
        group.add(name, run, help).add_argument("id")


def _create(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    wanted = document(ApiKeyDocument, **given_fields(options, ApiKeyDocument))

    async def work(administration: Administration) -> None:
        outcome = await administration.create(Resource.APIKEYS, _owned(wanted, administration), ACTOR)
        assert outcome.view is not None
        print(f"{outcome.view.id}\n{outcome.shown['key']}")

    administer(loaded, work)


def _update(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    changes = given_fields(options, ApiKeyDocument)
    if not changes:
        raise ConfigError("say what to change, such as --budget 20")

    async def work(administration: Administration) -> None:
        record = administration.record(Resource.APIKEYS, options.id)
        wanted = document(ApiKeyDocument, **given(record, ApiKeyDocument) | changes)
        if "user_id" in changes:
            wanted = _owned(wanted, administration)
        await administration.replace(Resource.APIKEYS, record.id, wanted, ACTOR, record.version)
        print(f"{record.id} is changed")

    administer(loaded, work)


def _owned(wanted: ApiKeyDocument, administration: Administration) -> ApiKeyDocument:
    """With the id of the owner who may be given by name. Raises NotFound."""
    if not wanted.user_id:
        return wanted
    return wanted.model_copy(update={"user_id": named_user(wanted.user_id, administration.directory).id})


def _list(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        kind, directory = KINDS[Resource.APIKEYS], administration.directory
        views = [kind.view(one["id"], directory) for one in kind.summaries(directory)]
        names = {id: str(user.document["username"]) for id, user in directory.table(Resource.USERS).items()}
        used = await administration.store.last_used([view.id for view in views if view])
        rows = [_row(view, names, used.get(view.id)) for view in views if isinstance(view, ApiKeyView)]
        print(table(("ID", "NAME", "USER", "KEY", "MODELS", "BUDGET", "EXPIRES", "LAST USED", "RULE", "STATE"), rows))

    administer(loaded, work)


def _row(view: ApiKeyView, names: Mapping[str, str], used: float | None) -> tuple[object, ...]:
    expires = view.expires_at.strftime(_MINUTE) if view.expires_at else None
    last = "never" if used is None else datetime.fromtimestamp(used, UTC).strftime(_MINUTE)
    models = ",".join(view.allowed_models) or "all"
    rule = str(rule_of(view.tee, view.data, "the key") or "") or None
    user = names.get(view.user_id, view.user_id) or None
    return view.id, view.name, user, view.key, models, budget(view), expires, last, rule, _state(view)


def budget(view: Limited) -> str | None:
    """As the tables of keys and of users show it."""
    return None if view.budget_usd is None else f"${view.budget_usd:g}/{view.budget_period}"


def _state(view: ApiKeyView) -> str:
    if not view.enabled:
        return "disabled"
    return "expired" if view.expires_at and view.expires_at <= datetime.now(UTC) else "enabled"


def _rotate(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        print((await administration.rotate(options.id, options.overlap, None, ACTOR)).shown["key"])

    administer(loaded, work)


def _enable(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    _switch(loaded, options.id, enabled=True)


def _disable(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    _switch(loaded, options.id, enabled=False)


def _switch(loaded: LoadedSettings, id: str, *, enabled: bool) -> None:
    async def work(administration: Administration) -> None:
        await administration.switch(Resource.APIKEYS, id, enabled, ACTOR)
        print(f"{id} is {'enabled' if enabled else 'disabled'}")

    administer(loaded, work)


def _reset_spend(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        outcome = await administration.reset_spend(Resource.APIKEYS, options.id, ACTOR)
        print(spend_reset(options.id, outcome))

    administer(loaded, work)


def spend_reset(name: str, outcome: Outcome) -> str:
    """What the commands for keys and for users print."""
    before, _ = outcome.changes["spent_usd"]
    return f"{name} is reset: {before:g} USD were spent"


def _delete(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        await administration.delete(Resource.APIKEYS, options.id, ACTOR, None, cascade=False)
        print(f"{options.id} is deleted")

    administer(loaded, work)
