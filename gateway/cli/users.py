"""`gateway users`: people with a login, made, listed and deleted without the UI."""

import argparse
import getpass
import sys
from collections.abc import Mapping
from typing import Any

from gateway.access.passwords import Passwords
from gateway.admin.accounts import change_user, create_user, password_secrets
from gateway.admin.administration import KINDS, Administration
from gateway.admin.documents import UserDocument
from gateway.admin.kinds import given
from gateway.admin.users import ADMIN, PASSWORD, named_user
from gateway.admin.views import UserView
from gateway.cli.commands import Commands
from gateway.cli.documents import document
from gateway.cli.fields import add_fields, given_fields
from gateway.cli.keys import budget, spend_reset
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings
from gateway.store.records import Resource


def declare(commands: Commands) -> None:
    group = commands.group("users", "make, list, switch off and delete people with a login")
    create = group.add("create", _create, "make a user; the password is asked for, or read from standard input")
    create.add_argument("username")
    create.add_argument("--admin", action="store_true", help="may administrate, as --role admin")
    add_fields(create, UserDocument)
    update = group.add("update", _update, "change what is named of a user; all else stays")
    update.add_argument("user", metavar="username", help="the name or the id")
    add_fields(update, UserDocument)
    update.add_argument("--name", dest="username", default=argparse.SUPPRESS, help="another name to log in with")
    group.add("list", _list, "list all users")
    group.add("password", _password, "set a user's password and end the sessions").add_argument("username")
    group.add("enable", _enable, "let a user log in again, and the user's keys work").add_argument("username")
    disable = group.add("disable", _disable, "end a user's sessions and stop the user's keys without deleting anything")
    disable.add_argument("username")
    reset = group.add("reset-spend", _reset_spend, "set what a user spent to zero, so that the budget has room again")
    reset.add_argument("username", help="the name or the id")
    delete = group.add("delete", _delete, "delete a user")
    delete.add_argument("username", help="the name or the id")
    delete.add_argument("--cascade", action="store_true", help="delete the user's keys too")


def _create(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    fields = given_fields(options, UserDocument) | ({"role": ADMIN} if options.admin else {})
    wanted = document(UserDocument, **fields, password=_asked())

    async def work(administration: Administration) -> None:
        outcome = await create_user(administration, Passwords(), wanted, ACTOR)
        assert outcome.view is not None
        print(outcome.view.id)

    administer(loaded, work)


def _list(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        kind, directory = KINDS[Resource.USERS], administration.directory
        views = [kind.view(one["id"], directory) for one in kind.summaries(directory)]
        rows = [
            (*_row(view), view.keys, "enabled" if view.enabled else "disabled")
            for view in views
            if isinstance(view, UserView)
        ]
        print(table(("ID", "NAME", "ROLE", "MODELS", "BUDGET", "KEYS", "STATE"), rows))

    administer(loaded, work)


def _row(view: UserView) -> tuple[object, ...]:
    models = ",".join(view.allowed_models) or "all"
    return view.id, view.username, view.role, models, budget(view)


def _update(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    changes = given_fields(options, UserDocument)
    if not changes:
        raise ConfigError("say what to change, such as --budget 20")

    async def work(administration: Administration) -> None:
        record = named_user(options.user, administration.directory)
        wanted = document(UserDocument, **given(record, UserDocument) | changes)
        secrets = await password_secrets(Passwords(), wanted)
        await administration.replace(Resource.USERS, record.id, wanted, ACTOR, record.version, secrets=secrets)
        print(f"{options.user} is changed")

    administer(loaded, work)


def _password(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    _change(loaded, options.username, {PASSWORD: _asked()}, "has a new password")


def _enable(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    _change(loaded, options.username, {"enabled": True}, "is enabled")


def _disable(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    _change(loaded, options.username, {"enabled": False}, "is disabled")


def _change(loaded: LoadedSettings, username: str, changes: Mapping[str, Any], done: str) -> None:
    async def work(administration: Administration) -> None:
        await change_user(administration, Passwords(), username, changes, ACTOR)
        print(f"{username} {done}")

    administer(loaded, work)


def _reset_spend(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        id = named_user(options.username, administration.directory).id
        print(spend_reset(options.username, await administration.reset_spend(Resource.USERS, id, ACTOR)))

    administer(loaded, work)


def _delete(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        id = named_user(options.username, administration.directory).id
        await administration.delete(Resource.USERS, id, ACTOR, None, cascade=options.cascade)
        print(f"{options.username} is deleted")

    administer(loaded, work)


def _asked() -> str:
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
