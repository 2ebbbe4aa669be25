"""The table of merged fields: whom to trust for each, first the most trusted. Used by `merge`, shown by the report."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.catalog.facts import Price, PriceKind

CHUTES_LIST = "chutes"
LLM = "llm"
DETAIL = "detail"
UTILIZATION = "utilization"
STATISTICS = "statistics"
PRICING = "pricing"
PROVIDER = "provider"
LOCAL_ENGINES = "local"
SNAPSHOT = "snapshot"

_DEPLOYMENT = (DETAIL, CHUTES_LIST, LLM, UTILIZATION, STATISTICS, PROVIDER, LOCAL_ENGINES, SNAPSHOT)
"""How a model is run and what it costs this account: the management API knows best."""
_ABILITIES = (LLM, DETAIL, CHUTES_LIST, PROVIDER, LOCAL_ENGINES, SNAPSHOT)
"""What a model can do: the serving host knows best, the management API hardly."""
_LOAD = (UTILIZATION, CHUTES_LIST, DETAIL, LLM, SNAPSHOT)
"""What changes by the minute: the freshest source first."""
_SPEED = (STATISTICS,)

FIELDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "slug", "description", "username", "public", "template", "image", "gpus", "gpu_count", "concurrency",
            "max_instances", "invocation_count", "tee", "cords", "base_url", "model_type", "tags", "created",
        ),
        _DEPLOYMENT,
    ),
    **dict.fromkeys((f"price_{kind}" for kind in PriceKind), _DEPLOYMENT),
    **dict.fromkeys(
        (
            "owned_by", "root", "parent", "hugging_face_id", "quantization", "context_length",
            "max_model_len", "max_output_length", "input_modalities", "output_modalities", "features",
            "sampling_parameters", "default_parameters", "tokenizer", "instruct_type",
        ),
        _ABILITIES,
    ),
    **dict.fromkeys(
        ("hot", "instances", "active_instances", "verified_instances", "utilization", "utilization_1h",
         "rate_limit_ratio"),
        _LOAD,
    ),
    **dict.fromkeys(("ttft", "tps", "requests_per_day"), _SPEED),
}  # fmt: skip

NO_CONFLICT = frozenset(
    {"description", "hot", "instances", "active_instances", "verified_instances", "utilization", "invocation_count",
     "tags", "created", "owned_by", "image", "model_type", "cords"}
)  # fmt: skip
"""Where sources differ because time passed between them, or by taste: the trusted value is taken without a word."""
UNRELIABLE = frozenset({SNAPSHOT})
"""Sources whose differing value is old news, no conflict."""


def source_class(source: str) -> str:
    """`provider:groq` and the like share the class before the colon."""
    return source.partition(":")[0]


@lru_cache(maxsize=4096)
def rank(field: str, source: str) -> int:
    """Lower is more trusted."""
    order = FIELDS[field]
    kind = source_class(source)
    return order.index(kind) if kind in order else len(order)


def same(one: Any, other: Any) -> bool:
    """Whether two sources agree: lists regardless of order, words regardless of case, prices to a millionth."""
    if isinstance(one, Price) and isinstance(other, Price):
        return _same_number(one.usd, other.usd)
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    if isinstance(one, tuple) and isinstance(other, tuple):
        return sorted(map(str, one)) == sorted(map(str, other))
    if isinstance(one, float) or isinstance(other, float):
        return _same_number(one, other)
    return bool(one == other)


def _same_number(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return True
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))
