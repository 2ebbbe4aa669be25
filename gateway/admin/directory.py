"""`Directory`: all that is configured, file and environment overlaid by the database, and the snapshot made of it.

Immutable: a change makes another one, which is tried out before anything is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from gateway.access.keys import Caller
from gateway.access.secrets import Sealer
from gateway.admin.callers import updated
from gateway.admin.overlay import model, overlaid
from gateway.catalog.catalog import Catalog
from gateway.providers.engines import EngineBoard
from gateway.settings import ModelConfig, Settings
from gateway.state import Snapshot, build_snapshot
from gateway.state.callers import MASTER_ID
from gateway.store.records import Record, Resource
from gateway.usage.types import Price

Table = Mapping[str, Record]
_NOTHING: Mapping[Resource, Table] = MappingProxyType({resource: MappingProxyType({}) for resource in Resource})


@dataclass(frozen=True, slots=True)
class Base:
    """What does not change while the gateway runs. `origins` says where each given setting is from."""

    settings: Settings
    engines: EngineBoard
    master_key: str
    sealer: Sealer
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Directory:
    """`callers` are those of the database's keys, by digest; `facts` are the prices that were ever told,
    `catalog` is what Chutes serves now; None before it was read."""

    base: Base
    revision: int = 0
    tables: Mapping[Resource, Table] = field(default_factory=lambda: _NOTHING)
    callers: Mapping[bytes, Caller] = field(default_factory=dict)
    facts: tuple[Price, ...] = ()
    catalog: Catalog | None = None
    _read: dict[str, tuple[Record, ModelConfig]] = field(default_factory=dict, repr=False, compare=False)
    """The models of the database as they were read, by id: reading all of them again takes longer than a change."""

    def changed(
        self, revision: int, records: Iterable[Record] = (), deleted: Iterable[tuple[Resource, str]] = ()
    ) -> "Directory":
        """This directory after a change."""
        records, deleted = list(records), list(deleted)
        touched = {record.resource for record in records} | {resource for resource, _ in deleted}
        tables = {resource: dict(t) if resource in touched else t for resource, t in self.tables.items()}
        for resource, id in deleted:
            tables[resource].pop(id, None)  # type: ignore[attr-defined]
            if resource is Resource.MODELS:
                self._read.pop(id, None)
        for record in records:
            tables[record.resource][record.id] = record  # type: ignore[index]
        ids = {(record.resource, record.id) for record in records} | set(deleted)
        known = updated(self.callers, self.tables, tables, ids)
        return replace(self, revision=revision, tables=tables, callers=known)

    def written(self, revision: int, records: Iterable[Record]) -> "Directory":
        """This directory, which was tried out, with its records as the store keeps them. Nothing is made again."""
        records = list(records)
        after = self.changed(revision, records)
        made = self.snapshot.created
        new = {
            one.id: int(one.created_at) for one in records if one.resource is Resource.MODELS and not made.get(one.id)
        }
        vars(after)["settings"] = self.settings
        vars(after)["snapshot"] = replace(self.snapshot, revision=revision, created={**made, **new})
        return after

    def table(self, resource: Resource) -> Table:
        return self.tables[resource]

    @cached_property
    def settings(self) -> Settings:
        """The effective settings. Raises ConfigError for records that no longer fit."""
        return overlaid(self.base.settings, self.tables, self.base.sealer, self._models())

    @cached_property
    def snapshot(self) -> Snapshot:
        """Raises ConfigError naming whatever cannot work."""
        rotated = MASTER_ID in self.tables[Resource.APIKEYS]
        key = None if rotated else self.base.master_key
        return build_snapshot(
            self.settings,
            self.base.engines,
            key,
            self.revision,
            callers=self.callers,
            facts=self.facts,
            catalog=self.catalog,
            resets={scope: record.document for scope, record in self.tables[Resource.RESETS].items()},
            created={id: record.created_at for id, record in self.tables[Resource.MODELS].items()},
        )

    def _models(self) -> dict[str, ModelConfig]:
        found = {}
        for id, record in self.tables[Resource.MODELS].items():
            read = self._read.get(id)
            if read is None or read[0] is not record:
                read = self._read[id] = record, model(record)
            found[id] = read[1]
        return found

    def origin(self, resource: Resource, id: str) -> str:
        """`database`, or the place in the file."""
        return "database" if id in self.tables[resource] else self.base.settings.place(resource, id)
