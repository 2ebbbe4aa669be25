"""A Messages request as a chat completion. Source of the fields: Anthropic's API reference, version 2023-06-01."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

from gateway.dialects.fields import (
    Document,
    as_list,
    as_object,
    objects,
    optional_object,
    read_document,
    required,
    required_text,
    unknown,
)
from gateway.dialects.messages.thoughts import field_of
from gateway.dialects.places import Placed
from gateway.errors import InvalidRequest
from gateway.openai_api.images import FORMATS

_HERE_ONLY = frozenset(
    {
        "anthropic_beta", "anthropic_version", "billing_policy", "cache_control", "compaction", "container",
        "context_management", "diagnostics", "fallback_credit_token", "fallbacks", "inference_geo", "metadata",
        "output_config", "output_format", "service_tier", "speed", "stop_sequences", "system", "thinking", "thread",
        "tool_choice", "user_profile_id", "workspace_id",
    }
)  # fmt: skip
"""Fields that chat completions do not know: read here, or meant for Anthropic's own servers and left out."""
_REFUSED = {
    "compaction": ("unsupported_parameter", "Nobody here compacts by itself: ask for a summary in 'messages'."),
    "mcp_servers": ("unsupported_parameter", "Anthropic's own servers call these: give the tools in 'tools'."),
    "thread": ("thread_unsupported_request", "No conversation is kept here: leave it out, and send all in 'messages'."),
}
"""Fields that demand what is not there: the code, and what to do instead."""
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_OF_SERVERS = ("server_tool_use", "mcp_tool_use", "_tool_result")
"""How the types of blocks end that tell what tools of Anthropic's servers did: the words behind them say what came of
it."""
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_BOOKKEEPING = "x-anthropic-billing-header:"
"""Begins a line that Claude Code puts before the system for Anthropic's accounting. It is another one in each request,
so that behind it no prompt cache would know anything again."""
_USER_CHARACTERS = 64
"""Of a name that every provider takes; Claude Code's are more than twice as long."""
_BLOCKS = "text, image, document, search_result, tool_use, tool_result, thinking"


def read_request(body: bytes, *needed: str) -> Document:
    """The chat completion, as a JSON object whose messages know their places. `needed` are fields that must be there
    beside the messages. Raises InvalidRequest naming the field of the Messages request."""
    document = read_document(body)
    for name, (code, message) in _REFUSED.items():
        if document.get(name):
            raise InvalidRequest(f"'{name}': {message}", param=name, code=code)
    for name in needed:
        required(document, name)
    chat = {name: value for name, value in document.items() if name not in _HERE_ONLY}
    messages = _messages(required(document, "messages"), document.get("model"))
    chat["messages"] = _turns([*_system(document.get("system")), *messages])
    if stops := document.get("stop_sequences"):
        chat["stop"] = as_list(stops, "stop_sequences")
    if isinstance(user := optional_object(document, "metadata").get("user_id"), str):
        chat["user"] = user if len(user) <= _USER_CHARACTERS else sha256(user.encode()).hexdigest()
    if (form := _format(document)) is not None:
        chat["response_format"] = form
    if (tools := document.get("tools")) is not None:
        chat["tools"] = [_tool(path, tool) for path, tool in objects(tools, "tools")]
        if not chat["tools"]:
            del chat["tools"]
    if (choice := document.get("tool_choice")) is not None:
        chat.update(_tool_choice(as_object(choice, "tool_choice"), has_tools="tools" in chat))
    if document.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}
    return chat


def _turns(messages: list[Placed]) -> list[Placed]:
    """What one side says in a row as one message, since many models want the sides to take turns. They want the system
    at the beginning only, too: what it says later the user tells, in the tags that Claude Code has for that."""
    turns: list[Placed] = []
    for message in messages:
        role, said = message["role"], message["content"]
        if role == "system" and turns and turns[-1]["role"] != "system":
            role, said = "user", [{"type": "text", "text": f"<system-reminder>\n{_plain(said)}\n</system-reminder>"}]
        if role in ("system", "user") and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += said
        else:
            turns.append(Placed(message.place, {**message, "role": role, "content": said}))
    for turn in turns:
        if turn["role"] in ("system", "user"):
            turn["content"] = _plain(turn["content"])
    return turns


