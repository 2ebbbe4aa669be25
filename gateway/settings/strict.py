"""What all parts of the settings are made of: models that refuse unknown keys, and lists with commas."""

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel


class Strict(BaseModel):
    """snake_case fields, camelCase accepted on input, unknown fields refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


def separated(value: Any) -> Any:
    """A comma-separated string (as the environment gives it) is a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _entry_name(value: str) -> str:
    """What can be written in lists with commas, and in a table."""
    if not value:
        raise ValueError("a name must not be empty")
    if value != value.strip() or any(not char.isprintable() or char in "," for char in value):
        raise ValueError("a name must be printable, without commas and without spaces at its ends")
    return value


EntryName = Annotated[str, AfterValidator(_entry_name)]
"""The name of a model, or of what a model's full name begins with."""
Separated = Annotated[tuple[str, ...], BeforeValidator(separated)]


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"'{text}' is not an IP address or network, such as 10.0.0.0/8 or 2001:db8::/32") from None
    return value


Networks = Annotated[tuple[str, ...], BeforeValidator(separated), AfterValidator(_networks)]
