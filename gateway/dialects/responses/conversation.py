"""`instructions` and `input` of a Responses request as the messages of a chat completion."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.dialects.fields import Document, as_object, as_text, objects, required, required_text, unknown
from gateway.dialects.places import Placed
from gateway.dialects.responses.thoughts import CHAT_FIELDS, field_by_id, is_summed_up, opened
from gateway.dialects.responses.tools import SEARCH, chat_name, free_arguments, names_of
from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.images import check_images

_NO_FILE_IDS = "Files kept at OpenAI cannot be read here: send the file itself, in"
_ATTACHED = "(attached to the next message)"
_TEXTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Each with the field that holds it."""
_TEXTS_OF_AGENTS = {**_TEXTS, "encrypted_content": "encrypted_content"}
_CHECKED = "messages[0].content[0]"
"""How `check_images` names the only picture it is shown."""


def read_messages(instructions: Any, given: Any, keeps_thoughts: bool = True) -> list[Placed]:
    """Each with the item that it was made of. Thoughts are those of the last turn only, unless it `keeps_thoughts`.
    Raises InvalidRequest naming the item and field at fault."""
    talk = _Conversation(keeps_thoughts)
    if instructions is not None and (text := as_text(instructions, "instructions")):
        talk.instruct(text)
    if isinstance(given, str):
        talk.place = "input"
        talk.begin_turn([_said(given)])
    else:
        for path, item in objects(given, "input"):
            kind = as_text(item.get("type") or ("message" if "role" in item else "item_reference"), f"{path}.type")
            if kind not in _ITEMS:
                raise unknown(f"{path}.type", kind, _KNOWN)
            talk.place = path
            _ITEMS[kind](talk, path, item)
    return talk.messages()


class _Conversation:
    def __init__(self, keeps_thoughts: bool) -> None:
        self._keeps_thoughts = keeps_thoughts
        self.place = "instructions"
        """The item that is being read."""
        self._messages: list[Placed] = []
        self._attached: list[Document] = []
        """What tools gave but text: results of tools are texts, so the user shows it behind the last of them."""
        self._thoughts: list[tuple[str, str]] = []
        """Each under its field, for the assistant's message that follows."""

    def messages(self) -> list[Placed]:
        if self._attached:
            self.ask([])
        if not self._messages:
            raise InvalidRequest("'input' must hold an item.", param="input")
        return self._messages

    def instruct(self, text: str) -> None:
        """Templates of many models take one system message, as the first; those at the beginning become one."""
        if len(self._messages) == 1 and self._messages[0]["role"] == "system":
            self._messages[0]["content"] += f"\n\n{text}"
        else:
            self._add({"role": "system", "content": text})

    def begin_turn(self, parts: list[Document]) -> None:
        self._thoughts.clear()
        if not self._keeps_thoughts:
            for message in self._messages:
                for name in CHAT_FIELDS:
                    message.pop(name, None)
        self.ask(parts)

    def ask(self, parts: list[Document]) -> None:
        parts, self._attached = [*self._attached, *parts], []
        self._messages.append(Placed(self.place, {"role": "user", "content": _plain(parts)}))

    def think(self, name: str, text: str) -> None:
        self._thoughts.append((name, text))

    def reply(self, text: str) -> None:
        message = self._reply()
        message["content"] = text if message["content"] is None else f"{message['content']}\n\n{text}"

    def call(self, id: str, name: str, arguments: str) -> None:
        function = {"name": name, "arguments": arguments}
        self._reply().setdefault("tool_calls", []).append({"id": id, "type": "function", "function": function})

    def result(self, id: str, parts: list[Document]) -> None:
        texts = [part["text"] for part in parts if part["type"] == "text"]
        attached = [part for part in parts if part["type"] != "text"]
        told = "\n".join(texts) or (_ATTACHED if attached else "")
        result = Placed(self.place, {"role": "tool", "tool_call_id": id, "content": told})
        self._messages.insert(self._behind_call(id), result)
        self._attached += attached

    def _behind_call(self, id: str) -> int:
        """Where the result of a call stands: behind those of the same message, whatever was said meanwhile. At the end
        where there is no such call."""
        end = len(self._messages)
        for n in range(end - 1, -1, -1):
            message = self._messages[n]
            if message["role"] != "tool":
                if any(call["id"] == id for call in message.get("tool_calls", ())):
                    return end
                end = n
        return len(self._messages)

    def _reply(self) -> Document:
        """Neighbouring items of the assistant are one message: calls must stand before their results."""
        if not (self._messages and self._messages[-1]["role"] == "assistant"):
            self._add({"role": "assistant", "content": None})
        message = self._messages[-1]
        for name, text in self._thoughts:
            message[name] = f"{message[name]}\n\n{text}" if name in message else text
        self._thoughts.clear()
        return message

    def _add(self, message: Document) -> None:
        if self._attached:
            self.ask([])
        self._messages.append(Placed(self.place, message))