def _system(system: Any) -> list[Placed]:
    """As `_messages`."""
    if not system:
        return []
    texts = [system] if isinstance(system, str) else [_text(*block)["text"] for block in objects(system, "system")]
    texts = [text.partition("\n")[2] if text.startswith(_BOOKKEEPING) else text for text in texts]
    said = [{"type": "text", "text": text} for text in texts if text]
    return [Placed("system", {"role": "system", "content": said})] if said else []


Blocks = list[tuple[str, Document]]


def _messages(messages: Any, model: Any) -> Iterator[Placed]:
    """Those of the system and of the user with the list of their parts as content."""
    read = [(*_read(path, message), path) for path, message in objects(messages, "messages")]
    for role, some in groupby(read, itemgetter(0)):
        turns = list(some)
        blocks, place = [block for _, said, _ in turns for block in said], turns[0][2]
        if role == "user":
            yield from _from_user(blocks)
        elif role == "assistant":
            yield Placed(place, _from_assistant(blocks, model))
        elif blocks:
            yield Placed(place, {"role": "system", "content": [_text(*block) for block in blocks]})


def _read(path: str, message: Document) -> tuple[str, Blocks]:
    """Who says what."""
    role, content = required_text(message, "role", path), required(message, "content", path)
    if role not in ("user", "assistant", "system"):
        raise unknown(f"{path}.role", role, "user, assistant, system")
    where = f"{path}.content"
    return role, [(where, {"type": "text", "text": content})] if isinstance(content, str) else objects(content, where)


def _from_user(blocks: Blocks) -> Iterator[Placed]:
    """Results of tools are messages of their own there, without pictures: those follow with what the user says."""
    said: Blocks = []
    for path, block in blocks:
        if block.get("type") != "tool_result":
            said.append((path, block))
            continue
        inner = block.get("content") or ""
        parts = [] if isinstance(inner, str) else objects(inner, f"{path}.content")
        texts = [inner] if isinstance(inner, str) else [_part(p, b)["text"] for p, b in parts if _is_text(b)]
        shown = [(p, b) for p, b in parts if not _is_text(b)]
        failed = ["Error:"] if block.get("is_error") is True else []
        told = "\n".join(filter(None, failed + texts)) or ("It is shown below." if shown else "")
        id = required_text(block, "tool_use_id", path)
        yield Placed(path, {"role": "tool", "tool_call_id": id, "content": told})
        said += shown
    parts_said = [_part(path, block) for path, block in said]
    if parts_said:
        place = said[0][0].partition(".content")[0]
        yield Placed(place, {"role": "user", "content": parts_said})


def _from_assistant(blocks: Blocks, model: Any) -> Document:
    """Thoughts go back to the model that had them, with the tools that it called."""
    texts, calls = [], []
    thoughts: dict[str, str] = {}
    for path, block in blocks:
        kind = required_text(block, "type", path)
        if kind == "text":
            texts.append(_part(path, block)["text"])
        elif kind == "tool_use":
            calls.append(_call(path, block))
        elif kind.endswith(_OF_SERVERS):
            continue
        elif kind not in _THOUGHTS:
            raise unknown(f"{path}.type", kind, "text, tool_use, thinking")
        elif (field := field_of(block.get("signature"), model)) is not None:
            thoughts[field] = thoughts.get(field, "") + required_text(block, "thinking", path)
    message: Document = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    return {**message, **thoughts, "tool_calls": calls} if calls else message


def _call(path: str, block: Document) -> Document:
    arguments = orjson.dumps(optional_object(block, "input", path)).decode()
    function = {"name": required_text(block, "name", path), "arguments": arguments}
    return {"id": required_text(block, "id", path), "type": "function", "function": function}


def _plain(parts: list[Document]) -> Any:
    """Nothing but texts as one string, which every provider takes."""
    return parts if any(part["type"] != "text" for part in parts) else "\n".join(part["text"] for part in parts)


def _is_text(block: Document) -> bool:
    return block.get("type") in ("text", "search_result", "tool_reference")


def _part(path: str, block: Document) -> Placed:
    kind = required_text(block, "type", path)
    if kind not in _PARTS:
        raise unknown(f"{path}.type", kind, _BLOCKS)
    return Placed(path, _PARTS[kind](path, block))


