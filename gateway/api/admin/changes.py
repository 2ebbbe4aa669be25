"""What changes answer with: the thing and its ETag, or with `dry_run` the difference and what would go with it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Query, Response
from pydantic import BaseModel, Field

from gateway.admin.administration import Outcome
from gateway.errors import InvalidRequest
from gateway.store.records import Resource

_ETAG = re.compile(r'^(?:W/)?"?(\d{1,10})"?$')

DryRun = Annotated[bool, Query(description="Only say what would change.")]
Cascade = Annotated[bool, Query(description="Also delete or change what depends on it.")]
IfMatch = Annotated[str | None, Header(description="The ETag that the change is based on.", examples=['"3"'])]


class DependentView(BaseModel):
    resource: Resource
    id: str
    what: str = Field(description="What becomes of it.", examples=["is deleted: it leads nowhere else"])


class Preview(BaseModel):
    """The answer to `?dry_run=true`: nothing was changed."""

    dry_run: bool = True
    changes: Mapping[str, Any] = Field(description="`{field: [before, after]}`, secrets masked.")
    dependents: list[DependentView] = []


class Deleted(BaseModel):
    id: str
    deleted: bool = True
    restored: bool = Field(False, description="What the file or a provider says of it is in force again.")
    dependents: list[DependentView] = []


def based_on(if_match: str | None) -> int | None:
    """The version in `If-Match`; None for none or `*`. Raises InvalidRequest."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.match(if_match.strip())
    if match is None:
        raise InvalidRequest("'If-Match' must be an ETag such as \"3\".", param="If-Match")
    return int(match[1])


def changed(outcome: Outcome, response: Response) -> Any:
    """The view with its ETag, or the preview of a dry run."""
    if outcome.dry_run or outcome.view is None:
        return Preview(changes=outcome.changes, dependents=dependents(outcome))
    response.headers["etag"] = f'"{outcome.view.version}"'
    return outcome.view.model_copy(update=dict(outcome.shown))


def dependents(outcome: Outcome) -> list[DependentView]:
    return [DependentView(resource=d.resource, id=d.id, what=d.what) for d in outcome.dependents]
