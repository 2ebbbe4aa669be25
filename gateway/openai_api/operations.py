"""The table of operations: what each endpoint takes, whether it streams, and what it is billed in."""

from dataclasses import dataclass
from enum import StrEnum


class ModelType(StrEnum):
    """What a model does; the words of the admin API and of `gateway.yaml`."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    TRANSCRIPTION = "transcription"
    OCR = "ocr"
    RERANK = "rerank"
    IMAGE = "image"
    SPEECH = "speech"
    MODERATION = "moderation"


class Body(StrEnum):
    JSON = "json"
    """A JSON object that is forwarded with only `model` replaced."""
    FILE = "file"
    """A file with fields: multipart, or JSON with base64."""


class Unit(StrEnum):
    TOKENS = "tokens"
    SECONDS = "seconds"
    PAGES = "pages"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint's facts. `path` is ours and, for OpenAI-compatible upstreams, theirs."""

    name: str
    path: str
    body: Body
    streamable: bool
    unit: Unit
    model_types: frozenset[ModelType]
    required: tuple[str, ...] = ()
    """Fields that must be present beside `model`."""


_CHAT = frozenset({ModelType.CHAT})
_EMBEDDING = frozenset({ModelType.EMBEDDING})
_TRANSCRIPTION = frozenset({ModelType.TRANSCRIPTION})
_OCR = frozenset({ModelType.OCR, ModelType.CHAT})
_RERANK = frozenset({ModelType.RERANK})
_IMAGE = frozenset({ModelType.IMAGE})
_SPEECH = frozenset({ModelType.SPEECH})
_MODERATION = frozenset({ModelType.MODERATION})

CHAT = Operation("chat.completions", "/v1/chat/completions", Body.JSON, True, Unit.TOKENS, _CHAT, ("messages",))
COMPLETIONS = Operation("completions", "/v1/completions", Body.JSON, True, Unit.TOKENS, _CHAT, ("prompt",))
EMBEDDINGS = Operation("embeddings", "/v1/embeddings", Body.JSON, False, Unit.TOKENS, _EMBEDDING, ("input",))
TRANSCRIPTIONS = Operation(
    "audio.transcriptions", "/v1/audio/transcriptions", Body.FILE, True, Unit.SECONDS, _TRANSCRIPTION
)
TRANSLATIONS = Operation("audio.translations", "/v1/audio/translations", Body.FILE, False, Unit.SECONDS, _TRANSCRIPTION)
OCR = Operation("ocr", "/v1/ocr", Body.FILE, False, Unit.PAGES, _OCR)
RERANK = Operation("rerank", "/v1/rerank", Body.JSON, False, Unit.REQUESTS, _RERANK, ("query", "documents"))
IMAGES = Operation("images.generations", "/v1/images/generations", Body.JSON, False, Unit.REQUESTS, _IMAGE, ("prompt",))
EDITS = Operation("images.edits", "/v1/images/edits", Body.FILE, False, Unit.REQUESTS, _IMAGE, ("prompt",))
SPEECH = Operation("audio.speech", "/v1/audio/speech", Body.JSON, False, Unit.REQUESTS, _SPEECH, ("input",))
MODERATIONS = Operation("moderations", "/v1/moderations", Body.JSON, False, Unit.REQUESTS, _MODERATION, ("input",))

OPERATIONS: dict[str, Operation] = {
    operation.path: operation
    for operation in (
        CHAT, COMPLETIONS, EMBEDDINGS, TRANSCRIPTIONS, TRANSLATIONS, OCR, RERANK, IMAGES, EDITS, SPEECH,
        MODERATIONS,
    )
}  # fmt: skip
