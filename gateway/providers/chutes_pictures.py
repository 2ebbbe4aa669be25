"""Which pictures a chute's `/generate` takes, by what the management API tells of that cord. Pure; used by the dialect
`chutes`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.openai_api.editing import MAX_IMAGES

_PATH = "/generate"
_SEVERAL, _ONE = "image_b64s", "image_b64"


@dataclass(frozen=True, slots=True)
class Pictures:
    """`most` pictures as base64 in `field`: a list of them, or one; none where it only draws."""

    field: str
    most: int

    def fields(self, encoded: list[str]) -> dict[str, Any]:
        return {self.field: encoded if self.field == _SEVERAL else encoded[0]}


UNTOLD = Pictures(_SEVERAL, MAX_IMAGES)
"""Of a chute of which nothing is told."""
_NO_PICTURES = Pictures("", 0)


def pictures_taken(cords: Iterable[Mapping[str, Any]]) -> Pictures | None:
    """None where there is no such cord, or nothing is told of its fields."""
    fields = next((_fields(cord.get("input_schema")) for cord in cords if cord.get("public_api_path") == _PATH), {})
    if not fields:
        return None
    if _SEVERAL in fields:
        most = _mapping(fields[_SEVERAL]).get("maxItems")
        return Pictures(_SEVERAL, most if isinstance(most, int) and most > 0 else MAX_IMAGES)
    return Pictures(_ONE, 1) if _ONE in fields else _NO_PICTURES


def _fields(schema: Any) -> Mapping[str, Any]:
    """Of the cord's function, and of the models that its parameters are: the fields of those stand in the body."""
    schema = _mapping(schema)
    models = {**_mapping(schema.get("$defs")), **_mapping(schema.get("definitions"))}
    found = dict(_mapping(schema.get("properties")))
    for parameter in list(found.values()):
        parameter = _mapping(parameter)
        model = models.get(str(parameter.get("$ref") or "").rpartition("/")[2])
        if model is not None or "properties" in parameter:
            found |= _mapping(_mapping(model if model is not None else parameter).get("properties"))
        elif parameter.get("type") == "object" and len(found) == 1:
            return {}
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
