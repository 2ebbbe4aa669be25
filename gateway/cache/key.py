"""The name of an equal request: who asks, which route and operation, and each field that shapes the answer. Pure."""

import hashlib

import msgspec
from msgspec import Raw

from gateway.openai_api.json_body import split_object
from gateway.openai_api.operations import CHAT, COMPLETIONS, EMBEDDINGS, Operation

CACHEABLE = frozenset({CHAT.name, COMPLETIONS.name, EMBEDDINGS.name})
"""Operations with a JSON body; files are never hashed on the way to a model."""

_SHAPELESS = frozenset({"model", "stream", "user", "metadata", "safety_identifier", "prompt_cache_key", "gw_key"})
"""Fields that do not shape the answer. `model` is in the key as the route it leads to."""
_FRESH = ("web_search_options", "store", "background", "plugins")
"""Fields with which an answer depends on the moment, or leaves something behind at the provider."""
_OFF = (b"null", b"false", b"[]")


class _Tool(msgspec.Struct):
    type: str = ""


_decode_tools = msgspec.json.Decoder(list[_Tool]).decode


def cache_key(
    tenant: str, route_id: str, operation: Operation, body: bytes, *, stream: bool, rule: str = ""
) -> bytes | None:
    """32 bytes, or None for a request whose answer must not be kept.

    `tenant` is the user, or the key where it has no user. `body` is the caller's JSON object: the order of its fields
    does not matter, their values count byte for byte. Streams and whole answers never share an entry, nor do those
    under a `rule` of confidentiality and under another. Requests with tools that the provider runs itself are not kept;
    function tools, which only the caller runs, are.
    """
    if operation.name not in CACHEABLE:
        return None
    document = split_object(body)
    if any(bytes(document.get(name, Raw(b"null"))) not in _OFF for name in _FRESH) or not _only_functions(document):
        return None
    dropped = _SHAPELESS if stream else _SHAPELESS | {"stream_options"}
    found = hashlib.sha256()
    for part in (tenant, route_id, operation.name, "stream" if stream else "whole", rule):
        _add(found, part.encode("utf-8", "surrogatepass"))
    for name in sorted(document.keys() - dropped):
        _add(found, name.encode())
        _add(found, document[name])
    return found.digest()


def _add(found: "hashlib._Hash", part: bytes | Raw) -> None:
    """With its length, so that no two lists of parts read alike."""
    view = memoryview(part)
    found.update(len(view).to_bytes(8, "big"))
    found.update(view)


def _only_functions(document: dict[str, Raw]) -> bool:
    tools = document.get("tools")
    if tools is None or bytes(tools) == b"null":
        return True
    try:
        return all(tool.type == "function" for tool in _decode_tools(tools))
    except msgspec.ValidationError:
        return False
