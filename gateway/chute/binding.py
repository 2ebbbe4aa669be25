"""How a request becomes the arguments of a function of a chute: fields by name, checked by their annotations.

Pure; made once per function by `FunctionCord`. Source of the calling styles: the documented Chute API (A003).
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from gateway.errors import ConfigError, InvalidRequest

_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Binding:
    """`model` checks the fields; `whole` names the one parameter that takes all of them, as a model or as a dict."""

    model: type[BaseModel] | None
    whole: str
    request: str
    """The parameter that gets the Request itself; empty where there is none."""

    def arguments(self, fields: Mapping[str, Any], request: Request) -> dict[str, Any]:
        """Raises InvalidRequest that names the field."""
        given: dict[str, Any] = {self.request: request} if self.request else {}
        if self.model is None:
            return {**given, self.whole: dict(fields)} if self.whole else given
        try:
            checked = self.model.model_validate(dict(fields))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidRequest(f"'{where}': {first['msg']}.", param=where) from None
        if self.whole:
            return {**given, self.whole: checked}
        return {**given, **{name: getattr(checked, name) for name in self.model.model_fields}}


def bind(function: Callable[..., Any], input_schema: Any = None) -> Binding:
    """`function` takes the chute first. Raises ConfigError for a parameter that no request can fill."""
    hints = typing.get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    request = next((one.name for one in parameters if hints.get(one.name) is Request), "")
    fields = [one for one in parameters if one.name != request]
    if odd := [one.name for one in fields if one.kind not in _KINDS]:
        raise ConfigError(f"{function.__name__}: a cord cannot fill *{odd[0]}; name the fields that it takes")
    if not fields:
        return Binding(None, "", request)
    only, hint = fields[0].name, hints.get(fields[0].name, Any)
    if len(fields) == 1 and _is_model(hint):
        return Binding(hint, only, request)
    if len(fields) == 1 and _is_model(input_schema) and hint is Any:
        return Binding(input_schema, only, request)
    if len(fields) == 1 and (hint is dict or typing.get_origin(hint) is dict) and not _is_model(input_schema):
        return Binding(None, only, request)
    return Binding(_model_of(function.__name__, fields, hints), "", request)


def _model_of(name: str, fields: list[inspect.Parameter], hints: Mapping[str, Any]) -> type[BaseModel]:
    members: Any = {
        one.name: (hints.get(one.name, Any), ... if one.default is one.empty else one.default) for one in fields
    }
    return create_model(name, __config__=ConfigDict(extra="ignore", arbitrary_types_allowed=True), **members)


def _is_model(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, BaseModel)
