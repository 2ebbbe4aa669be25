"""`gateway settings`: what may be changed while the gateway runs, without the UI."""

import argparse
from typing import Any

import yaml

from gateway.admin.administration import KINDS, Administration
from gateway.admin.documents import SettingDocument
from gateway.admin.resets import LIMITS
from gateway.admin.views import SettingView
from gateway.cli.commands import Commands
from gateway.cli.keys import spend_reset
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings
from gateway.store.records import Resource


def declare(commands: Commands) -> None:
    group = commands.group("settings", "list and change the settings of a gateway that runs")
    group.add("list", _list, "list what may be changed, its value and where it comes from")
    change = group.add("set", _set, "change a setting; it wins over file and environment")
    change.add_argument("name")
    change.add_argument("value", help="as in gateway.yaml, such as 30 or '{rpm: 600}'")
    group.add("unset", _unset, "let file and environment say it again").add_argument("name")
    group.add("reset-spend", _reset_spend, "set what everybody spent to zero, so that the budget of all has room again")


def _list(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        kind, directory = KINDS[Resource.SETTINGS], administration.directory
        views = [kind.view(str(one["id"]), directory) for one in kind.summaries(directory)]
        rows = [
            (view.id, _flow(view.value), view.origin)
            for view in views
            if isinstance(view, SettingView) and view.changeable
        ]
        print(table(("NAME", "VALUE", "ORIGIN"), rows))

    administer(loaded, work)


def _set(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    try:
        value = yaml.safe_load(options.value)
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"'{options.value}' is not valid YAML") from None

    async def work(administration: Administration) -> None:
        wanted = SettingDocument(value=value)
        outcome = await administration.replace(Resource.SETTINGS, options.name, wanted, ACTOR, None)
        assert isinstance(outcome.view, SettingView)
        print(f"{options.name} is {_flow(outcome.view.value)}")

    administer(loaded, work)


def _unset(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        outcome = await administration.delete(Resource.SETTINGS, options.name, ACTOR, None, cascade=False)
        assert isinstance(outcome.view, SettingView)
        print(f"{options.name} is {_flow(outcome.view.value)} ({outcome.view.origin})")

    administer(loaded, work)


def _reset_spend(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        print(spend_reset("everybody", await administration.reset_spend(Resource.SETTINGS, LIMITS, ACTOR)))

    administer(loaded, work)


def _flow(value: Any) -> str:
    """On one line, as it may be written for `set`."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
