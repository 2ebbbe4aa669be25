"""Providers and models as YAML, read for the forms: what the text says as fields, or what is wrong in which line."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from gateway.admin.yaml_text import read_entry
from gateway.api.admin.identity import Person, administrator
from gateway.api.services import services
from gateway.store.records import Resource

router = APIRouter(prefix="/api/admin", tags=["yaml"])


class Written(BaseModel):
    yaml: str = Field(max_length=200_000, description="`models:` or `providers:` with one name below it.")
    id: str = Field("", description="Of what is edited; empty for a new one.")


class ProblemView(BaseModel):
    line: int = Field(description="Counted from 1.")
    message: str
    field: str = Field(description="Dotted; empty where it is about the whole.")


class ReadEntry(BaseModel):
    id: str
    fields: dict[str, Any] | None = Field(description="As PUT takes them; null where something is wrong.")
    problems: list[ProblemView]


@router.post("/{resource}/yaml", summary="Read a provider or a model written as YAML")
async def read_yaml(
    request: Request,
    _: Annotated[Person, Depends(administrator)],
    resource: Literal["providers", "models"],
    body: Written,
) -> ReadEntry:
    """As in `gateway.yaml`. Nothing is changed; what could not work is told with its line."""
    found = read_entry(body.yaml, Resource(resource), body.id, services(request).administration)
    problems = [ProblemView(line=one.line, message=one.message, field=one.field) for one in found.problems]
    return ReadEntry(id=found.id, fields=dict(found.fields) if found.fields is not None else None, problems=problems)
