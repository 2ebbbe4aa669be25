"""What `/openapi.json` says of each inference endpoint: its bodies as JSON Schema, with an example. Data for `openapi`.

Named are the fields that the gateway itself reads or writes; every object may hold others, which pass through.
"""

from gateway.api.openapi_schemas import Description, Schema, either, events, list_of, named_events, object_of, typed
from gateway.api.paths import TRANSCRIBE
from gateway.dialects.messages import MESSAGES
from gateway.dialects.responses import RESPONSES
from gateway.openai_api import operations as ops
from gateway.openai_api.audio import FORMATS, GRANULARITIES, MAX_PROMPT
from gateway.openai_api.drawing import MOST
from gateway.openai_api.editing import IMAGE, MAX_IMAGES

JSON, EVENTS = "application/json", "text/event-stream"


def _model(name: str) -> Schema:
    told = "A name or an alias that `GET /v1/models` lists."
    return typed("string", told, minLength=1, maxLength=256, examples=[name])


_TEXT, _WHOLE, _NUMBER = typed("string"), typed("integer"), typed("number")
_FREE = typed("object", additionalProperties=True)
_STREAM = typed("boolean", "Events in place of one document.")
_FILE = typed("string", format="binary")
_USAGE = typed(["object", "null"], additionalProperties=True)

# --- chat, completions, embeddings -----------------------------------------------------------------------

_GENERATION = {
    "model": _model("chat"),
    "stream": _STREAM,
    "stream_options": typed(["object", "null"], "Such as `include_usage`.", additionalProperties=True),
    "max_tokens": typed(["integer", "null"], "The most tokens of the answer."),
    "n": typed(["integer", "null"], "How many answers."),
}
_PARTS = list_of(object_of("type", type=_TEXT, text=_TEXT, image_url=object_of("url", url=_TEXT)))
_CONTENT = either("A text, or a list of blocks.", _TEXT, list_of(object_of("type", type=_TEXT)))
_MESSAGE = object_of(
    "role",
    role=typed("string", "`system`, `user`, `assistant`, `tool` …"),
    content=either("A text, or parts with `text` and `image_url` (a data URL or an http(s) URL).", _TEXT, _PARTS),
)
_CHAT_FIELDS = {
    **_GENERATION,
    "messages": list_of(_MESSAGE),
    "max_completion_tokens": typed(["integer", "null"], "The newer name of `max_tokens`."),
    "tools": list_of(_FREE, "The functions that the model may call."),
    "response_format": typed(["object", "null"], "Such as a JSON schema.", additionalProperties=True),
    "prompt_cache_key": typed(["string", "null"], "Requests that share it keep to one target where they can."),
}
_SAID = object_of(role=_TEXT, content=typed(["string", "null"]))
_ENDED = typed(["string", "null"], "`stop`, `length`, `tool_calls` …")
_COMPLETION = {"id": _TEXT, "object": _TEXT, "created": _WHOLE, "usage": _USAGE}
_PROVIDER_NAME = typed("string", "The provider's own name for the model.")
_CHAT_ANSWER = object_of(
    "choices",
    **_COMPLETION,
    model=_PROVIDER_NAME,
    choices=list_of(object_of("message", index=_WHOLE, message=_SAID, finish_reason=_ENDED)),
)
_COMPLETION_ANSWER = object_of(
    "choices",
    **_COMPLETION,
    model=_PROVIDER_NAME,
    choices=list_of(object_of("text", index=_WHOLE, text=_TEXT, finish_reason=_ENDED)),
)
_MESSAGES_FIELDS = {
    "model": _model("chat"),
    "max_tokens": typed("integer", "The most tokens of the answer."),
    "messages": list_of(object_of("role", "content", role=typed("string", "`user` or `assistant`."), content=_CONTENT)),
    "system": either("What the model shall know beforehand.", _TEXT, list_of(_FREE)),
    "stream": _STREAM,
    "tools": list_of(_FREE, "The functions that the model may call: `name`, `description`, `input_schema`."),
    "tool_choice": typed(
        ["object", "null"], "`auto`, `any`, `none`, or `tool` with a `name`.", additionalProperties=True
    ),
    "stop_sequences": list_of(_TEXT, "Texts at which the answer ends."),
}
_MESSAGES_ANSWER = object_of(
    "content",
    id=_TEXT,
    type=_TEXT,
    role=_TEXT,
    model=_PROVIDER_NAME,
    content=list_of(object_of("type", type=_TEXT, text=_TEXT)),
    stop_reason=typed(["string", "null"], "`end_turn`, `max_tokens`, `tool_use`, `refusal`."),
    usage=_USAGE,
)
_RESPONSES_FIELDS = {
    "model": _model("chat"),
    "input": either("A text, or the items of the conversation so far.", _TEXT, list_of(_FREE)),
    "instructions": typed(["string", "null"], "What the model shall know beforehand."),
    "max_output_tokens": typed(["integer", "null"], "The most tokens of the answer."),
    "stream": _STREAM,
    "text": typed(["object", "null"], "With `format`, such as a JSON schema.", additionalProperties=True),
    "tools": list_of(_FREE, "The functions that the model may call."),
    "reasoning": typed(["object", "null"], "Such as `effort`.", additionalProperties=True),
}
_RESPONSES_ANSWER = object_of(
    "output",
    id=_TEXT,
    object=_TEXT,
    status=typed("string", "`completed` or `incomplete`."),
    model=_PROVIDER_NAME,
    output=list_of(object_of("type", type=typed("string", "`message`, `function_call`, `reasoning` …"))),
    usage=_USAGE,
)
_INPUT = either(
    "A text, a list of texts, a list of tokens or a list of such lists; not empty.",
    typed("string", minLength=1),
    list_of({"anyOf": [_TEXT, _WHOLE, list_of(_WHOLE)]}, minItems=1),
)
_VECTOR = either("As `encoding_format` says; base64 of little-endian 32-bit floats.", list_of(_NUMBER), _TEXT)
_EMBEDDINGS_ANSWER = object_of(
    "data",
    object=_TEXT,
    model=_PROVIDER_NAME,
    data=list_of(object_of("embedding", object=_TEXT, index=_WHOLE, embedding=_VECTOR)),
    usage=_USAGE,
)

