"""`gateway keys`: gateway keys made, listed, rotated and deleted without the UI."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from gateway.admin.administration import KINDS, Administration
from gateway.admin.documents import ApiKeyDocument
from gateway.admin.users import named_user
from gateway.admin.views import ApiKeyView
from gateway.cli.commands import Commands
from gateway.cli.documents import document
from gateway.cli.durations import seconds
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.openai_api.confidentiality import rule_of
from gateway.settings import LoadedSettings
from gateway.store.records import Resource


def declare(commands: Commands) -> None:
    group = commands.group("keys", "make, list, rotate and delete gateway keys")
    create = group.add("create", _create, "make a key and show it once")
    create.add_argument("name", help="what the key is for")
    create.add_argument("--user", default="", help="the name or the id of the user it belongs to")
    create.add_argument("--models", default="", help="globs of the models it may use, comma-separated (default all)")
    create.add_argument("--operations", default="", help="operations it may use, comma-separated (default all)")
    create.add_argument("--rpm", type=int, help="requests in any 60 seconds")
    create.add_argument("--tpm", type=int, help="tokens in any 60 seconds")
    create.add_argument("--parallel", type=int, help="requests at the same time")
    create.add_argument("--budget", type=float, help="USD per period")
    create.add_argument("--period", default="month", help="day, week, month or total (default month)")
    create.add_argument("--expires", type=seconds, help="how long it works, such as 30d or 12h (default for ever)")
    create.add_argument("--ips", default="", help="addresses and networks it may come from, comma-separated")
    create.add_argument("--tee", choices=["required"], help="ask only targets in trusted execution environments")
    create.add_argument("--data", choices=["local-only"], help="ask only engines of the gateway and local providers")
    group.add("list", _list, "list all keys, masked")
    rotate = group.add("rotate", _rotate, "give a key a new value and show it once")
    rotate.add_argument("id")
    rotate.add_argument("--overlap", type=seconds, default=0.0, help="how long the old value works too, such as 1d")
    for name, run, help in (
        ("enable", _enable, "let a key work again"),
        ("disable", _disable, "stop a key without deleting it"),
        ("delete", _delete, "delete a key"),
    ):
        group.add(name, run, help).add_argument("id")


def _create(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=options.expires) if options.expires else None
    wanted = document(
        ApiKeyDocument,
        name=options.name,
        allowed_models=_parts(options.models),
        allowed_operations=_parts(options.operations),
        rpm=options.rpm,
        tpm=options.tpm,
        max_parallel=options.parallel,
        budget_usd=options.budget,
        budget_period=options.period,
        expires_at=expires,
        allowed_ips=_parts(options.ips),
        tee=options.tee,
        data=options.data,
    )

    async def work(administration: Administration) -> None:
        owner = {"user_id": named_user(options.user, administration.directory).id} if options.user else {}
        outcome = await administration.create(Resource.APIKEYS, wanted.model_copy(update=owner), ACTOR)
        assert outcome.view is not None
        print(f"{outcome.view.id}\n{outcome.shown['key']}")

    administer(loaded, work)


def _list(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        kind, directory = KINDS[Resource.APIKEYS], administration.directory
        views = [kind.view(one["id"], directory) for one in kind.summaries(directory)]
        names = {id: str(user.document["username"]) for id, user in directory.table(Resource.USERS).items()}
        rows = [_row(view, names) for view in views if isinstance(view, ApiKeyView)]
        print(table(("ID", "NAME", "USER", "KEY", "MODELS", "BUDGET", "EXPIRES", "RULE", "STATE"), rows))

    administer(loaded, work)


def _row(view: ApiKeyView, names: Mapping[str, str]) -> tuple[object, ...]:
    budget = None if view.budget_usd is None else f"${view.budget_usd:g}/{view.budget_period}"
    expires = view.expires_at.strftime("%Y-%m-%d %H:%M") if view.expires_at else None
    models = ",".join(view.allowed_models) or "all"
    rule = str(rule_of(view.tee, view.data, "the key") or "") or None
    user = names.get(view.user_id, view.user_id) or None
    return view.id, view.name, user, view.key, models, budget, expires, rule, _state(view)


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


def _delete(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        await administration.delete(Resource.APIKEYS, options.id, ACTOR, None, cascade=False)
        print(f"{options.id} is deleted")

    administer(loaded, work)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
