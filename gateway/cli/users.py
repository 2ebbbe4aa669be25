"""`gateway users`: people with a login, made, listed and deleted without the UI."""

import argparse
import getpass
import sys
from collections.abc import Mapping
from typing import Any

from gateway.access.passwords import Passwords
from gateway.admin.accounts import change_user, create_user
from gateway.admin.administration import KINDS, Administration
from gateway.admin.documents import UserDocument
from gateway.admin.users import PASSWORD, named_user
from gateway.admin.views import UserView
from gateway.cli.commands import Commands
from gateway.cli.documents import document
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.settings import LoadedSettings
from gateway.store.records import Resource


def declare(commands: Commands) -> None:
    group = commands.group("users", "make, list, switch off and delete people with a login")
    create = group.add("create", _create, "make a user; the password is asked for, or read from standard input")
    create.add_argument("username")
    create.add_argument("--admin", action="store_true", help="may administrate")
    group.add("list", _list, "list all users")
    group.add("password", _password, "set a user's password and end the sessions").add_argument("username")
    group.add("enable", _enable, "let a user log in again, and the user's keys work").add_argument("username")
    disable = group.add("disable", _disable, "end a user's sessions and stop the user's keys without deleting anything")
    disable.add_argument("username")
    delete = group.add("delete", _delete, "delete a user")
    delete.add_argument("username", help="the name or the id")
    delete.add_argument("--cascade", action="store_true", help="delete the user's keys too")


def _create(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    role = "admin" if options.admin else "user"
    wanted = document(UserDocument, username=options.username, role=role, password=_asked())

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
            (view.id, view.username, view.role, view.keys, "enabled" if view.enabled else "disabled")
            for view in views
            if isinstance(view, UserView)
        ]
        print(table(("ID", "NAME", "ROLE", "KEYS", "STATE"), rows))

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


def _delete(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        id = named_user(options.username, administration.directory).id
        await administration.delete(Resource.USERS, id, ACTOR, None, cascade=options.cascade)
        print(f"{options.username} is deleted")

    administer(loaded, work)


def _asked() -> str:
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
