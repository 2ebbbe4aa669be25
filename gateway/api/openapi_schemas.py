"""The words in which `openapi_inference` describes endpoints: JSON Schemas, and what is told of each endpoint."""

from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Description:
    """`fields` are the members of a JSON body, `example` is a whole one; `form` are the fields of the multipart form,
    where there is one, `file` that of them which must be a file. `answers` are the bodies of the status 200 by media
    type; `required` what a JSON body must have beside what the table of operations demands."""

    summary: str
    text: str
    fields: dict[str, Schema]
    example: dict[str, Any]
    answers: dict[str, Schema]
    form: dict[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ("model",)
    file: str = "file"


def typed(kind: str | list[str], told: str = "", **more: Any) -> Schema:
    return {"type": kind, **({"description": told} if told else {}), **more}


def object_of(*required: str, **properties: Schema) -> Schema:
    return typed("object", properties=properties, required=list(required), additionalProperties=True)


def list_of(items: Schema, told: str = "", **more: Any) -> Schema:
    return typed("array", told, items=items, **more)


def either(told: str, *schemas: Schema) -> Schema:
    return {"description": told, "anyOf": list(schemas)}


def events(first: str) -> Schema:
    """Without a type: some tools hold the schema against the whole stream, others against each of its events."""
    told = "With `stream`: server-sent events. `[DONE]` comes only behind a complete answer."
    return {"description": told, "examples": [f"data: {first}\n\ndata: [DONE]\n\n"]}


def named_events(name: str, first: str) -> Schema:
    """Of an API whose streams have no `[DONE]`."""
    told = "With `stream`: server-sent events with names. The last one comes only behind a complete answer."
    return {"description": told, "examples": [f"event: {name}\ndata: {first}\n\n"]}
