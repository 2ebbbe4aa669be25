"""`gateway users`: people with a login, made, listed and deleted without the UI."""

import argparse
import getpass
import sys

from gateway.access.passwords import Passwords
from gateway.admin.accounts import create_user, set_password
from gateway.admin.administration import KINDS, Administration
from gateway.admin.documents import UserDocument
from gateway.admin.views import UserView
from gateway.cli.commands import Commands
from gateway.cli.documents import document
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.settings import LoadedSettings
from gateway.store.records import Resource


def declare(commands: Commands) -> None:
    group = commands.group("users", "make, list and delete people with a login")
    create = group.add("create", _create, "make a user; the password is asked for, or read from standard input")
    create.add_argument("username")
    create.add_argument("--admin", action="store_true", help="may administrate")
    group.add("list", _list, "list all users")
    group.add("password", _password, "set a user's password and end the sessions").add_argument("username")
    delete = group.add("delete", _delete, "delete a user")
    delete.add_argument("id")
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
    password = _asked()

    async def work(administration: Administration) -> None:
        await set_password(administration, Passwords(), options.username, password, ACTOR)
        print(f"the password of {options.username} is set")

    administer(loaded, work)


def _delete(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        await administration.delete(Resource.USERS, options.id, ACTOR, None, cascade=options.cascade)
        print(f"{options.id} is deleted")

    administer(loaded, work)


def _asked() -> str:
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
