"""The request bodies as the platform shows them to people. The gateway itself checks requests and takes more fields."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: str = Field(description="A name of GET /v1/models, or provider/model.", max_length=256)


class Chat(_Body):
    messages: list[dict[str, Any]] = Field(min_length=1, description="OpenAI chat messages.")
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    stream: bool = False


class CountedMessages(_Body):
    """Anthropic's Messages API, for how many tokens that would be."""

    messages: list[dict[str, Any]] = Field(min_length=1, description="Turns of user and assistant.")
    system: str | list[dict[str, Any]] | None = None


class Messages(CountedMessages):
    """Anthropic's Messages API."""

    max_tokens: int = Field(ge=1, le=1_000_000)
    stream: bool = False


class CountedResponses(_Body):
    """OpenAI's Responses API, for how many tokens that would be."""

    input: str | list[dict[str, Any]]
    instructions: str | None = None


class Responses(CountedResponses):
    """OpenAI's Responses API, stateless."""

    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    stream: bool = False


class Completion(_Body):
    prompt: str | list[str]
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    stream: bool = False


class Embedding(_Body):
    input: str | list[str]
    encoding_format: str = Field("float", pattern="^(float|base64)$")


class Translation(_Body):
    file_b64: str = Field(description="The audio file as base64, at most 25 MB.")
    file_name: str = Field("audio.wav", max_length=256)
    response_format: str = Field("json", pattern="^(json|text|srt|vtt|verbose_json)$")
    prompt: str | None = None
    temperature: float | None = Field(None, ge=0, le=1)


class Transcription(Translation):
    language: str | None = Field(None, description="ISO-639-1 code such as en.")
    stream: bool = False


class Transcribe(BaseModel):
    """The shape of Chutes' own whisper chute."""

    model_config = ConfigDict(extra="allow")

    audio_b64: str = Field(description="The audio file as base64, at most 25 MB.")
    language: str | None = None


class Ocr(_Body):
    file_b64: str | None = Field(None, description="An image or PDF as base64; or document, image_b64, image_url.")
    file_name: str = Field("page.png", max_length=256)


class Rerank(_Body):
    query: str
    documents: list[Any] = Field(min_length=1, description="Texts, or objects with `text`.")
    top_n: int | None = Field(None, ge=1)


class Moderation(_Body):
    input: str | list[Any] = Field(description="A text, or a list of texts or of parts such as images.")


class Drawing(_Body):
    prompt: str
    n: int = Field(1, ge=1, le=10)
    size: str = Field("1024x1024", description="Width and height in pixels.")


class Edit(Drawing):
    images: list[Any] = Field(min_length=1, max_length=16, description="Objects with `image_url`: a data URL.")
    mask: dict[str, Any] | None = Field(None, description="The same; its transparent parts say what may change.")


class Speech(_Body):
    input: str = Field(description="The text to speak.")
    voice: str | None = None


class Job(BaseModel):
    """A request that was handed over."""

    id: str = Field(max_length=100, description="As the answer to the request gave it.")


class Kick(BaseModel):
    """What to make ready; nothing: all local engines."""

    model: str | None = Field(None, max_length=256, description="Only what serves this model, chutes included.")
    chutes: bool = Field(False, description="Cold chutes that are configured too.")


class Route(_Body):
    """Any call above by name; its own fields stand beside `path`."""

    path: str = Field(description="The endpoint to call, such as /v1/chat/completions.")
