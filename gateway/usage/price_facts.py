"""The prices of gateway.yaml as dated facts. Called where the price book is made."""

from collections.abc import Iterator

from gateway.errors import ConfigError, InvalidRequest
from gateway.settings import Settings
from gateway.settings.models import PriceConfig
from gateway.usage.types import Price

CONFIGURED = "configuration"
"""The `source` of these facts."""


def configured_prices(settings: Settings, now: float) -> Iterator[Price]:
    """Valid from `now`, the start that read them: the store repeats none that has not changed.

    The key is `provider/model`, with the model's name at the provider. Raises ConfigError for any other form.
    """
    for key, price in settings.prices.items():
        try:
            yield price_of(key, price, now)
        except InvalidRequest as error:
            raise ConfigError(f"{settings.place('prices', key)}: {error.message}") from None


def price_of(key: str, price: PriceConfig, now: float) -> Price:
    """Raises InvalidRequest for a key that is not `provider/model`."""
    provider_id, slash, upstream_model = key.partition("/")
    if not (provider_id and slash and upstream_model):
        raise InvalidRequest("write it as provider/model, such as chutes/Qwen/Qwen3-32B", param="prices")
    return Price(
        provider_id,
        upstream_model,
        input_per_million=price.input,
        output_per_million=price.output,
        cached_input_per_million=price.cached_input,
        per_minute=price.per_minute,
        per_page=price.per_page,
        per_request=price.per_request,
        valid_from=now,
        source=CONFIGURED,
    )
