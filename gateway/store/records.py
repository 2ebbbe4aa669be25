"""`Record`, `Put`, `Delete` and `Audit`: what the administration writes, one transaction and one revision a change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Resource(StrEnum):
    PROVIDERS = "providers"
    MODELS = "models"
    APIKEYS = "apikeys"
    USERS = "users"
    SETTINGS = "settings"
    RESETS = "resets"
    """When spending was reset of what has no record of its own, by scope."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that people edit. `document` is JSON; `secrets` are sealed texts by field name, never clear.

    `handle` is the unique name it is also found by (the digest of a key, the folded name of a user) or None.
    `version` starts at 1 and is the ETag; `revision` is that of the store at its last change. Times are epoch seconds.
    """

    resource: Resource
    id: str
    document: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    handle: str | None = None
    version: int = 1
    revision: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Put:
    """Creates or replaces. `expected`: the version it must have now; 0: it must not exist; None: whatever."""

    resource: Resource
    id: str
    document: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    handle: str | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """`expected` as of `Put`. Deleting what is not there raises NotFound."""

    resource: Resource
    id: str
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """Who did what. `changes` hold no secret: `{field: [before, after]}` with secrets as `"***"`."""

    actor: str
    action: str
    """`create`, `update`, `delete`, `login`, `restore` …"""
    resource: str
    resource_id: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    at: float = 0.0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which audit rows are wanted; None: any. `since` is included, `until` is not."""

    actor: str | None = None
    action: str | None = None
    resource: str | None = None
    resource_id: str | None = None
    address: str | None = None
    since: float | None = None
    until: float | None = None
    search: str = ""
    """Text that actor, action, resource or resource id contains, in any case."""
    also: tuple[tuple[str, str], ...] = ()
    """Things, by resource and id, whose rows `search` finds too."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after a revision: what is there now, and what is gone.

    `whole`: these are all records there are, and what is not among them is gone.
    """

    revision: int
    records: tuple[Record, ...] = ()
    deleted: tuple[tuple[Resource, str], ...] = ()
    whole: bool = False
