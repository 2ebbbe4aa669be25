"""`Kind`: what administration needs to know of one resource. One implementation each, listed in `KINDS`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from gateway.admin.directory import Directory
from gateway.admin.views import View
from gateway.state.callers import RESET
from gateway.store.records import Put, Record, Resource


@dataclass(frozen=True, slots=True)
class Dependent:
    """Something that would go, or change, with what is deleted."""

    resource: Resource
    id: str
    what: str
    """`is deleted`, or what it loses."""
    put: Put | None = None
    """What is written in its place; None: it is deleted too."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a document becomes. `shown` are fields that only the answer to this one write may show."""

    put: Put
    shown: Mapping[str, Any]


class Kind(Protocol):
    @property
    def resource(self) -> Resource: ...

    @property
    def noun(self) -> str:
        """For messages: `provider`, `API key` …"""
        ...

    def written(self, document: Any, id: str, directory: Directory) -> Written:
        """What to store for a document. `id` is empty for a new thing without one. Raises InvalidRequest."""
        ...

    def summaries(self, directory: Directory) -> Iterable[Mapping[str, Any]]:
        """All of them, `id` and the fields that lists search and sort by; cheap."""
        ...

    def view(self, id: str, directory: Directory) -> View | None: ...

    def dependents(self, id: str, directory: Directory) -> list[Dependent]: ...


def stored(record: Record | None) -> dict[str, Any]:
    """The bookkeeping of a view."""
    if record is None:
        return {"version": 0}
    return {"version": record.version, "created_at": record.created_at, "updated_at": record.updated_at}


def given(record: Record, document: type[BaseModel]) -> dict[str, Any]:
    """The fields that people set, without what the gateway notes beside them."""
    return {name: value for name, value in record.document.items() if name in document.model_fields}


def reset_moment(record: Record | None) -> float | None:
    """When what it spent began anew, in epoch seconds."""
    return record.document[RESET]["at"] if record and RESET in record.document else None


def defaults(document: type[BaseModel], without: set[str]) -> Mapping[str, Any]:
    """The fields that a record may lack, since only those that were given are stored."""
    fields = {name: field for name, field in document.model_fields.items() if name not in without}
    return {name: field.default for name, field in fields.items() if not field.is_required()}


def kept(document: BaseModel, without: set[str]) -> dict[str, Any]:
    """The fields that were given, as JSON."""
    return document.model_dump(mode="json", exclude=without, exclude_unset=True)