# --- audio -----------------------------------------------------------------------------------------------

SILENCE = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA=="
"""A WAV file of eight samples, as base64."""
_AUDIO_JSON = {
    "file_b64": typed("string", "The audio file as base64 or as a data URL; this or `audio_b64`."),
    "audio_b64": typed("string", "The same by its other name."),
    "file_name": typed("string", "The file's name, if it is to have one."),
}
_HEARD = {
    "model": _model("whisper"),
    "prompt": typed("string", "Words and names to expect.", maxLength=MAX_PROMPT),
    "temperature": typed("number", minimum=0, maximum=1),
    "response_format": typed("string", enum=list(FORMATS), default="json"),
}
_LANGUAGE = typed("string", "An ISO-639-1 code such as `en`, or an English name; left out: detected.")
_MARKED = list_of(typed("string", enum=sorted(GRANULARITIES)), "`word` needs `response_format=verbose_json`.")
_TRANSCRIPTION = {**_HEARD, "language": _LANGUAGE, "stream": _STREAM}
_AUDIO_FILE = {**_FILE, "description": "flac, mp3, mp4, m4a, ogg, wav, webm or aac, told by its first bytes."}
_TIMES = {"start": _NUMBER, "end": _NUMBER}
_TRANSCRIPT = object_of(
    "text",
    text=_TEXT,
    usage=object_of(type=_TEXT, seconds=_WHOLE),
    task=typed("string", "This and what follows: with `verbose_json`."),
    language=_TEXT,
    duration=typed("number", "Seconds."),
    segments=list_of(object_of("start", "end", "text", id=_WHOLE, text=_TEXT, **_TIMES)),
    words=list_of(object_of("start", "end", "word", word=_TEXT, **_TIMES)),
)
_TRANSCRIPTS = {
    JSON: _TRANSCRIPT,
    "text/plain": typed("string", "With `text` and `srt`."),
    "text/vtt": typed("string", "With `vtt`."),
}

# --- OCR -------------------------------------------------------------------------------------------------

PAGE = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR42mP8zwABTAwUMQBJQQEPkWFcdwAAAABJRU5ErkJggg=="
"""A PNG file of eight by eight white pixels, as base64."""
_PAGES = either("Numbers from 0; left out: all.", typed("string", examples=["0-2,5"]), list_of(_WHOLE))
_ADDRESS = typed("string", "Base64, a data URL or an http(s) URL.")
_OCR_FIELDS = {
    "model": _model("ocr"),
    "image_b64": typed("string", "What to read: this, or one of the next five."),
    "file_b64": typed("string", "A PDF document or an image as base64, with `file_name`."),
    "image_url": _ADDRESS,
    "document_url": _ADDRESS,
    "images": list_of(either("One image.", _ADDRESS, object_of("url", url=_ADDRESS))),
    "document": typed(
        "object",
        "Mistral's shape, which the answer then has too.",
        properties={
            "type": typed("string", "`image_url` or `document_url`."),
            "image_url": _TEXT,
            "document_url": _TEXT,
        },
        additionalProperties=True,
    ),
    "file_name": _TEXT,
    "pages": _PAGES,
}
_OCR_ANSWER = object_of(
    "pages",
    text=typed("string", "All pages."),
    model=_TEXT,
    provider=_TEXT,
    pages=list_of(
        object_of(
            "index",
            "lines",
            index=_WHOLE,
            text=_TEXT,
            markdown=typed("string", "In place of `text` where `document` was sent."),
            width=typed(["integer", "null"]),
            height=typed(["integer", "null"]),
            lines=list_of(object_of("text", text=_TEXT, score=typed(["number", "null"]))),
        )
    ),
)

