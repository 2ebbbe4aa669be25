"""Reading the messages and tools of a chat request into what a chat template takes."""

import json
from collections.abc import Mapping
from typing import Any

from chute_models.engines.errors import Refusal

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_MAX_TOOLS = 128


def read_messages(value: Any) -> list[dict[str, Any]]:
    """Content becomes text, `developer` becomes `system`, tool calls keep their names and arguments."""
    if not isinstance(value, list) or not value:
        raise Refusal("messages must be a list with at least one message", param="messages")
    return [_message(message, f"messages[{at}]") for at, message in enumerate(value)]


def read_tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tools a model may call; none when `tool_choice` is none."""
    tools = body.get("tools")
    if tools is None or body.get("tool_choice") == "none":
        return []
    if not isinstance(tools, list) or len(tools) > _MAX_TOOLS:
        raise Refusal(f"tools must be a list of at most {_MAX_TOOLS}", param="tools")
    for at, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refusal(f"tools[{at}].function.name is missing", param=f"tools[{at}].function.name")
    return tools


def _message(message: Any, where: str) -> dict[str, Any]:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise Refusal(f"{where}.role must be one of {', '.join(_ROLES)}", param=f"{where}.role")
    content = message.get("content")
    if content is None:
        content = ""
    elif isinstance(content, list):
        content = "".join(_part(part, f"{where}.content[{at}]") for at, part in enumerate(content))
    elif not isinstance(content, str):
        raise Refusal(f"{where}.content must be a string or a list of parts", param=f"{where}.content")
    found = {"role": "system" if message["role"] == "developer" else message["role"], "content": content}
    if calls := message.get("tool_calls"):
        found["tool_calls"] = _calls(calls, f"{where}.tool_calls")
    return found


def _part(part: Any, where: str) -> str:
    if not isinstance(part, dict) or part.get("type") not in ("text", "input_text", "refusal"):
        kind = part.get("type") if isinstance(part, dict) else None
        raise Refusal(f"{where}: this model takes text only, not {str(kind)[:40]!r}", param=where)
    text = part.get("text", part.get("refusal", ""))
    if not isinstance(text, str):
        raise Refusal(f"{where}.text must be a string", param=f"{where}.text")
    return text


def _calls(value: Any, where: str) -> list[dict[str, Any]]:
    """Templates want the arguments as an object, callers send them as JSON text."""
    if not isinstance(value, list):
        raise Refusal(f"{where} must be a list", param=where)
    calls = []
    for at, call in enumerate(value):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refusal(f"{where}[{at}].function.name is missing", param=f"{where}[{at}].function.name")
        arguments = function.get("arguments") or "{}"
        try:
            given = json.loads(arguments) if isinstance(arguments, str) else arguments
        except (ValueError, RecursionError):
            raise Refusal(f"{where}[{at}].function.arguments is not JSON", param=f"{where}[{at}].function") from None
        calls.append({"type": "function", "function": {"name": function["name"], "arguments": given}})
    return calls
