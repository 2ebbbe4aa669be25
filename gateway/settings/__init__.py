"""Settings: one frozen object, made once at start from defaults, `gateway.yaml` and the environment (in that order)."""

from gateway.settings.chute import ChuteSettings
from gateway.settings.keys import KeyConfig, LimitSettings
from gateway.settings.load import LoadedSettings, load_settings
from gateway.settings.models import ModelConfig, TargetConfig
from gateway.settings.providers import Fallback, ModelEntry, ProviderConfig
from gateway.settings.schema import Settings

__all__ = [
    "ChuteSettings",
    "Fallback",
    "KeyConfig",
    "LimitSettings",
    "LoadedSettings",
    "ModelConfig",
    "ModelEntry",
    "ProviderConfig",
    "Settings",
    "TargetConfig",
    "load_settings",
]