# --- rerank, images, speech ------------------------------------------------------------------------------

_RERANK_FIELDS = {
    "model": _model("bge-reranker-v2-m3"),
    "query": typed("string", minLength=1),
    "documents": list_of(either("A text, or an object with `text`.", _TEXT, object_of("text", text=_TEXT)), minItems=1),
    "top_n": typed(["integer", "null"], "At most this many results."),
    "return_documents": typed("boolean", "The texts too."),
}
_RANKED = object_of("index", "relevance_score", index=_WHOLE, relevance_score=_NUMBER, document=_FREE)
_IMAGES_FIELDS = {
    "model": _model("FLUX.1-schnell"),
    "prompt": _TEXT,
    "n": typed(["integer", "null"], "1 to 10."),
    "size": typed(["string", "null"], "Such as `1024x1024`."),
    "response_format": typed(["string", "null"], "`b64_json` or `url`."),
}
_EDITED = {
    **_IMAGES_FIELDS,
    "model": _model("gpt-image-1.5"),
    "n": typed(["integer", "null"], "1 to 10.", minimum=1, maximum=MOST),
}
_PICTURE = either("A data URL, an http(s) URL or base64.", _TEXT, object_of("image_url", image_url=_ADDRESS))
_PICTURES_JSON = {
    "images": list_of(_PICTURE, "What is edited.", minItems=1, maxItems=MAX_IMAGES),
    "mask": {**_PICTURE, "description": "Transparent where the first image may change."},
}
_PICTURE_FILE = {**_FILE, "description": "PNG, JPEG, WebP or GIF. Several: `image[]`, each a part of its own."}
_PICTURES_ANSWER = object_of("data", created=_WHOLE, data=list_of(object_of(b64_json=_TEXT, url=_TEXT)), usage=_USAGE)
_SPEECH_FIELDS = {
    "model": _model("kokoro"),
    "input": typed("string", "What is to be said.", minLength=1),
    "voice": typed(["string", "null"], "A voice of the model."),
}

_MODERATION_FIELDS = {
    "model": typed("string", "Left out: the first moderation model that the key may use.", minLength=1, maxLength=256),
    "input": either("What is judged.", _TEXT, list_of(either("A text, or a part such as an image.", _TEXT, _FREE))),
}
_VERDICT = object_of("categories", flagged=typed("boolean"), categories=_FREE, category_scores=_FREE)

