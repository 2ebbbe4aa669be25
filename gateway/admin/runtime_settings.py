"""Settings that people may change while the gateway runs: those that are not read before the database is."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from gateway.access.secrets import mask_secret
from gateway.admin.directory import Directory
from gateway.admin.documents import SettingDocument
from gateway.admin.kinds import Dependent, Written, reset_moment, stored
from gateway.admin.overlay import setting
from gateway.admin.resets import LIMITS
from gateway.admin.views import SettingView
from gateway.errors import ConfigError, Conflict, InvalidRequest
from gateway.settings import Settings
from gateway.settings.strict import Strict
from gateway.state.callers import GLOBAL
from gateway.store.records import Put, Resource

_RESOURCES = frozenset({"providers", "models", "keys"})
"""These have administration of their own."""
CHANGEABLE = frozenset(
    {
        "chutes_timeout",
        "chutes_max_retries",
        "chutes_signals",
        "connect_timeout",
        "upstream_timeout",
        "first_token_timeout",
        "stream_idle_timeout",
        "stream_keep_alive",
        "json_keep_alive",
        "request_timeout",
        "stream_policy",
        "queue_timeout",
        "queue_size",
        "drained_targets",
        "body_timeout",
        "delivery_timeout",
        "max_body_mb",
        "image_domains",
        "ip_rpm",
        "engine_wait",
        "default_model",
        "log_level",
        "limits",
        "prices",
    }
)


class RuntimeSettings:
    resource, noun = Resource.SETTINGS, "setting"

    def written(self, document: SettingDocument, id: str, directory: Directory) -> Written:
        if id not in Settings.model_fields or id in _RESOURCES:
            raise InvalidRequest(f"There is no setting '{id}'.", param="id")
        if id not in CHANGEABLE:
            raise Conflict(
                f"'{id}' is read before the database: set it in gateway.yaml or as {id.upper()}, and restart."
            )
        try:
            value = setting(id, document.value)
        except ConfigError as error:
            raise InvalidRequest(error.message, param="value") from None
        return Written(Put(self.resource, id, {"value": _plain(value)}), {})

    def summaries(self, directory: Directory) -> Iterable[Mapping[str, Any]]:
        for name, field in Settings.model_fields.items():
            if name not in _RESOURCES:
                yield {"id": name, "description": _description(field), "changeable": name in CHANGEABLE}

    def view(self, id: str, directory: Directory) -> SettingView | None:
        field = Settings.model_fields.get(id)
        if field is None or id in _RESOURCES:
            return None
        record = directory.table(self.resource).get(id)
        default = field.get_default(call_default_factory=True)
        return SettingView.model_validate(
            stored(record)
            | {
                "id": id,
                "origin": "database" if record else directory.base.origins.get(id, "default"),
                "value": _shown(getattr(directory.settings, id)),
                "default": _shown(default),
                "description": _description(field),
                "json_schema": _schema(id),
                "changeable": id in CHANGEABLE,
                "spent_reset_at": reset_moment(directory.table(Resource.RESETS).get(GLOBAL)) if id == LIMITS else None,
            }
        )

    def dependents(self, id: str, directory: Directory) -> list[Dependent]:
        return []


def _description(field: FieldInfo) -> str:
    """What the field says of itself; of a block, or of a mapping to blocks, the first paragraph of their class."""
    kinds = (field.annotation, *get_args(field.annotation))
    blocks = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Strict))
    told = field.description or next((block.__doc__ for block in blocks), None) or ""
    return " ".join(told.partition("\n\n")[0].split())


@cache
def _whole_schema() -> dict[str, Any]:
    return Settings.model_json_schema(by_alias=False)


def _schema(name: str) -> dict[str, Any]:
    whole = _whole_schema()
    schema: dict[str, Any] = whole["properties"][name]
    return schema | {"$defs": whole["$defs"]} if "$ref" in json.dumps(schema) else schema


def _plain(value: Any) -> Any:
    return TypeAdapter(Any).dump_python(value, mode="json")


def _shown(value: Any) -> Any:
    return mask_secret(value.get_secret_value()) if isinstance(value, SecretStr) else _plain(value)
