"""`Administration`: every change goes through here: validated, tried out, written with an audit row, then in force."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.admin.apikeys import ApiKeys
from gateway.admin.differences import differences
from gateway.admin.directory import Directory
from gateway.admin.kinds import Dependent, Kind, Written
from gateway.admin.models import Models, refuse_clashes
from gateway.admin.providers import Providers
from gateway.admin.resets import has_record, reset_at, scope_of, since_resets
from gateway.admin.runtime_settings import RuntimeSettings
from gateway.admin.users import Users
from gateway.admin.views import View
from gateway.catalog.catalog import Catalog
from gateway.catalog.threads import in_thread
from gateway.errors import ConfigError, Conflict, InvalidRequest, NotFound, Outdated
from gateway.settings.periods import PERIODS, period_name
from gateway.state.callers import RESET
from gateway.store.records import Audit, Changes, Delete, Put, Record, Resource
from gateway.store.store import Store
from gateway.usage.types import NANOS, Price

KINDS: Mapping[Resource, Kind] = {
    kind.resource: kind for kind in (Providers(), Models(), ApiKeys(), Users(), RuntimeSettings())
}
_NO_SECRETS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, for the audit log."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did, or with `dry_run` would do. `view` is the thing afterwards, None where it is gone."""

    view: View | None
    changes: Mapping[str, Any]
    dependents: Sequence[Dependent] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False


