"""What the catalog costs: merging thousands of models, a filtered page, and how long a busy event loop waits meanwhile.

.venv/bin/python -m bench.catalog [--models 5000]
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import Facts
from gateway.catalog.merge import merge
from gateway.catalog.query import Query, select
from gateway.catalog.sources.chutes import ChutesList
from gateway.catalog.sources.llm import LlmModels
from gateway.catalog.sources.utilization import Utilization
from gateway.catalog.threads import in_thread

_AT = 1_790_000_000_000
_QUERIES = {
    "page of 50, no filter": Query(limit=50),
    "type, tee, context, price, words, sorted": Query(
        {"type": ("LLM",), "tee": ("true",)}, "model 7", 33_000, 3.0, "-price_input", 50
    ),
    "provider with a wildcard, sorted by name": Query({"provider": ("org1*",)}, sort="name", limit=50),
}


def measure(models: int) -> dict[str, float]:
    """Figures by name, in milliseconds."""
    documents = _documents(models)
    figures = {"read all sources": _time(lambda: _read(documents))}
    facts = _read(documents)
    figures["merge"] = min(_time(lambda: merge(facts)) for _ in range(3))
    figures["merge and index"] = min(_time(lambda: Catalog.of(facts, _AT)) for _ in range(3))
    catalog = Catalog.of(facts, _AT)
    for name, query in _QUERIES.items():
        select(catalog, query)
        figures[name] = statistics.median(_time(lambda query=query: _page(catalog, query)) for _ in range(50))  # type: ignore[misc]
    waits = asyncio.run(_waits(facts))
    figures["loop's wait while merging, median"] = statistics.median(waits)
    figures["loop's wait while merging, 99 of 100"] = sorted(waits)[int(len(waits) * 0.99)]
    figures["loop's wait while merging, longest"] = max(waits)
    return figures


def _page(catalog: Catalog, query: Query) -> bytes:
    return b",".join([catalog.documents[n] for n in select(catalog, query).positions])


def _read(documents: tuple[Any, Any, Any]) -> list[Facts]:
    chutes, listed, busy = documents
    return [
        ChutesList("http://api").read({"items": chutes}, _AT),
        LlmModels("http://llm").read({"data": listed}, _AT),
        Utilization("http://api").read(busy, _AT),
    ]


async def _waits(facts: list[Facts]) -> list[float]:
    """How much later than asked a timer of 1 ms comes while another thread merges, in milliseconds."""
    merging = asyncio.create_task(in_thread(Catalog.of, facts, _AT))
    waits = []
    while not merging.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        waits.append(1000 * (time.perf_counter() - began) - 1)
    await merging
    return waits


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _documents(models: int) -> tuple[Any, Any, Any]:
    """A third of the chutes is in no list of models; one in five is spelled another way there."""
    draw = random.Random(1)  # noqa: S311
    chutes: list[dict[str, Any]] = [
        {
            "chute_id": f"c-{n:05}",
            "name": f"org{n % 97}/Model-{n}-{draw.choice(('Instruct', 'chat', 'VL'))}-{draw.choice((7, 8, 70))}B",
            "slug": f"chutes-m-{n}",
            "standard_template": draw.choice(("vllm", "diffusion", None)),
            "user": {"username": "chutes"},
            "public": True,
            "tee": bool(n % 2),
            "hot": bool(n % 3),
            "invocation_count": 7 * n,
            "instances": [{"active": True, "verified": True}] * (n % 4),
            "supported_gpus": ["h100", "a100"],
            "current_estimated_price": {"per_million_tokens": {"input": {"usd": 0.1 + n / 1000}, "output": {"usd": 1}}},
        }
        for n in range(models)
    ]
    listed = [
        {
            "id": one["name"].lower() if n % 5 == 0 else one["name"],
            "chute_id": one["chute_id"] if n % 2 else None,
            "context_length": 32_768 + n,
            "quantization": "fp8",
            "price": {"input": {"usd": 0.1}},
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "supported_features": ["tools", "json_mode"],
        }
        for n, one in enumerate(chutes)
        if n % 3
    ]
    busy = [{"chute_id": one["chute_id"], "name": one["name"], "utilization_current": 0.4} for one in chutes]
    return chutes, listed, busy


def main() -> None:
    parser = argparse.ArgumentParser(description="What the catalog costs.")
    parser.add_argument("--models", type=int, default=5000)
    options = parser.parse_args()
    print(f"{options.models} models")  # noqa: T201
    for name, milliseconds in measure(options.models).items():
        print(f"  {name:<44} {milliseconds:9.2f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
