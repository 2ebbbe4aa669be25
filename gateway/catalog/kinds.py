"""What kind of model it is, from what sources say and else from its name: category, modalities, tier, hints. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.catalog.facts import PriceKind
from gateway.openai_api.images import supports_vision
from gateway.openai_api.operations import ModelType

LLM, IMAGE, MODERATION, EMBEDDINGS = "LLM", "Image Generation", "Content Moderation", "Embeddings"
SPEECH, TRANSCRIPTION, VIDEO, MUSIC, OTHER = "Text to Speech", "Speech to Text", "Video", "Music Generation", "Other"
CATEGORIES = (LLM, IMAGE, MODERATION, EMBEDDINGS, SPEECH, TRANSCRIPTION, VIDEO, MUSIC, OTHER)


@dataclass(frozen=True, slots=True)
class Kind:
    """A category, what the gateway can ask of such a model, and what goes in and comes out."""

    category: str
    type: ModelType | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


CHAT = Kind(LLM, ModelType.CHAT, ("text",), ("text",))
UNKNOWN = Kind(OTHER, None, (), ())
_DRAWS = Kind(IMAGE, ModelType.IMAGE, ("text",), ("image",))
_SPEAKS = Kind(SPEECH, ModelType.SPEECH, ("text",), ("audio",))
_EMBEDS = Kind(EMBEDDINGS, ModelType.EMBEDDING, ("text",), ("embeddings",))
_FILMS = Kind(VIDEO, None, ("text",), ("video",))
_HEARS = Kind(TRANSCRIPTION, ModelType.TRANSCRIPTION, ("audio",), ("text",))
_JUDGES = Kind(MODERATION, ModelType.MODERATION, ("text",), ("text",))
"""By `/v1/moderations`; a chute that judges has an API of its own."""
_RANKS = Kind(OTHER, ModelType.RERANK, ("text",), ("text",))
_READS = Kind(LLM, ModelType.OCR, ("image",), ("text",))

_BY_NAME: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (_HEARS, r"whisper|transcri|parakeet|canary"),
        (_RANKS, r"rerank"),
        (_EMBEDS, r"embed|minilm|(^|[/-])(bge|e5|gte)-|-e5-"),
        (_READS, r"(^|[^a-z])ocr([^a-z]|$)"),
        (Kind(MODERATION, None, ("image",), ("text",)), r"nsfw"),
        (_JUDGES, r"(omni|text|mistral)-moderation"),
        (Kind(MODERATION, None, ("text",), ("text",)), r"classifier|hate-speech|moderation|(^|[/-])guard|llama-?guard"),
        (Kind(MUSIC, None, ("text",), ("audio",)), r"diffrhythm|musicgen|(^|[/-])ace-?step"),
        (Kind(OTHER, None, ("audio", "image"), ("video",)), r"musetalk|lip-?sync"),
        (_SPEAKS, r"(^|[^a-z])tts([^a-z]|$)|kokoro|csm-1b|speech|orpheus"),
        (Kind(VIDEO, None, ("text", "image"), ("video",)), r"(^|[/-])wan-?2.*i2v"),
        (_FILMS, r"(^|[/-])wan-?2|hunyuan-?video|cogvideo|(^|[/-])ltx|mochi"),
        (Kind(OTHER, ModelType.IMAGE, ("text", "image"), ("image",)), r"image-edit"),
        (_DRAWS, r"flux|diffusion|sdxl|hidream|dreamshaper|omnigen|qwen-image|z-image|lumina|[a-z]xl$|-xl(-|$)"),
    )
)  # fmt: skip
"""The first that fits counts."""
_BY_TEMPLATE: Mapping[str, Kind] = {
    "vllm": CHAT,
    "sglang": CHAT,
    "tgi": CHAT,
    "embedding": _EMBEDS,
    "tei": _EMBEDS,
    "diffusion": _DRAWS,
    "comfyui": _DRAWS,
}
_BY_CATEGORY: Mapping[str, Kind] = {
    LLM: CHAT,
    IMAGE: _DRAWS,
    MODERATION: Kind(MODERATION, None, ("text",), ("text",)),
    EMBEDDINGS: _EMBEDS,
    SPEECH: _SPEAKS,
    TRANSCRIPTION: _HEARS,
    VIDEO: _FILMS,
    MUSIC: Kind(MUSIC, None, ("text",), ("audio",)),
}
_BY_OUTPUT: Mapping[str, Kind] = {"image": _DRAWS, "video": _FILMS, "embeddings": _EMBEDS, "audio": _SPEAKS}
_BY_TYPE: Mapping[ModelType, Kind] = {
    kind.type: kind for kind in (CHAT, _DRAWS, _SPEAKS, _EMBEDS, _HEARS, _JUDGES, _RANKS, _READS) if kind.type
}


def kind_of(name: str, fields: Mapping[str, Any], *, chat_by_default: bool) -> Kind:
    """A declared type, what comes out, the name, the template, a declared category, in this order.

    `chat_by_default`: the source lists chat models unless the name says otherwise.
    """
    if declared := fields.get("type"):
        return _BY_TYPE[ModelType(declared)]
    outputs = fields.get("output_modalities", ())
    if outputs and "text" not in outputs:
        by_name = _named(name)
        return by_name if by_name and set(by_name.outputs) & set(outputs) else _BY_OUTPUT.get(outputs[0], UNKNOWN)
    category = fields.get("model_type")
    found = _named(name) or _BY_TEMPLATE.get(str(fields.get("template", "")).lower()) or _BY_CATEGORY.get(str(category))
    return found or (CHAT if chat_by_default or "text" in outputs else UNKNOWN)


@lru_cache(maxsize=32_768)
def _named(name: str) -> Kind | None:
    return next((kind for kind, pattern in _BY_NAME if pattern.search(name)), None)


def modalities(kind: Kind, name: str, fields: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the sources say of the model. One that hears takes no text, whatever a template said."""
    inputs: tuple[str, ...] = tuple(fields.get("input_modalities", ()))
    outputs: tuple[str, ...] = tuple(fields.get("output_modalities", ()))
    if kind.type in (ModelType.TRANSCRIPTION, ModelType.EMBEDDING) and not set(inputs) & set(kind.inputs):
        inputs = kind.inputs
    if kind.type is ModelType.EMBEDDING:
        outputs = kind.outputs
    sees = kind is CHAT and not inputs and supports_vision(name)
    return inputs or (*kind.inputs, *(("image",) if sees else ())), outputs or kind.outputs


