"""`GET /pricing`: what TAO and GPU hours cost. Tells of no single model."""

from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts
from gateway.catalog.fields import PRICING
from gateway.catalog.readers import mapping, number, text
from gateway.catalog.sources.base import HOUR
from gateway.errors import UpstreamBadResponse


class GpuPricing:
    name = PRICING
    gateway = CHUTES
    file = "pricing"
    timeout = 30.0

    def __init__(self, api_url: str, ttl: float = HOUR) -> None:
        self._url = f"{api_url.rstrip('/')}/pricing"
        self.ttl = ttl

    async def fetch(self, client: JsonClient) -> Any:
        document = await client.get(self._url, timeout=self.timeout)
        if not isinstance(document, dict):
            raise UpstreamBadResponse("The prices are not an object.")
        return document

    def read(self, document: Any, at: int) -> Facts:
        gpus = {
            text(gpu, 64): {"usd_per_hour": usd}
            for gpu, price in mapping(mapping(document).get("gpu_price_estimates")).items()
            if (usd := number(mapping(mapping(price).get("usd")).get("hour"))) is not None
        }
        notes = {"tao_usd": number(mapping(document).get("tao_usd")), "gpus": gpus, "at": at}
        return Facts(self.name, at=at, annotates=True, notes=notes)