DESCRIPTIONS: dict[str, Description] = {
    ops.CHAT.path: Description(
        "Chat",
        "Answers a conversation. The provider's answer comes back as it was sent.",
        _CHAT_FIELDS,
        {"model": "chat", "messages": [{"role": "user", "content": "What is a chute?"}]},
        {JSON: _CHAT_ANSWER, EVENTS: events('{"choices": [{"index": 0, "delta": {"content": "A slide."}}]}')},
    ),
    ops.COMPLETIONS.path: Description(
        "Complete a text",
        "As chat, with `prompt` in place of `messages`.",
        {**_GENERATION, "prompt": either("A text, or a list of texts or tokens.", _TEXT, list_of({}))},
        {"model": "chat", "prompt": "A chute is", "max_tokens": 16},
        {JSON: _COMPLETION_ANSWER, EVENTS: events('{"choices": [{"index": 0, "text": " a slide."}]}')},
    ),
    MESSAGES.path: Description(
        "Chat in the words of Anthropic's Messages API",
        "Translated to a chat completion, so that every chat model answers; errors have that API's shape.",
        _MESSAGES_FIELDS,
        {"model": "chat", "max_tokens": 64, "messages": [{"role": "user", "content": "What is a chute?"}]},
        {JSON: _MESSAGES_ANSWER, EVENTS: named_events("message_start", '{"type": "message_start", "message": {}}')},
        required=("model", "max_tokens", "messages"),
    ),
    RESPONSES.path: Description(
        "Chat in the words of OpenAI's Responses API",
        "Translated to a chat completion, so that every chat model answers. Nothing is kept: each request has it all.",
        _RESPONSES_FIELDS,
        {"model": "chat", "input": "What is a chute?"},
        {JSON: _RESPONSES_ANSWER, EVENTS: named_events("response.created", '{"type": "response.created"}')},
        required=("model", "input"),
    ),
    ops.EMBEDDINGS.path: Description(
        "Embed texts",
        "A vector for each input, in the asked encoding whatever the provider gives.",
        {
            "model": _model("embedding"),
            "input": _INPUT,
            "encoding_format": typed(["string", "null"], "`float` or `base64`."),
            "dimensions": typed(["integer", "null"], "How long the vectors shall be, where the model can."),
        },
        {"model": "embedding", "input": ["a small dog", "a little hound"]},
        {JSON: _EMBEDDINGS_ANSWER},
    ),
    ops.TRANSCRIPTIONS.path: Description(
        "Transcribe speech",
        "One audio file as a form, or as base64 in JSON.",
        {**_TRANSCRIPTION, **_AUDIO_JSON, "timestamp_granularities": _MARKED},
        {"model": "whisper", "file_name": "speech.wav", "file_b64": SILENCE},
        {**_TRANSCRIPTS, EVENTS: events('{"type": "transcript.text.done", "text": "Hello there."}')},
        {"file": _AUDIO_FILE, **_TRANSCRIPTION, "timestamp_granularities[]": _MARKED},
    ),
    ops.TRANSLATIONS.path: Description(
        "Translate speech to English",
        "As transcriptions, without `language` and `stream`.",
        {**_HEARD, **_AUDIO_JSON, "timestamp_granularities": _MARKED},
        {"model": "whisper", "file_name": "speech.wav", "file_b64": SILENCE},
        _TRANSCRIPTS,
        {"file": _AUDIO_FILE, **_HEARD, "timestamp_granularities[]": _MARKED},
    ),
    TRANSCRIBE: Description(
        "Transcribe speech as a whisper chute does",
        "The shape of Chutes' own whisper chutes. Without `model` the first transcription model of the key is taken.",
        {"audio_b64": _AUDIO_JSON["file_b64"], "file_b64": _TEXT, "model": _model("whisper"), "language": _LANGUAGE},
        {"audio_b64": SILENCE},
        {JSON: list_of(object_of("start", "end", "text", text=_TEXT, **_TIMES))},
        {"file": _AUDIO_FILE, "model": _model("whisper"), "language": _LANGUAGE},
        required=(),
    ),
    ops.OCR.path: Description(
        "Read images and documents",
        "PNG, JPEG, WebP, GIF, BMP, TIFF and PDF, as a form (several `file` are allowed) or in JSON.",
        _OCR_FIELDS,
        {"model": "ocr", "image_b64": PAGE},
        {JSON: _OCR_ANSWER},
        {"file": _FILE, "model": _model("ocr"), "pages": typed("string", "Such as `0-2,5`; left out: all.")},
    ),
    ops.RERANK.path: Description(
        "Rank documents",
        "By how well each fits the query, best first.",
        _RERANK_FIELDS,
        {
            "model": "bge-reranker-v2-m3",
            "query": "blue sky",
            "documents": ["green grass", "a blue sky"],
            "top_n": 1,
        },
        {JSON: object_of("results", model=_TEXT, results=list_of(_RANKED), usage=_USAGE)},
    ),
    ops.IMAGES.path: Description(
        "Draw images",
        "Each comes as base64 or as an address.",
        _IMAGES_FIELDS,
        {"model": "FLUX.1-schnell", "prompt": "a red kite over the sea", "size": "1024x768", "n": 2, "seed": 7},
        {JSON: _PICTURES_ANSWER},
    ),
    ops.EDITS.path: Description(
        "Edit images",
        "By words, as a form (several `image[]` are allowed) or in JSON. A chute takes no `mask`.",
        {**_EDITED, **_PICTURES_JSON},
        {
            "model": "gpt-image-1.5",
            "prompt": "make the sky blue",
            "images": [{"image_url": f"data:image/png;base64,{PAGE}"}],
        },
        {JSON: _PICTURES_ANSWER},
        {"image": _PICTURE_FILE, **_EDITED, "mask": _FILE},
        file=IMAGE,
    ),
    ops.SPEECH.path: Description(
        "Speak a text",
        "The answer is the sound itself, whole, with the provider's content type.",
        _SPEECH_FIELDS,
        {"model": "kokoro", "input": "Good morning.", "voice": "af_heart", "speed": 1.1},
        {"audio/*": _FILE},
    ),
    ops.MODERATIONS.path: Description(
        "Moderate",
        "A verdict on each text, by a provider's moderation model.",
        _MODERATION_FIELDS,
        {"model": "omni-moderation-latest", "input": ["I like kites.", "I will hurt you."]},
        {JSON: object_of("results", id=_TEXT, model=_TEXT, results=list_of(_VERDICT))},
    ),
}