def modality(inputs: Iterable[str], outputs: Iterable[str]) -> str | None:
    """As in `text+image->text`; None where nobody knows."""
    taken, given = "+".join(inputs), "+".join(outputs)
    return f"{taken}->{given}" if taken and given else None


TIERS: tuple[tuple[str, float], ...] = (("Budget", 2.0), ("Standard", 6.0), ("Premium", 22.0))
"""Name and the hourly USD at which the next one begins; the lower end belongs to a tier, the upper does not. Zero is
`Free`, all above is `Enterprise`. Source: document 001, whose tiers overlap at their ends."""


def tier(prices: Mapping[PriceKind, Any]) -> str | None:
    """By the hourly price; without one, free tokens make a free model. None where no hourly price is known."""
    hourly = prices[PriceKind.HOUR].usd if PriceKind.HOUR in prices else None
    if hourly is None:
        tokens = [prices[kind].usd for kind in (PriceKind.INPUT, PriceKind.OUTPUT) if kind in prices]
        return "Free" if len(tokens) == 2 and not any(tokens) and None not in tokens else None
    if hourly == 0:
        return "Free"
    return next((name for name, end in TIERS if hourly < end), "Enterprise")


HINTS: Mapping[str, str] = {
    "deepseek-ai/deepseek-r1": "best for reasoning/code",
    "qwen/qwen3-32b": "balance of performance and cost",
    "deepseek-ai/deepseek-v3.1": "latest with best reasoning",
}
"""By lower-case name. Source: document 000, Model Selection."""


def hints(name: str) -> tuple[str, ...]:
    hint = HINTS.get(name.lower())
    return (hint,) if hint else ()
