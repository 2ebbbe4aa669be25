"""`gateway providers` and `gateway models`: entries of `gateway.yaml` put into the database and deleted there."""

import argparse
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.admin.administration import KINDS, Administration
from gateway.admin.documents import ModelDocument, ProviderDocument
from gateway.admin.views import ModelView, ProviderView, View
from gateway.cli.commands import Commands
from gateway.cli.documents import document
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings
from gateway.settings.document import Document, read_document
from gateway.store.records import Resource

_DOCUMENTS: Mapping[Resource, type[BaseModel]] = {
    Resource.PROVIDERS: ProviderDocument,
    Resource.MODELS: ModelDocument,
}
_HEADS = {
    Resource.PROVIDERS: ("ID", "TYPE", "BASE URL", "STATUS", "ORIGIN"),
    Resource.MODELS: ("ID", "TYPE", "TARGETS", "ALIASES", "STATE", "ORIGIN"),
}


def declare(commands: Commands) -> None:
    for resource in _DOCUMENTS:
        name, noun = resource.value, KINDS[resource].noun
        group = commands.group(name, f"put {name} into the database, list, switch and delete them")
        group.add("list", partial(_list, resource), f"list all {name} and where they come from")
        put = group.add("put", partial(_put, resource), f"add or replace {name} written as in gateway.yaml")
        put.add_argument("file", type=Path, help=f"a YAML file with `{name}:`; - reads standard input")
        for word, run, help in (
            ("enable", partial(_switch, resource, True), f"let a {noun} work again"),
            ("disable", partial(_switch, resource, False), f"stop a {noun} without deleting it"),
        ):
            group.add(word, run, help).add_argument("id")
        delete = group.add("delete", partial(_delete, resource), f"delete a {noun} from the database")
        delete.add_argument("id")
        delete.add_argument("--cascade", action="store_true", help="also change or delete what depends on it")


def _list(resource: Resource, loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        kind, directory = KINDS[resource], administration.directory
        views = [kind.view(str(one["id"]), directory) for one in kind.summaries(directory)]
        print(table(_HEADS[resource], [_row(view) for view in views if view]))

    administer(loaded, work)


def _row(view: View) -> tuple[object, ...]:
    if isinstance(view, ProviderView):
        return view.id, view.type, view.base_url, view.status, view.origin
    assert isinstance(view, ModelView)
    targets = ",".join(f"{target.provider_id}/{target.upstream_model}" for target in view.targets)
    state = view.blocked or ("enabled" if view.enabled else "disabled")
    return view.id, view.type, targets or None, ",".join(view.aliases) or None, state, view.origin


def _put(resource: Resource, loaded: LoadedSettings, options: argparse.Namespace) -> None:
    file = Path("/dev/stdin") if str(options.file) == "-" else options.file
    entries = list(_entries(read_document(file, os.environ), resource))

    async def work(administration: Administration) -> None:
        for id, wanted in entries:
            known = KINDS[resource].view(id, administration.directory) is not None
            if known:
                await administration.replace(resource, id, wanted, ACTOR, None)
            else:
                await administration.create(resource, wanted, ACTOR)
            print(f"{id} is {'replaced' if known else 'added'}")

    administer(loaded, work)


def _entries(written: Document, resource: Resource) -> Iterable[tuple[str, Any]]:
    """Raises ConfigError naming the place of what is wrong."""
    section = written.data.get(resource.value)
    if not isinstance(section, dict) or not section or len(written.data) != 1:
        raise ConfigError(f"{written.path}: must hold `{resource.value}:` with the entries below it, and nothing else")
    for id, fields in section.items():
        if not isinstance(fields, dict | None):
            raise ConfigError(f"{written.place((resource.value, id))}: must be a mapping, of lines `name: value`")
        try:
            yield id, document(_DOCUMENTS[resource], **{**(fields or {}), "id": id})
        except ConfigError as error:
            raise ConfigError(f"{written.place((resource.value, id))}: {error.message}") from None


def _switch(resource: Resource, enabled: bool, loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        await administration.switch(resource, options.id, enabled, ACTOR)
        print(f"{options.id} is {'enabled' if enabled else 'disabled'}")

    administer(loaded, work)


def _delete(resource: Resource, loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        outcome = await administration.delete(resource, options.id, ACTOR, None, cascade=options.cascade)
        for one in outcome.dependents:
            print(f"{one.resource}/{one.id} {one.what}")
        print(f"{options.id} is deleted" + (f"; {outcome.view.origin} is in force again" if outcome.view else ""))

    administer(loaded, work)
