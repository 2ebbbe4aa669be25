"""Facts made by hand, for the tests of the pure core."""

from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import CHUTES, Facts, ModelFacts
from gateway.catalog.sources.chutes import ChutesList
from gateway.catalog.sources.llm import LlmModels
from gateway.catalog.sources.pricing import GpuPricing
from gateway.catalog.sources.statistics import Statistics
from gateway.catalog.sources.utilization import Utilization
from tests.catalog import documents as docs


def row(name: str, chute_id: str = "", key: str = "", **fields: Any) -> ModelFacts:
    return ModelFacts(key or chute_id or name, name, chute_id, fields)


def facts(source: str, *rows: ModelFacts, gateway: str = CHUTES, annotates: bool = False, stale: str = "") -> Facts:
    return Facts(source, gateway, rows, at=docs.NOW, annotates=annotates, stale=stale)


def platform_facts() -> list[Facts]:
    """What all sources of Chutes say in `documents`."""
    return [
        ChutesList("http://h").read({"items": docs.CHUTES, "cord_refs": docs.CORD_REFS}, docs.NOW),
        LlmModels("http://h").read({"data": docs.LISTED}, docs.NOW),
        Utilization("http://h").read(docs.UTILIZATION, docs.NOW),
        Statistics("http://h").read(docs.STATISTICS, docs.NOW),
        GpuPricing("http://h").read(docs.PRICING, docs.NOW),
    ]


def platform_catalog() -> Catalog:
    return Catalog.of(platform_facts(), docs.NOW)
