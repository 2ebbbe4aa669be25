"""Lists of the admin API: searched, filtered, sorted and cut to a page, before the views of that page are made."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from gateway.errors import InvalidRequest

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    data: list[Item]
    total: int
    limit: int
    offset: int


class Paging:
    """The query parameters of every list."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=1000, description="At most this many.")] = 50,
        offset: Annotated[int, Query(ge=0, description="Skip this many.")] = 0,
        sort: Annotated[str, Query(description="A field; `-field` for descending.", examples=["-id"])] = "id",
        q: Annotated[str, Query(max_length=200, description="Text that any field contains, in any case.")] = "",
    ) -> None:
        self.limit, self.offset, self.sort, self.q = limit, offset, sort, q


def cut(
    summaries: Iterable[Mapping[str, Any]], paging: Paging, filters: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], int]:
    """The page, and how many there are in all. Raises InvalidRequest for a field that nothing has."""
    found = [one for one in summaries if _contains(one, paging.q.lower()) and _matches(one, filters)]
    field, descending = paging.sort.lstrip("-"), paging.sort.startswith("-")
    if found and not any(field in one for one in found):
        known = ", ".join(sorted({name for one in found for name in one}))
        raise InvalidRequest(f"'sort': there is no field '{field}' (there are {known}).", param="sort")
    found.sort(key=lambda one: _sortable(one.get(field)), reverse=descending)
    found.sort(key=lambda one: one.get(field) is None)
    return found[paging.offset : paging.offset + paging.limit], len(found)


def _contains(one: Mapping[str, Any], text: str) -> bool:
    return not text or any(text in value.lower() for value in one.values() if isinstance(value, str))


def _matches(one: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    return all(value is None or one.get(name) == value for name, value in filters.items())


def _sortable(value: Any) -> tuple[int, float, str]:
    """Numbers before texts."""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value).lower())
