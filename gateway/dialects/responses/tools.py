"""Tools of a Responses request as functions of a chat completion, so that their calls can be told in its words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.dialects.fields import Document, as_object, objects, optional_object, required, required_text, unknown
from gateway.errors import InvalidRequest

_FIELDS = ("description", "parameters", "strict")
_MODES = ("none", "auto", "required")
_OFFERS = (
    "image_generation", "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
)  # fmt: skip
SEARCH = "tool_search"
"""The type of a tool that finds other tools, and its name as a function."""
_HOLDERS = ("additional_tools", "tool_search_output")


@dataclass(frozen=True, slots=True)
class Tool:
    """`function` is what the model sees of it, `kind` its type: function, custom, which takes text where others take
    JSON, or tool_search, where the caller does the searching."""

    name: str
    namespace: str | None = None
    kind: str = "function"
    function: Document = field(default_factory=dict)


Tools = Mapping[str, Tool]
"""By the names that the model sees."""


def read_tools(given: Any, items: Any = None) -> Tools:
    """Those of the request, and of the items of its `input` that hold some. Raises InvalidRequest, as for tools that
    run at OpenAI and are more than an offer."""
    documents = [*objects([] if given is None else given, "tools"), *_held(items)]
    tools: dict[str, Tool] = {}
    for path, document in _without_offers(documents):
        for place, tool in _read(path, document):
            if tool.function["name"] not in tools:
                tools[tool.function["name"]] = tool
            elif not path.startswith("input."):  # where tools may be found twice
                raise InvalidRequest(f"'{place}.name' is the name of another tool too.", param=f"{place}.name")
    return tools


def _held(items: Any) -> Iterator[tuple[str, Document]]:
    """The tools of items, with their paths."""
    for n, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("type") in _HOLDERS:
            yield from objects(required(item, "tools", f"input.{n}"), f"input.{n}.tools")


def names_of(documents: list[tuple[str, Document]]) -> list[str]:
    """As the model knows the tools."""
    return [tool.function["name"] for path, document in documents for _, tool in _read(path, document)]


def is_offer(tool: Document) -> bool:
    """One of OpenAI's own tools that agents name in every request, whatever model they talk to. A model does without
    it where it has others; whoever names nothing else wants just this. A search for tools may be the caller's own."""
    kind = tool.get("type")
    return kind in _OFFERS or (kind == SEARCH and tool.get("execution") != "client")


def _without_offers(tools: list[tuple[str, Document]]) -> list[tuple[str, Document]]:
    """Tools with their paths. Those that are offers stay where there are no others."""
    return [(place, tool) for place, tool in tools if not is_offer(tool)] or tools


def read_choice(given: Any, tools: Tools) -> tuple[Any, Tools]:
    """`tool_choice` for the chat completion, None where there is nothing to say, and the tools that may be called."""
    if given is None:
        return None, tools
    if isinstance(given, str):
        if given not in _MODES:
            raise unknown("tool_choice", given, "none, auto, required, or an object")
        return _mode(given, tools), tools
    choice = as_object(given, "tool_choice")
    kind = required_text(choice, "type", "tool_choice")
    if kind == "allowed_tools":
        mode = required_text(choice, "mode", "tool_choice")
        if mode not in _MODES:
            raise unknown("tool_choice.mode", mode, "auto, required")
        named = _without_offers(objects(required(choice, "tools", "tool_choice"), "tool_choice.tools"))
        allowed = {name: tools[name] for name in (_named(path, one, tools) for path, one in named)}
        return _mode(mode, allowed), allowed
    return {"type": "function", "function": {"name": _named("tool_choice", choice, tools)}}, tools


def chat_name(name: str, namespace: Any) -> str:
    """Chat completions know no namespaces."""
    return f"{namespace.rstrip('_')}__{name}" if isinstance(namespace, str) and namespace else name


def free_arguments(text: str) -> str:
    """A free text as the arguments of the function that stands for its tool."""
    return orjson.dumps({"input": text}).decode()


def free_text(arguments: str) -> str:
    """The text in such arguments; all of them where the model wrote something else."""
    try:
        found = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = found.get("input") if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments


def search_arguments(arguments: str) -> Document:
    """Those of a search for tools, which are no text; empty where the model wrote something else."""
    try:
        found = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _mode(mode: str, tools: Tools) -> str | None:
    """Without tools nothing is chosen, and providers refuse the field."""
    if tools:
        return mode
    if mode == "required":
        raise InvalidRequest("'tool_choice' requires a tool, and 'tools' has none.", param="tool_choice")
    return None


def _named(path: str, choice: Document, tools: Tools) -> str:
    kind = required_text(choice, "type", path)
    if kind not in _READERS:
        raise _hosted(path, kind)
    name = SEARCH if kind == SEARCH else chat_name(required_text(choice, "name", path), choice.get("namespace"))
    if name not in tools:
        raise unknown(f"{path}.name", name, ", ".join(tools) or "none, as 'tools' is empty")
    return name


def _read(path: str, document: Document, namespace: str | None = None) -> Iterator[tuple[str, Tool]]:
    """A tool, or those of a namespace, each with its path."""
    kind = required_text(document, "type", path)
    if is_offer(document) or (kind not in _READERS and (kind != "namespace" or namespace)):
        raise _hosted(path, kind)
    name = SEARCH if kind == SEARCH else required_text(document, "name", path)
    if kind == "namespace":
        for place, member in objects(required(document, "tools", path), f"{path}.tools"):
            yield from _read(place, member, name)
    else:
        function = {"name": chat_name(name, namespace), **_READERS[kind](path, document)}
        yield path, Tool(name, namespace, kind, function)


def _function(path: str, document: Document) -> Document:
    optional_object(document, "parameters", path)
    return {name: document[name] for name in _FIELDS if document.get(name) is not None}


def _custom(path: str, document: Document) -> Document:
    """A grammar binds nobody here, but the model can read it."""
    form = optional_object(document, "format", path)
    told = [document.get("description") or "", "Takes free text as 'input'."]
    if form.get("type") == "grammar":
        definition = required_text(form, "definition", f"{path}.format")
        told[1] = f"Takes free text as 'input', which must follow this {form.get('syntax', '')} grammar:\n{definition}"
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return {"description": "\n\n".join(filter(None, told)), "parameters": {**schema, "additionalProperties": False}}


_READERS: Mapping[str, Callable[[str, Document], Document]] = {
    "function": _function,
    "custom": _custom,
    SEARCH: _function,
}


def _hosted(path: str, kind: str) -> InvalidRequest:
    message = (
        f"'{path}.type' is {kind!r}: this tool runs at OpenAI only. Leave it out, or give a tool of the type "
        "'function' and run it in your program."
    )
    return InvalidRequest(message, param=f"{path}.type", code="unsupported_value")
