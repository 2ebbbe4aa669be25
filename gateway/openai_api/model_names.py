"""What a model's name tells of its type. A hint for listings; nothing is refused because of it."""

import re

from gateway.openai_api.operations import ModelType

_HINTS = (
    (ModelType.TRANSCRIPTION, re.compile(r"whisper|transcri|parakeet|canary", re.I)),
    (ModelType.MODERATION, re.compile(r"moderation", re.I)),
    (ModelType.RERANK, re.compile(r"rerank", re.I)),
    (ModelType.EMBEDDING, re.compile(r"embed|minilm|(^|[/-])(bge|e5|gte)-", re.I)),
    (ModelType.OCR, re.compile(r"ocr", re.I)),
    (ModelType.SPEECH, re.compile(r"tts|kokoro|csm-1b|speech", re.I)),
    (ModelType.IMAGE, re.compile(r"flux|stable-diffusion|sdxl|dall-e|hidream|juggernaut", re.I)),
)


def guess_type(name: str) -> ModelType:
    """Chat unless the name says otherwise."""
    return next((kind for kind, pattern in _HINTS if pattern.search(name)), ModelType.CHAT)