def _text(path: str, block: Document) -> Document:
    return {"type": "text", "text": required_text(block, "text", path)}


def _image(path: str, block: Document) -> Document:
    source = as_object(required(block, "source", path), f"{path}.source")
    if source.get("type") == "base64":
        kind = required_text(source, "media_type", f"{path}.source")
        if kind not in FORMATS:
            raise unknown(f"{path}.source.media_type", kind, ", ".join(sorted(FORMATS)))
    return {"type": "image_url", "image_url": {"url": _url(source, f"{path}.source")}}


def _document(path: str, block: Document) -> Document:
    source = as_object(required(block, "source", path), f"{path}.source")
    kind = required_text(source, "type", f"{path}.source")
    if kind == "text":
        return _headed(block, ("title", "context"), required_text(source, "data", f"{path}.source"))
    if kind == "content":
        return _headed(block, ("title", "context"), _texts(source.get("content") or "", f"{path}.source.content"))
    if kind != "base64":
        raise unknown(f"{path}.source.type", kind, "base64, text, content")
    name = block.get("title") or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": _url(source, f"{path}.source")}}


def _found(path: str, block: Document) -> Document:
    return _headed(block, ("title", "source"), _texts(block.get("content") or "", f"{path}.content"))


def _tool_found(path: str, block: Document) -> Document:
    """By a search among the tools of the request, which the model has all before it here."""
    return {"type": "text", "text": f"Found the tool '{required_text(block, 'tool_name', path)}'."}


def _headed(block: Document, names: tuple[str, ...], text: str) -> Document:
    """A text below what its block says about it."""
    told = [value for name in names if isinstance(value := block.get(name), str) and value]
    return {"type": "text", "text": "\n".join([*told, text])}


_PARTS: Mapping[str, Callable[[str, Document], Document]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _found,
    "tool_reference": _tool_found,
}


def _url(source: Document, path: str) -> str:
    kind = required_text(source, "type", path)
    if kind == "url":
        return required_text(source, "url", path)
    if kind != "base64":
        raise unknown(f"{path}.type", kind, "base64, url")
    return f"data:{required_text(source, 'media_type', path)};base64,{required_text(source, 'data', path)}"


def _texts(content: Any, path: str) -> str:
    """Of a string, or of a list that may hold nothing but texts."""
    if isinstance(content, str):
        return content
    return "\n".join(_text(where, block)["text"] for where, block in objects(content, path))


def _tool(path: str, tool: Document) -> Document:
    kind = tool.get("type") or "custom"
    if kind != "custom":
        message = (
            f"'{path}.type' is {kind!r}: such tools run at Anthropic, or only its models know them. Give your own."
        )
        raise InvalidRequest(message, param=f"{path}.type", code="unsupported_value")
    function = {
        "name": required_text(tool, "name", path),
        "parameters": as_object(required(tool, "input_schema", path), f"{path}.input_schema"),
    }
    function |= {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _tool_choice(choice: Document, *, has_tools: bool) -> Document:
    """Nothing where there are no tools: providers refuse a choice of none."""
    kind = required_text(choice, "type", "tool_choice")
    found: Document = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") else {}
    if kind == "tool":
        function = {"name": required_text(choice, "name", "tool_choice")}
        found["tool_choice"] = {"type": "function", "function": function}
    elif kind not in _CHOICES:
        raise unknown("tool_choice.type", kind, "auto, any, tool, none")
    else:
        found["tool_choice"] = _CHOICES[kind]
    if not has_tools and kind in ("any", "tool"):
        raise InvalidRequest("'tool_choice' wants a tool called, and 'tools' has none.", param="tool_choice")
    return found if has_tools else {}


def _format(document: Document) -> Document | None:
    """Structured output, under its present name or that of its trial."""
    config = optional_object(document, "output_config")
    form = config.get("format") or document.get("output_format")
    if form is None:
        return None
    path = "output_config.format" if config.get("format") else "output_format"
    form = as_object(form, path)
    if (kind := required_text(form, "type", path)) != "json_schema":
        raise unknown(f"{path}.type", kind, "json_schema")
    schema = as_object(required(form, "schema", path), f"{path}.schema")
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
