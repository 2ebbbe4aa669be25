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
from gateway.admin.overlay import overlaid
from gateway.catalog.catalog import Catalog
from gateway.providers.engines import EngineBoard
from gateway.settings import Settings
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

    def changed(
        self, revision: int, records: Iterable[Record] = (), deleted: Iterable[tuple[Resource, str]] = ()
    ) -> "Directory":
        """This directory after a change."""
        records, deleted = list(records), list(deleted)
        touched = {record.resource for record in records} | {resource for resource, _ in deleted}
        tables = {resource: dict(t) if resource in touched else t for resource, t in self.tables.items()}
        for resource, id in deleted:
            tables[resource].pop(id, None)  # type: ignore[attr-defined]
        for record in records:
            tables[record.resource][record.id] = record  # type: ignore[index]
        ids = {(record.resource, record.id) for record in records} | set(deleted)
        known = updated(self.callers, self.tables, tables, ids)
        return replace(self, revision=revision, tables=tables, callers=known)

    def table(self, resource: Resource) -> Table:
        return self.tables[resource]

    @cached_property
    def settings(self) -> Settings:
        """The effective settings. Raises ConfigError for records that no longer fit."""
        return overlaid(self.base.settings, self.tables, self.base.sealer)

    @cached_property
    def snapshot(self) -> Snapshot:
        """Raises ConfigError naming whatever cannot work."""
        rotated = MASTER_ID in self.tables[Resource.APIKEYS]
        key = None if rotated else self.base.master_key
        known = (self.callers, self.facts, self.catalog)
        return build_snapshot(self.settings, self.base.engines, key, self.revision, *known)

    def origin(self, resource: Resource, id: str) -> str:
        """`database`, or the place in the file."""
        return "database" if id in self.tables[resource] else self.base.settings.place(resource, id)