def _message(talk: _Conversation, path: str, item: Document) -> None:
    role, content = required(item, "role", path), required(item, "content", path)
    place = f"{path}.content"
    if role == "user":
        talk.begin_turn(_parts(content, place))
    elif role in ("system", "developer"):
        talk.instruct("\n".join(_texts(content, place)))
    elif role == "assistant":
        talk.reply("".join(_texts(content, place)))
    else:
        raise unknown(f"{path}.role", role, "user, system, developer, assistant")


def _agent_message(talk: _Conversation, path: str, item: Document) -> None:
    """Of one agent to another. What only OpenAI's servers encrypt is here as the model wrote it."""
    parts = objects(required(item, "content", path), f"{path}.content")
    talk.ask([_part(place, part, _TEXTS_OF_AGENTS) for place, part in parts])


def _function_call(talk: _Conversation, path: str, item: Document) -> None:
    arguments = required_text(item, "arguments", path)
    talk.call(_call_id(path, item), _name(path, item), arguments)


def _custom_call(talk: _Conversation, path: str, item: Document) -> None:
    text = required_text(item, "input", path)
    talk.call(_call_id(path, item), _name(path, item), free_arguments(text))


def _search(talk: _Conversation, path: str, item: Document) -> None:
    if _is_callers(item):
        arguments = as_object(item.get("arguments") or {}, f"{path}.arguments")
        talk.call(_call_id(path, item), SEARCH, orjson.dumps(arguments).decode())


def _found(talk: _Conversation, path: str, item: Document) -> None:
    """The tools themselves are read with those of the request."""
    if _is_callers(item):
        names = names_of(objects(required(item, "tools", path), f"{path}.tools"))
        talk.result(_call_id(path, item), [_said(f"Tools found: {', '.join(names) or 'none'}.")])


def _is_callers(item: Document) -> bool:
    """What OpenAI's servers searched is told by no call."""
    return item.get("execution") == "client"


def _output(talk: _Conversation, path: str, item: Document) -> None:
    talk.result(_call_id(path, item), _parts(required(item, "output", path), f"{path}.output"))


def _reasoning(talk: _Conversation, path: str, item: Document) -> None:
    """Thoughts that only OpenAI can decipher, and summaries, are no part of a chat."""
    if (found := opened(item.get("encrypted_content"))) is None:
        name = "summary" if is_summed_up(item.get("id")) else "content"
        parts = objects(item.get(name) or [], f"{path}.{name}")
        found = field_by_id(item.get("id")), "".join(required_text(part, "text", place) for place, part in parts)
    if found[1]:
        talk.think(*found)


def _nothing(talk: _Conversation, path: str, item: Document) -> None:
    """Tools, read with those of the request; or a record of what one of OpenAI's own tools did: the assistant's words
    behind it tell what came of it."""


