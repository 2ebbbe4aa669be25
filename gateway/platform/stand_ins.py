"""Public chutes that answer without a model: text, speech, pages, vectors, images (platform-contract §5).

Facts as data: `MODELS` and `OTHERS` say what exists; `figures` are what monitoring tells and tests change.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gateway.platform.world import Chute, World, chute_id_of, slug_of

OWNER, OWNER_KEY = "chutes", "cpk_of_the_owner"


@dataclass(slots=True)
class Figures:
    """Shares are 0–1; `ttft` in seconds, `tps` in tokens a second."""

    instances: int = 2
    utilization: float = 0.3
    rate_limited: float = 0.0
    ttft: float = 0.4
    tps: float = 60.0
    hot: bool = True
    maintenance: bool = False
    cold_start: float | None = None
    """Seconds after a warm-up until a cold one is hot; None: it stays cold."""
    warming: bool = False

    def warm(self) -> None:
        """Starts it, unless it is hot, starting, or stays cold."""
        if not self.hot and not self.warming and self.cold_start is not None:
            self.warming = True
            asyncio.get_running_loop().call_later(self.cold_start, self._started)

    def _started(self) -> None:
        self.hot, self.warming = True, False


@dataclass(frozen=True, slots=True)
class Model:
    """Prices are USD per million tokens, input and output; None where the live list gives none."""

    name: str
    context: int
    prices: tuple[float, float] | None
    thinks: bool = False
    sees: bool = False
    confidential: bool = False


MODELS = (
    Model("deepseek-ai/DeepSeek-V3-0324", 163_840, (0.24, 0.84)),
    Model("deepseek-ai/DeepSeek-R1", 163_840, (0.30, 1.20), thinks=True),
    Model("Qwen/Qwen3-32B-TEE", 40_960, (0.08, 0.24), thinks=True, confidential=True),
    Model("Qwen/Qwen2.5-VL-32B-Instruct", 16_384, (0.05, 0.22), sees=True),
    Model("unsloth/gemma-3-4b-it", 96_000, None),
)


@dataclass(frozen=True, slots=True)
class Other:
    """A chute that is no language model; `paths` are its public paths."""

    name: str
    kind: str
    paths: tuple[str, ...]
    template: str | None = None
    per_request: float = 0.002
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What its cord's input has, with the schema of each; empty: it does not tell."""


_DRAWING: dict[str, Any] = {
    "prompt": {"type": "string"},
    "width": {"type": "integer", "default": 1024},
    "height": {"type": "integer", "default": 1024},
}
_EDITING = {**_DRAWING, "image_b64s": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}}

OTHERS = (
    Other("whisper-large-v3", "speech", ("/transcribe",)),
    Other("rednote-hilab-dots-ocr", "pages", ("/ocr",)),
    Other("Qwen/Qwen3-Embedding-8B", "vectors", ("/v1/embeddings",), template="embedding"),
    Other("kokoro", "voice", ("/speak",)),
    Other("FLUX.1-schnell", "pictures", ("/generate",), template="diffusion", fields=_DRAWING),
    Other("qwen-image-edit-2509", "edits", ("/generate",), fields=_EDITING),
    Other("bge-reranker-v2-m3", "ranks", ("/rerank",)),
)


@dataclass(slots=True)
class StandIns:
    """`figures` by chute id; `aliases` by user id and alias."""

    figures: dict[str, Figures] = field(default_factory=dict)
    aliases: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def add(world: World) -> StandIns:
    owner = world.add_account(OWNER, "", OWNER_KEY)
    made = StandIns()
    for model in MODELS:
        paths = ("/v1/chat/completions", "/v1/completions")
        document = _document(model.name, paths, "vllm", model.confidential, _model_price(model))
        _add(world, made, owner.user_id, "text", document)
    for other in OTHERS:
        document = _document(
            other.name, other.paths, other.template, False, {"per_request": {"usd": other.per_request}}, other.fields
        )
        _add(world, made, owner.user_id, other.kind, document)
    return made


def _add(world: World, made: StandIns, user_id: str, kind: str, document: dict[str, Any]) -> None:
    name = document["name"]
    chute_id = chute_id_of(OWNER, name)
    version = str(uuid5(NAMESPACE_OID, name))
    chute = Chute(chute_id, user_id, name, slug_of(OWNER, name), "", version, document, public=True, stand_in=kind)
    world.chutes[chute_id] = chute
    made.figures[chute_id] = Figures()


def _document(
    name: str,
    paths: tuple[str, ...],
    template: str | None,
    tee: bool,
    price: Any,
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    told = {"input_schema": _input_schema(fields)} if fields else {}
    cords = [
        {"path": path, "public_api_path": path, "public_api_method": "POST", "method": "POST", "stream": False, **told}
        for path in paths
    ]
    return {
        "name": name,
        "tagline": f"{name} (a stand-in of the emulated platform)",
        "readme": "",
        "standard_template": template,
        "tee": tee,
        "concurrency": 16,
        "node_selector": {"gpu_count": 1, "include": ["pro_6000"]},
        "cords": cords,
        "price": price,
    }


def _input_schema(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Of a function with one parameter, a model, as the SDK tells it."""
    return {
        "type": "object",
        "required": ["input_args"],
        "properties": {"input_args": {"$ref": "#/definitions/GenerationInput"}},
        "definitions": {"GenerationInput": {"type": "object", "properties": dict(fields)}},
    }


def _model_price(model: Model) -> dict[str, Any] | None:
    if model.prices is None:
        return None
    return {"per_million_tokens": {"input": {"usd": model.prices[0]}, "output": {"usd": model.prices[1]}}}


def listed(model: Model) -> dict[str, Any]:
    """One entry of `GET /v1/models` of the llm host. Prices are USD per million tokens."""
    entry: dict[str, Any] = {
        "id": model.name,
        "object": "model",
        "created": 1_750_000_000,
        "owned_by": "sglang",
        "root": model.name,
        "parent": None,
        "chute_id": chute_id_of(OWNER, model.name),
        "confidential_compute": model.confidential,
        "quantization": "fp8",
        "context_length": model.context,
        "max_model_len": model.context,
        "max_output_length": min(model.context, 65_536),
        "input_modalities": ["text", "image"] if model.sees else ["text"],
        "output_modalities": ["text"],
        "supported_features": ["json_mode", "tools", *(["reasoning"] if model.thinks else [])],
        "supported_sampling_parameters": ["temperature", "top_p", "top_k", "stop", "seed"],
    }
    if model.prices is not None:
        prompt, completion = model.prices
        entry["price"] = {
            "input": {"usd": prompt, "tao": prompt / 400},
            "output": {"usd": completion, "tao": completion / 400},
            "input_cache_read": {"usd": prompt / 2, "tao": prompt / 800},
        }
        entry["pricing"] = {"prompt": prompt, "completion": completion, "input_cache_read": prompt / 2}
    return entry
