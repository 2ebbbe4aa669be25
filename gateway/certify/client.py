"""Asks the gateway as any OpenAI client would, and notes all that an answer says."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.certify.answer import TEXT, TOKENS

_MESSAGES = [{"role": "user", "content": "Count from one to sixty, in words."}]


@dataclass(slots=True)
class Answer:
    """What came. `text` is all of it as a plain client shows it, `final_text` what came after the last marked restart.

    `body_model` is the model that the last chunk names, `garbage` the first event that was not JSON, `error` an error
    object, whole or as an event.
    """

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    seconds: float = 0.0
    text: str = ""
    final_text: str = ""
    restarts: int = 0
    finish: str = ""
    usage: dict[str, Any] | None = None
    body_model: str = ""
    error: dict[str, Any] | None = None
    garbage: str = ""
    done: bool = False

    @property
    def model(self) -> str:
        """The upstream model that answered, as the gateway's header says."""
        return str(self.headers.get("x-gateway-model", "none"))

    @property
    def attempts(self) -> str:
        return str(self.headers.get("x-gateway-attempts", "none"))

    @property
    def whole(self) -> bool:
        """Complete for a client that knows the mark of a restart."""
        sound = self.status == 200 and not self.error and not self.garbage and self.finish == "stop"
        return sound and self.done and self.final_text == TEXT

    @property
    def seamless(self) -> bool:
        """Complete for every client: nothing said twice."""
        return self.whole and self.text == TEXT

    def __str__(self) -> str:
        if self.error:
            said = f"error {self.error.get('code')} ({self.error.get('message')})"
        elif self.garbage:
            said = f"an event that is not JSON: {self.garbage[:60]!r}"
        else:
            said = f"finish_reason {self.finish or 'missing'}, {'[DONE]' if self.done else 'no [DONE]'}"
        restarts = f", {self.restarts} marked restarts" if self.restarts else ""
        return f"status {self.status}, {_told(self.text)}{restarts}, {said}, attempts {self.attempts}"

    def hear(self, line: str) -> None:
        """One line of an event stream."""
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            self.done = True
        elif line.startswith("data:"):
            try:
                self._note(json.loads(data))
            except ValueError:
                self.garbage = self.garbage or data

    def read(self, document: dict[str, Any]) -> None:
        """A whole answer or an error."""
        self._note(document)
        self.done = not self.error

    def _note(self, document: dict[str, Any]) -> None:
        self.error = self.error or document.get("error")
        self.usage = document.get("usage") or self.usage
        self.body_model = document.get("model") or self.body_model
        if (document.get("gateway") or {}).get("restart"):
            self.restarts += 1
            self.final_text = ""
        for choice in document.get("choices", ()):
            piece = (choice.get("delta") or choice.get("message") or {}).get("content") or ""
            self.text += piece
            self.final_text += piece
            self.finish = choice.get("finish_reason") or self.finish


async def ask(http: httpx.AsyncClient, model: str, *, stream: bool = True) -> Answer:
    """Raises httpx.HTTPError when the gateway itself cannot be talked to or breaks off."""
    body: dict[str, Any] = {"model": model, "messages": _MESSAGES}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = Answer()
    began = time.monotonic()
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        answer.status, answer.headers = response.status_code, response.headers
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            async for line in response.aiter_lines():
                answer.hear(line)
        else:
            answer.read(json.loads(await response.aread()))
    answer.seconds = time.monotonic() - began
    return answer


def _told(text: str) -> str:
    words = text.split()
    again = len(words) - len(set(words))
    return f"{len(words)} of {len(TOKENS)} tokens" + (f" ({again} repeated)" if again else "")
