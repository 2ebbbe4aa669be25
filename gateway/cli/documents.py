"""Options of a command as a document of administration."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.errors import ConfigError

Document = TypeVar("Document", bound=BaseModel)


def document(kind: type[Document], **fields: Any) -> Document:
    """What is None counts as left out. Raises ConfigError naming the field."""
    try:
        return kind.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise ConfigError(f"{field}: is not a known field") from None
        raise ConfigError(f"{field}: {str(problem['msg']).removeprefix('Value error, ')}") from None
