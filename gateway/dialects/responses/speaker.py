"""A chat stream told as the events of a response: items one after the other, each begun, filled and ended.

Only calls whose arguments come in turns are under way together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.dialects.base import Speaker, event
from gateway.dialects.chat import Chat, Tokens, ToolCall
from gateway.dialects.fields import Document
from gateway.dialects.responses.answer import (
    SUMMARY,
    Called,
    Frame,
    Item,
    Part,
    Spoken,
    logprobs,
    outcome,
)
from gateway.dialects.responses.tools import Tools
from gateway.errors import GatewayError, UpstreamBadResponse


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call, with what its first chunk said of it."""

    called: Called
    id: str | None
    name: str | None

    def is_another(self, call: ToolCall) -> bool:
        """Whether a chunk under the same number begins another call. Some providers number no calls, or all of them 0,
        some give them no ids or the same one, and some repeat id and name in every chunk."""
        name, text = call.name, call.text
        if not name:
            return False
        if name != self.name or (call.id and call.id != self.id):
            return True
        return bool(text.strip()) and self.called.is_whole


class ResponseSpeaker(Speaker):
    _frame: Frame

    def __init__(self, frame: Callable[[Chat], Frame], tools: Tools) -> None:
        """`frame` makes one of the first chunk."""
        self._framed, self._tools = frame, tools
        self._due: list[bytes] = []
        self._number = 0
        self._output: list[Document | None] = []
        """All items; None for those under way."""
        self._spoken: Spoken | None = None
        self._running: list[Called] = []
        """Those under way."""
        self._numbered: dict[int | None, _Begun] = {}
        """The last call under each of the provider's numbers."""
        self._named: dict[str, _Begun] = {}
        """By the provider's ids."""
        self._finish: str | None = None
        self._tokens: Tokens | None = None

    def begin(self, chat: Chat) -> list[bytes]:
        self._frame = self._framed(chat)
        self._tell("response.created", response=self._frame.begun())
        self._tell("response.in_progress", response=self._frame.begun())
        return self._told()

    def hear(self, chat: Chat) -> list[bytes]:
        self._tokens = chat.tokens or self._tokens
        choice = chat.choice
        if choice is None:
            return []
        self._finish = choice.finish_reason or self._finish
        said = choice.said
        if said.thoughts:
            spoken = self._speaking("reasoning") or self._begin_spoken(self._frame.thoughts(said, self._next()))
            self._say(spoken, self._frame.thoughts_kind, said.thoughts)
        if said.text:
            self._say(self._message(), "output_text", said.text, logprobs=logprobs(choice))
        if said.refusal:
            self._say(self._message(), "refusal", said.refusal)
        for call in said.calls:
            self._call(call)
        return self._told()

    def end(self) -> list[bytes]:
        status = outcome(self._finish)
        self._end_items(status)
        output = [document for document in self._output if document is not None]
        self._tell(f"response.{status}", response=self._frame.ended(output, self._finish, self._tokens))
        return self._told()

    def fail(self, error: GatewayError) -> list[bytes]:
        """Agents such as Codex read this, and the error event behind it not."""
        output = [document for document in self._output if document is not None]
        self._tell("response.failed", response=self._frame.failed(output, error))
        return self._told()

    # --- messages and thoughts -------------------------------------------------------------------------------

    def _message(self) -> Spoken:
        return self._speaking("message") or self._begin_spoken(self._frame.message(self._next()))

    def _speaking(self, kind: str) -> Spoken | None:
        return self._spoken if self._spoken is not None and self._spoken.kind == kind else None

    def _begin_spoken(self, spoken: Spoken) -> Spoken:
        self._begin_item(spoken)
        self._spoken = spoken
        return spoken

    def _say(self, spoken: Spoken, kind: str, text: str, **more: list[Document]) -> None:
        """`more` is what the event says beside the text: an output_text has its `logprobs`."""
        part = spoken.parts[-1] if spoken.parts else None
        if part is None or part.kind != kind:
            self._end_part(spoken)
            part = Part(kind)
            spoken.parts.append(part)
            self._tell_part("part.added", spoken, part=part.document())
        part.pieces.append(text)
        part.logprobs += more.get("logprobs", ())
        self._tell_part("delta", spoken, delta=text, **more)

    def _end_part(self, spoken: Spoken) -> None:
        if not spoken.parts:
            return
        part = spoken.parts[-1]
        document = part.document()
        own = {name: value for name, value in document.items() if name not in ("type", "annotations")}
        self._tell_part("done", spoken, **own)
        self._tell_part("part.done", spoken, part=document)

    def _tell_part(self, what: str, spoken: Spoken, **more: object) -> None:
        """Of the last part. Summaries have events of their own."""
        kind = spoken.parts[-1].kind
        index, family = ("summary_index", "reasoning_summary") if kind == SUMMARY else ("content_index", "content")
        text = "reasoning_summary_text" if kind == SUMMARY else kind
        name = f"{family}_{what}" if what.startswith("part.") else f"{text}.{what}"
        place = {"item_id": spoken.id, "output_index": spoken.place, index: len(spoken.parts) - 1}
        self._tell(f"response.{name}", **place, **more)

    # --- calls of tools --------------------------------------------------------------------------------------

    def _call(self, call: ToolCall) -> None:
        """Raises UpstreamBadResponse for more of a call that was whole: its caller may be running it already."""
        begun = (self._named.get(call.id or "") if call.index is None else None) or self._numbered.get(call.index)
        called = self._begin_call(call) if begun is None or begun.is_another(call) else begun.called
        if not (text := call.text):
            return
        if self._output[called.place] is None:
            called.pieces.append(text)
            if called.tool.kind == "function":
                self._tell_call("response.function_call_arguments.delta", called, delta=text)
        elif text.strip():
            raise UpstreamBadResponse("The provider's stream says more of a call that was whole.")

    def _begin_call(self, call: ToolCall) -> Called:
        called = self._frame.called(call, self._tools, self._next())
        self._begin_item(called)
        self._running.append(called)
        begun = self._numbered[call.index] = _Begun(called, call.id, call.name)
        if call.id:
            self._named[call.id] = begun
        return called

    def _end_call(self, called: Called, status: str) -> None:
        """A search is told with its item alone; a text is known once its arguments are whole."""
        rest, kind = called.end(status), called.tool.kind
        if kind == "function":
            if rest:
                self._tell_call("response.function_call_arguments.delta", called, delta=rest)
            whole = {"name": called.tool.name, "arguments": called.arguments}
            self._tell_call("response.function_call_arguments.done", called, **whole)
        elif kind == "custom":
            if text := called.arguments:
                self._tell_call("response.custom_tool_call_input.delta", called, delta=text)
            self._tell_call("response.custom_tool_call_input.done", called, input=called.arguments)

    def _tell_call(self, kind: str, called: Called, **more: str) -> None:
        self._tell(kind, item_id=called.id, output_index=called.place, **more)

    # --- all items -------------------------------------------------------------------------------------------

    def _next(self) -> int:
        """The place of a new item in the output."""
        return len(self._output)

    def _begin_item(self, item: Item) -> None:
        """Ends those before it, but for calls of which more may come."""
        self._end_spoken("completed")
        for called in [called for called in self._running if called.is_whole]:
            self._end_running(called, "completed")
        self._output.append(None)
        self._tell_item("added", item, "in_progress")

    def _end_items(self, status: str) -> None:
        """`status` is that of the last one."""
        last = len(self._output) - 1
        for called in [*self._running]:
            self._end_running(called, status if called.place == last else "completed")
        self._end_spoken(status)

    def _end_spoken(self, status: str) -> None:
        spoken, self._spoken = self._spoken, None
        if spoken is not None:
            self._end_part(spoken)
            self._end_item(spoken, status)

    def _end_running(self, called: Called, status: str) -> None:
        self._running.remove(called)
        self._end_call(called, status)
        self._end_item(called, status)

    def _end_item(self, item: Item, status: str) -> None:
        self._tell_item("done", item, status)
        self._output[item.place] = item.document(status)

    def _tell_item(self, what: str, item: Item, status: str) -> None:
        self._tell(f"response.output_item.{what}", output_index=item.place, item=item.document(status))

    def _tell(self, kind: str, **document: object) -> None:
        self._due.append(event(kind, {"sequence_number": self._number, **document}))
        self._number += 1

    def _told(self) -> list[bytes]:
        due, self._due = self._due, []
        return due
