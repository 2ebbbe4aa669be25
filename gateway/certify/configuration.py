"""The operator's settings as certify uses them: their limits and policies, before the misbehaving provider."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.settings import LoadedSettings, ModelConfig, ProviderConfig, Settings
from gateway.settings.batches import BatchSettings
from gateway.settings.cache import CacheSettings
from gateway.settings.catalog import CatalogSettings
from gateway.settings.jobs import JobSettings
from gateway.settings.keys import LimitSettings

ROUTE = "certified"
"""The model that scenarios ask for: `primary`, then `fallback`; what is too long for them goes to the larger model."""
_LARGER = "certified-large"

DEFAULTS = {"first_token_timeout": 5.0, "stream_idle_timeout": 10.0}
"""Limits used where nobody configured one. The gateway's own defaults wait longer than the scenarios allow, because a
slow model on one's own machine may need it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """`notes` say what certify chose itself and what it does not cover."""

    settings: Settings
    notes: tuple[str, ...]

    @property
    def limits(self) -> dict[str, Any]:
        """The settings that the outcome depends on."""
        names = ("first_token_timeout", "stream_idle_timeout", "stream_policy", "queue_timeout", "chutes_max_retries")
        return {name: getattr(self.settings, name) for name in names}


def configuration(loaded: LoadedSettings) -> Configuration:
    chosen = {name: value for name, value in DEFAULTS.items() if name not in loaded.origins}
    return Configuration(
        loaded.settings.model_copy(update={**chosen, **_ISOLATED}),
        tuple(_notes(loaded.settings, chosen)),
    )


_ISOLATED: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "allow_private_upstreams": True,
    "engines": "off",
    "engine_config": {},
    "engine_fallbacks": {},
    "chutes_api_key": None,
    "keys": (),
    "cors_origins": (),
    "default_model": (),
    "drained_targets": (),
    "database_url": None,
    "redis_url": None,
    "seed_file": None,
    "otel_exporter_otlp_endpoint": None,
    "ip_rpm": None,
    "limits": LimitSettings(),
    "prices": {},
    "cache": CacheSettings(),
    "batches": BatchSettings(),
    "jobs": JobSettings(),
    "catalog": CatalogSettings(refresh="off"),
}
"""What names the operator's own models and upstreams, what is kept or told outside the temporary folder, and limits of
callers: none of it is about failing providers."""


def behind(settings: Settings, provider_url: str, state_dir: Path) -> Settings:
    """With the provider at this address as the only one, and a key and a state folder of its own. It meets every rule
    of confidentiality, as what it gets is made up."""
    provider = ProviderConfig(base_url=f"{provider_url}/v1", tee=True, data="local")
    targets = [
        {"provider": "primary", "model": "primary-model", "priority": 0},
        {"provider": "fallback", "model": "fallback-model", "priority": 1, "prefill": True},
    ]
    return settings.model_copy(
        update={
            "state_dir": state_dir,
            "master_api_key": SecretStr(f"sk-certify-{secrets.token_hex(16)}"),
            "providers": {"primary": provider, "fallback": provider, "larger": provider},
            "models": {
                _LARGER: ModelConfig(provider="larger", model="large-model"),
                ROUTE: ModelConfig.model_validate({"targets": targets, "context_fallback": _LARGER}),
            },
        }
    )


def _notes(settings: Settings, chosen: dict[str, float]) -> Iterator[str]:
    for name, value in chosen.items():
        own = getattr(settings, name)
        without = f"{own:g} s" if own else "none"
        yield f"{name.upper()} is not configured (the gateway's default: {without}); certify uses {value:g} s"
    for name, model in settings.models.items():
        if model.stream_policy and model.stream_policy != settings.stream_policy:
            yield (
                f"the model '{name}' has stream_policy {model.stream_policy}; "
                f"certify runs with STREAM_POLICY={settings.stream_policy}"
            )