class Administration:
    """`apply` puts a directory in force; it is called with each new one, in order of their revisions. What was counted
    is read from `store` itself."""

    def __init__(self, directory: Directory, store: Store, apply: Callable[[Directory], None]) -> None:
        self.directory, self.store, self._apply = directory, store, apply
        self._changing = asyncio.Lock()

    # --- reads ---------------------------------------------------------------------------------------

    def view(self, resource: Resource, id: str) -> View:
        """Raises NotFound."""
        kind = KINDS[resource]
        view = kind.view(id, self.directory)
        if view is None:
            raise NotFound(f"There is no {kind.noun} '{id}'.")
        return view

    def record(self, resource: Resource, id: str) -> Record:
        """What the database holds of it. Raises NotFound also for what only the file says."""
        found = self.directory.table(resource).get(id)
        if found is None:
            raise NotFound(f"There is no {KINDS[resource].noun} '{id}' in the database.")
        return found

    def drafted(self, resource: Resource, document: Any) -> tuple[str, Directory]:
        """The id of a document that is not saved, and the directory as it would be with it."""
        id = getattr(document, "id", "")
        put = KINDS[resource].written(document, id, self.directory).put
        return put.id, self._trial([put])

    # --- changes -------------------------------------------------------------------------------------

    async def create(
        self,
        resource: Resource,
        document: Any,
        actor: Actor,
        dry_run: bool = False,
        secrets: Mapping[str, str] = _NO_SECRETS,
    ) -> Outcome:
        """`secrets` are stored as they are. Raises Conflict where the id is taken, InvalidRequest where it could not
        work."""
        kind = KINDS[resource]
        async with self._changing:
            written = with_secrets(kind.written(document, "", self.directory), secrets)
            if kind.view(written.put.id, self.directory) is not None:
                raise Conflict(f"There is already a {kind.noun} '{written.put.id}'.", param="id")
            return await self._write(kind, "create", replace_expected(written, 0), actor, dry_run)

    async def replace(
        self,
        resource: Resource,
        id: str,
        document: Any,
        actor: Actor,
        version: int | None,
        dry_run: bool = False,
        secrets: Mapping[str, str] = _NO_SECRETS,
    ) -> Outcome:
        """`version` is the one that the change is based on; None: whatever is there. What only the file says gets a
        record that wins over it. Raises NotFound, Outdated, InvalidRequest."""
        kind = KINDS[resource]
        async with self._changing:
            current = self.view(resource, id)
            given = getattr(document, "id", "")
            if given and given != id:
                raise InvalidRequest(f"An id stays: this is '{id}'. Make another {kind.noun} instead.", param="id")
            _check_version(current, version)
            written = with_secrets(kind.written(document, id, self.directory), secrets)
            written = replace_expected(written, current.version)
            return await self._write(kind, "update", written, actor, dry_run)

    async def switch(self, resource: Resource, id: str, enabled: bool, actor: Actor) -> Outcome:
        """Raises NotFound for what the database does not hold."""
        async with self._changing:
            written = Written(_noted(self.record(resource, id), {"enabled": enabled}), {})
            return await self._write(KINDS[resource], "enable" if enabled else "disable", written, actor, False)

    async def reset_spend(self, resource: Resource, id: str, actor: Actor) -> Outcome:
        """What a key, a user or, as the setting `limits`, everybody spent in the periods of now counts no more, and a
        budget has room again. Raises NotFound."""
        async with self._changing:
            view, scope, now = self.view(resource, id), scope_of(resource, id), time.time()
            record = self.record(resource, id) if has_record(scope) else None
            sums = await self.store.spent([period_name(period, now) for period in PERIODS], scope)
            fields = {RESET: reset_at(now, scope, sums)}
            put = _noted(record, fields) if record else Put(Resource.RESETS, scope, fields)
            period = period_name(getattr(view, "budget_period", self.directory.settings.limits.budget_period), now)
            changes = {"spent_usd": [since_resets(sums, self.directory).get((scope, period), 0) / NANOS, 0.0]}
            await self._commit([put], Audit(actor.name, "reset-spend", resource, id, changes, actor.address))
            return Outcome(self.view(resource, id), changes)

    async def rotate(self, id: str, overlap: float, custom: str | None, actor: Actor) -> Outcome:
        async with self._changing:
            written = ApiKeys().rotated(id, overlap, self.directory, custom)
            return await self._write(KINDS[Resource.APIKEYS], "rotate", written, actor, False)

    async def reseal(self, actor: Actor) -> int:
        """Seals every secret with the current key; how many providers that were. Raises SealedElsewhere."""
        async with self._changing:
            sealer = self.directory.base.sealer
            puts = []
            for record in self.directory.table(Resource.PROVIDERS).values():
                secrets = {name: sealer.reseal(token) for name, token in record.secrets.items()}
                if secrets != record.secrets:
                    puts.append(Put(record.resource, record.id, record.document, secrets, expected=record.version))
            if puts:
                await self._commit(puts, Audit(actor.name, "reseal", Resource.PROVIDERS, "*", address=actor.address))
            return len(puts)

    async def delete(
        self, resource: Resource, id: str, actor: Actor, version: int | None, cascade: bool, dry_run: bool = False
    ) -> Outcome:
        """Raises Conflict with what goes with it unless `cascade`, and for what the file says."""
        kind = KINDS[resource]
        async with self._changing:
            current = self.view(resource, id)
            _check_version(current, version)
            dependents = kind.dependents(id, self.directory)
            if current.version == 0:
                if resource is Resource.SETTINGS:
                    raise Conflict(f"The database says nothing of '{id}': it is from {current.origin}.")
                switched = resource in (Resource.PROVIDERS, Resource.MODELS)
                otherwise = ", or change it here to enabled=false" if switched else ""
                raise Conflict(f"'{id}' is from {current.origin}: remove it there{otherwise}.")
            if dependents and not (cascade or dry_run):
                names = ", ".join(f"{d.resource}/{d.id} {d.what}" for d in dependents)
                raise Conflict(f"'{id}' is in use: {names}. Repeat with ?cascade=true (or --cascade) to do so.")
            operations = [Delete(resource, id, current.version), *(_operation(d) for d in dependents)]
            trial = await in_thread(self._trial, operations)
            after = kind.view(id, trial)
            changes = differences(_dump(current), _dump(after))
            if not dry_run:
                audit = Audit(actor.name, "delete", resource, id, changes, actor.address)
                await self._commit(operations, audit, trial)
            return Outcome(after, changes, dependents, dry_run=dry_run)

    async def follow(self) -> None:
        """Takes over what the database holds: at start everything, later what other workers and instances wrote."""
        async with self._changing:
            changes = await self.store.changes_since(self.directory.revision)
            if changes.revision != self.directory.revision:
                self._enforce(await in_thread(self._after, changes))

    async def learn(self, catalog: Catalog, facts: Sequence[Price]) -> None:
        """Takes over a new catalog, and every price that was ever told; in a thread, as of thousands of models it takes
        long."""
        async with self._changing:
            directory = replace(self.directory, catalog=catalog, facts=tuple(facts))
            await in_thread(getattr, directory, "snapshot")
            self._enforce(directory)

    # --- inside --------------------------------------------------------------------------------------

    async def _write(self, kind: Kind, action: str, written: Written, actor: Actor, dry_run: bool) -> Outcome:
        put = written.put
        before = kind.view(put.id, self.directory)
        trial = await in_thread(self._trial, [put])
        after = kind.view(put.id, trial)
        changes = differences(_dump(before), _dump(after))
        if not dry_run:
            await self._commit([put], Audit(actor.name, action, kind.resource, put.id, changes, actor.address), trial)
            after = kind.view(put.id, self.directory)
        return Outcome(after, changes, (), {} if dry_run else written.shown, dry_run)

    def _trial(self, operations: Sequence[Put | Delete]) -> Directory:
        """The directory as it would be. Raises InvalidRequest where it could not work."""
        records = [_record(o, self.directory) for o in operations if isinstance(o, Put)]
        gone = [(o.resource, o.id) for o in operations if isinstance(o, Delete)]
        trial = self.directory.changed(self.directory.revision, records, gone)
        try:
            trial.snapshot  # noqa: B018 - building it is the trial
        except ConfigError as error:
            raise _refusal(error, operations) from None
        if any(record.resource is Resource.MODELS for record in records):
            refuse_clashes(self.directory, trial)
        return trial

    async def _commit(self, operations: Sequence[Put | Delete], audit: Audit, trial: Directory | None = None) -> None:
        """`trial` is the directory as these operations leave it."""
        revision, records = await self.store.write(operations, audit)
        if trial is not None and revision == self.directory.revision + 1:
            self._enforce(trial.written(revision, records))
        else:  # not tried out, or others wrote in between
            changes = await self.store.changes_since(self.directory.revision)
            self._enforce(await in_thread(self._after, changes))

    def _after(self, changes: Changes) -> Directory:
        """With its snapshot, which takes long where there is much."""
        now = self.directory
        known = Directory(now.base, facts=now.facts, catalog=now.catalog) if changes.whole else now
        after = known.changed(changes.revision, changes.records, changes.deleted)
        after.snapshot  # noqa: B018
        return after

    def _enforce(self, directory: Directory) -> None:
        self._apply(directory)
        self.directory = directory


