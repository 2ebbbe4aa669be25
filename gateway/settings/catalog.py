"""The shape of the `catalog` block of `gateway.yaml`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from gateway.settings.strict import Separated, Strict

EVENTS = ("new", "gone", "price", "quantization", "context", "feature", "hot")


def _switch(value: Any) -> Any:
    """YAML reads `on` and `off` as yes and no."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


class WebhookConfig(Strict):
    """Who is told of changes. `events` empty: of all."""

    url: SecretStr
    """A secret, as many receivers put a token into it."""
    secret: SecretStr
    """Signs what is sent; text, or `whsec_` and base64."""
    events: Separated = ()
    name: str = ""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("a webhook's secret needs at least 16 characters")
        return value

    @field_validator("events")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [event for event in value if event not in EVENTS]:
            raise ValueError(f"'{unknown[0]}' is no event (known: {', '.join(EVENTS)})")
        return value


class CatalogSettings(Strict):
    """The catalog of models: where it comes from, how much is remembered, who is told."""

    refresh: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = Field(
        "auto",
        description="Ask the sources again and again; `auto`: where a Chutes key is set. `off`: on request only.",
    )
    auto_route: bool = Field(True, description="Let callers ask any model of the catalog where a Chutes key is set.")
    history_days: float = Field(90, gt=0, description="Days for which versions of the catalog are kept.")
    history_versions: int = Field(200, ge=1, le=10_000, description="Most versions of the catalog that are kept.")
    ttl: dict[str, float] = Field({})
    """Seconds for which the copy of a source is fresh, by the source's name."""
    webhooks: tuple[WebhookConfig, ...] = Field((), max_length=20)