def _reference(talk: _Conversation, path: str, item: Document) -> None:
    message = (
        f"'{path}' refers to an item by its id, and none is kept here: send the item itself, as many clients do where "
        "'store' is false."
    )
    raise InvalidRequest(message, param=path, code="unsupported_value")


_ITEMS: Mapping[str, Callable[[_Conversation, str, Document], None]] = {
    "message": _message,
    "agent_message": _agent_message,
    "function_call": _function_call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
    "additional_tools": _nothing,
    "image_generation_call": _nothing,
    "tool_search_call": _search,
    "tool_search_output": _found,
    "web_search_call": _nothing,
    "item_reference": _reference,
}
_KNOWN = ", ".join(kind for kind in _ITEMS if kind != "item_reference")


def _call_id(path: str, item: Document) -> str:
    return required_text(item, "call_id", path)


def _name(path: str, item: Document) -> str:
    return chat_name(required_text(item, "name", path), item.get("namespace"))


# --- the parts of a message ------------------------------------------------------------------------------


def _plain(parts: list[Document]) -> Any:
    """A single text as a string, which every provider takes."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _parts(content: Any, path: str) -> list[Document]:
    if isinstance(content, str):
        return [_said(content)]
    return [_part(place, part) for place, part in objects(content, path)]


def _texts(content: Any, path: str) -> list[str]:
    """Of whoever shows nothing: the assistant and the system."""
    if isinstance(content, str):
        return [content]
    found = objects(content, path)
    for place, part in found:
        if (kind := required_text(part, "type", place)) not in _TEXTS:
            raise unknown(f"{place}.type", kind, ", ".join(_TEXTS))
    return [_part(place, part)["text"] for place, part in found]


def _part(path: str, part: Document, texts: Mapping[str, str] = _TEXTS) -> Document:
    kind = required_text(part, "type", path)
    if kind in texts:
        return _said(required_text(part, texts[kind], path))
    if kind not in _SHOWN:
        raise unknown(f"{path}.type", kind, ", ".join((*texts, *_SHOWN)))
    return Placed(path, _SHOWN[kind](path, part))


def _said(text: str) -> Document:
    return {"type": "text", "text": text}


def _image(path: str, part: Document) -> Document:
    _refuse(path, part, "file_id", f"{_NO_FILE_IDS} 'image_url' as a data URL.")
    image = {"url": required_text(part, "image_url", path)}
    _check_address(image["url"], f"{path}.image_url")
    if (detail := part.get("detail")) in ("low", "high"):
        image["detail"] = detail
    return {"type": "image_url", "image_url": image}


def _check_address(url: str, where: str) -> None:
    """Raises InvalidImage. The pictures themselves are judged with those of all chats."""
    head, comma, _ = url.partition(",")
    address = f"{head},AAAA" if comma and head[:5].lower() == "data:" else url
    part = {"type": "image_url", "image_url": address}
    try:
        check_images(orjson.dumps({"messages": [{"content": [part]}]}))
    except InvalidImage as error:
        raise InvalidImage(error.message.replace(_CHECKED, where), param=where) from None


def _file(path: str, part: Document) -> Document:
    _refuse(path, part, "file_id", f"{_NO_FILE_IDS} 'file_data' as a data URL.")
    _refuse(path, part, "file_url", "Files are not fetched here: send the file itself, in 'file_data' as a data URL.")
    data = required_text(part, "file_data", path)
    return {"type": "file", "file": {"filename": part.get("filename") or "document.pdf", "file_data": data}}


def _sound(path: str, part: Document) -> Document:
    sound = as_object(required(part, "input_audio", path), f"{path}.input_audio")
    return {"type": "input_audio", "input_audio": sound}


def _refuse(path: str, part: Document, name: str, message: str) -> None:
    if part.get(name) is not None:
        raise InvalidRequest(message, param=f"{path}.{name}", code="unsupported_parameter")


_SHOWN: Mapping[str, Callable[[str, Document], Document]] = {
    "input_image": _image,
    "input_file": _file,
    "input_audio": _sound,
}