def _refusal(error: ConfigError, operations: Sequence[Put | Delete]) -> InvalidRequest:
    """Of what is written now only the field is named: file and line would be those of something else."""
    place, _, reason = error.message.partition(": ")
    key = place.rpartition(", ")[2]
    for operation in operations:
        if operation.resource is Resource.SETTINGS and key.partition(".")[0] == operation.id:
            return InvalidRequest(f"{key}: {reason}", param=key)
        name = f"{operation.resource}.{operation.id}"
        if key == name or key.startswith(f"{name}."):
            return InvalidRequest(f"{key}: {reason}", param=key[len(name) + 1 :] or None)
    return InvalidRequest(error.message, param=key.rpartition(".")[2] if reason else None)


def with_secrets(written: Written, secrets: Mapping[str, str]) -> Written:
    return Written(replace(written.put, secrets={**written.put.secrets, **secrets}), written.shown)


def replace_expected(written: Written, version: int) -> Written:
    return Written(replace(written.put, expected=version), written.shown)


def _check_version(current: View, version: int | None) -> None:
    if version is not None and version != current.version:
        raise Outdated(f"Version {version} is not the current one ({current.version}): read it again.")


def _noted(record: Record, fields: Mapping[str, Any]) -> Put:
    """The record with these fields, and all else as it is."""
    document = {**record.document, **fields}
    return Put(record.resource, record.id, document, record.secrets, record.handle, record.version)


def _operation(dependent: Dependent) -> Put | Delete:
    return dependent.put or Delete(dependent.resource, dependent.id)


def _record(put: Put, directory: Directory) -> Record:
    """The record that a put would leave."""
    current = directory.table(put.resource).get(put.id)
    version, created_at = (current.version, current.created_at) if current else (0, 0.0)
    return Record(put.resource, put.id, put.document, put.secrets, put.handle, version, created_at=created_at)


def _dump(view: View | None) -> dict[str, Any] | None:
    return view.model_dump(mode="json") if view else None
