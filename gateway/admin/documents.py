"""What administrators send: one pydantic shape per resource, the same as in `gateway.yaml` wherever it has one.

Output shapes are in `views`. A field that is left out of a PUT takes its default, except secrets, which stay.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, model_validator

from gateway.openai_api.operations import OPERATIONS
from gateway.settings import ModelConfig, ProviderConfig
from gateway.settings.confidentiality import DataRule, TeeRule
from gateway.settings.keys import LimitSettings, Moment, StreamPolicyName
from gateway.settings.strict import EntryName, Networks, Strict

_SLUG = re.compile(r"[^a-z0-9._-]+")


def _plain(text: str) -> str:
    """One line of printable text: names are shown in tables, logs and file names."""
    if any(not char.isprintable() for char in text):
        raise ValueError("must be one line of printable characters")
    return text.strip()


def _operation(name: str) -> str:
    names = {operation.name for operation in OPERATIONS.values()}
    if name not in names:
        raise ValueError(f"must be one of {', '.join(sorted(names))}")
    return name


def _filled(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


Filled = Annotated[str, AfterValidator(_plain), AfterValidator(_filled)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_plain), AfterValidator(_filled)]
UserName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain), AfterValidator(_filled)]
OperationName = Annotated[str, AfterValidator(_operation)]


def slug(name: str) -> str:
    """An id made of a name: `My Provider` becomes `my-provider`."""
    return _SLUG.sub("-", name.lower()).strip("-.")[:64]


class ProviderDocument(ProviderConfig):
    """An upstream. `api_key` and `api_keys` are write-only: a masked value sent back changes nothing."""

    id: str = Field("", max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$|^$", examples=["groq"])

    @model_validator(mode="after")
    def _named(self) -> "ProviderDocument":
        if not (self.id or slug(self.name)):
            raise ValueError("give an id, or a name to make one of")
        return self


class ModelDocument(ModelConfig):
    """A public model name: `provider_id` + `upstream_model` (+ `fallbacks`), or `targets`, or an `engine`."""

    id: EntryName = Field(min_length=1, max_length=200, examples=["fast-chat"])


class ApiKeyDocument(LimitSettings):
    """A gateway key. `key` is for a value of one's own; left out, a random one is made and shown once."""

    name: Name = Field(examples=["John's Key"])
    key: SecretStr | None = None
    user_id: str = ""
    allowed_models: tuple[Filled, ...] = Field((), max_length=500, description="Globs; empty allows all.")
    allowed_operations: tuple[OperationName, ...] = Field((), description="Names; empty allows all.")
    enabled: bool = True
    expires_at: Moment | None = Field(None, description="ISO 8601; null: never.")
    allowed_ips: Networks = Field((), max_length=500, description="Addresses and networks; empty: all.")
    store_bodies: bool = Field(False, description="Keep requests and answers of this key.")
    cache: bool = Field(False, description="Answer repeated requests of this key from the response cache.")
    stream_policy: StreamPolicyName | None = Field(None, description="Wins over that of the model.")
    tee: TeeRule | None = Field(None, description="`required`: only targets in trusted execution environments.")
    data: DataRule | None = Field(None, description="`local-only`: only engines of this gateway, and local providers.")


class UserDocument(LimitSettings):
    """A person with a login. `password` is write-only; left out of a PUT, it stays."""

    username: UserName = Field(examples=["ada"])
    password: SecretStr | None = None
    role: Literal["admin", "user"] = "user"
    enabled: bool = True
    allowed_models: tuple[Filled, ...] = Field((), max_length=500, description="What this user's keys may use at most.")


class SettingDocument(Strict):
    """A setting of the running gateway; it wins over file and environment until it is deleted."""

    value: Any = Field(validation_alias=AliasChoices("value"))
