"""Requests to local engines: the fields that callers must not reach, and the reply keys that are nobody's business."""

from collections.abc import Mapping

import msgspec
import orjson
from msgspec import Raw

from gateway.errors import InvalidRequest

_REFUSED = (
    "allowed_media_domains",
    "bad_words_token_ids",
    "cache_salt",
    "chat_template",
    "data_parallel_rank",
    "documents",
    "guided_decoding_backend",
    "guided_whitespace_pattern",
    "kv_transfer_params",
    "logits_processors",
    "media_io_kwargs",
    "mm_processor_kwargs",
    "priority",
    "prompt_embeds",
    "request_id",
    "return_token_ids",
    "return_tokens_as_token_ids",
    "use_beam_search",
    "vllm_xargs",
)
"""Templates run code, embeddings and processor options are unpickled or oversized, the rest disturbs other callers."""

_TEMPLATE_OPTIONS = frozenset({"enable_thinking", "thinking", "thinking_budget", "reasoning_effort"})

_MAX_BYTES = {
    "guided_regex": 512,
    "guided_grammar": 4 * 1024,
    "guided_choice": 16 * 1024,
    "guided_json": 64 * 1024,
    "structured_outputs": 64 * 1024,
    "response_format": 64 * 1024,
    "stop": 4 * 1024,
    "stop_token_ids": 1024,
    "logit_bias": 16 * 1024,
    "tools": 512 * 1024,
}
"""Grammars are compiled by the engine: their size bounds what one request can cost all others."""

_MAX_NUMBER = {"n": 16, "best_of": 16, "top_logprobs": 20, "prompt_logprobs": 20}
_SAFE_GRAMMARS = frozenset({"choice", "json", "json_object"})

_EXTRA = (
    *("prompt_token_ids", "kv_transfer_params", "ec_transfer_params", "routed_experts", "prompt_logprobs"),
    *("prompt_text", "metrics"),
)
_EXTRA_IN_CHOICE = ("token_ids", "prompt_token_ids", "routed_experts", "prompt_logprobs")
_MARKS = tuple(f'"{name}"'.encode() for name in dict.fromkeys((*_EXTRA, *_EXTRA_IN_CHOICE)))


def check_fields(document: Mapping[str, Raw]) -> None:
    """Raises `InvalidRequest` naming the field."""
    for name in _REFUSED:
        if name in document and bytes(document[name]) != b"null":
            raise InvalidRequest(f"'{name}' is not allowed for local models.", param=name, code="unsupported_parameter")
    for name, limit in _MAX_BYTES.items():
        if name in document and len(bytes(document[name])) > limit:
            raise InvalidRequest(f"'{name}' must be at most {limit} bytes for local models.", param=name)
    for name, most in _MAX_NUMBER.items():
        if name in document and not _at_most(document[name], most):
            raise InvalidRequest(f"'{name}' must be a whole number up to {most} for local models.", param=name)
    if "chat_template_kwargs" in document:
        _check_template_options(document["chat_template_kwargs"])
    if "structured_outputs" in document:
        _check_grammar(document["structured_outputs"])


def strip_reply(body: bytes) -> bytes:
    """A reply or chunk without the engine's private keys; the same bytes where it has none."""
    if not any(mark in body for mark in _MARKS):
        return body
    document = orjson.loads(body)
    for name in _EXTRA:
        document.pop(name, None)
    for choice in document.get("choices") or ():
        if isinstance(choice, dict):
            for name in _EXTRA_IN_CHOICE:
                choice.pop(name, None)
    return orjson.dumps(document)


def _at_most(raw: Raw, most: int) -> bool:
    try:
        value = msgspec.json.decode(raw, type=bool | int | None)
    except msgspec.DecodeError:
        return False
    return value is None or value <= most


def _check_template_options(raw: Raw) -> None:
    try:
        options = msgspec.json.decode(raw, type=dict[str, bool | int | str | None] | None) or {}
    except msgspec.DecodeError:
        options = {"": None}
    for name in options:
        if name not in _TEMPLATE_OPTIONS:
            known = ", ".join(sorted(_TEMPLATE_OPTIONS))
            raise InvalidRequest(
                f"'chat_template_kwargs' may only be an object with {known} for local models.",
                param="chat_template_kwargs",
                code="unsupported_parameter",
            )


def _check_grammar(raw: Raw) -> None:
    try:
        grammar = msgspec.json.decode(raw, type=dict[str, Raw] | None) or {}
    except msgspec.DecodeError:
        raise InvalidRequest("'structured_outputs' must be an object.", param="structured_outputs") from None
    limits = {"regex": _MAX_BYTES["guided_regex"], "grammar": _MAX_BYTES["guided_grammar"]}
    for name, value in grammar.items():
        if name not in _SAFE_GRAMMARS and len(bytes(value)) > limits.get(name, 64):
            place = f"structured_outputs.{name}"
            raise InvalidRequest(f"'{place}' is too long for local models.", param=place)
