"""Settings with the database's records laid over them: what is written there wins, entry by entry. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gateway.access.secrets import SealedElsewhere, Sealer
from gateway.errors import ConfigError
from gateway.settings import ModelConfig, ProviderConfig, Settings
from gateway.store.records import Record, Resource

Tables = Mapping[Resource, Mapping[str, Record]]


def overlaid(settings: Settings, tables: Tables, sealer: Sealer, models: Mapping[str, ModelConfig]) -> Settings:
    """`models` are those of the database. Raises ConfigError for a record that the settings no longer take."""
    update = {name: setting(name, record.document["value"]) for name, record in tables[Resource.SETTINGS].items()}
    providers = tables[Resource.PROVIDERS]
    if providers:
        own = settings.providers
        update["providers"] = own | {id: provider(record, own.get(id), sealer) for id, record in providers.items()}
    if models:
        update["models"] = {**settings.models, **models}
    return settings.model_copy(update=update) if update else settings


def setting(name: str, value: Any) -> Any:
    """The value as its field takes it. Raises ConfigError."""
    try:
        return getattr(Settings.model_validate({name: value}), name)
    except ValidationError as error:
        problem = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"{name}: {problem}") from None


def model(record: Record) -> ModelConfig:
    return ModelConfig.model_validate(record.document)


def provider(record: Record, configured: ProviderConfig | None, sealer: Sealer) -> ProviderConfig:
    """With its secrets opened; without any of its own, it keeps the file's. Sealed with another key, it is off."""
    document = dict(record.document)
    try:
        secrets = opened(record, sealer)
    except SealedElsewhere:
        return ProviderConfig.model_validate({**document, "enabled": False})
    if configured and "api_keys" not in secrets:
        document |= {"api_key": configured.api_key, "api_keys": configured.api_keys}
    return ProviderConfig.model_validate(document | secrets)


def opened(record: Record, sealer: Sealer) -> dict[str, Any]:
    """The secret fields of a provider in the clear. Raises SealedElsewhere."""
    return {name: json.loads(sealer.open(token)) for name, token in record.secrets.items()}


def sealed(secrets: Mapping[str, Any], sealer: Sealer) -> dict[str, str]:
    return {name: sealer.seal(json.dumps(value)) for name, value in secrets.items() if value}
