"""The lines of a batch's files, as OpenAI's Batch API has them: requests that come, answers and errors that go.

Source of the shapes: https://platform.openai.com/docs/api-reference/batch
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import msgspec
from msgspec import Raw

from gateway.dialects import DIALECTS
from gateway.errors import GatewayError, InvalidRequest
from gateway.openai_api.json_body import split_object, text_field, value_of
from gateway.openai_api.operations import OPERATIONS, SPEECH, Body
from gateway.store.documents import clean
from gateway.store.file_rows import Line

ENDPOINTS = (*(path for path, one in OPERATIONS.items() if one.body is Body.JSON and one is not SPEECH), *DIALECTS)
"""Where requests of a batch may go: what takes JSON and answers in JSON."""

MOST_PROBLEMS = 100
MOST_MODELS = 20
_LONGEST_ID = 512
_LINE_ENDS = re.compile(rb"[\r\n]")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a batch; `number` is its line, from 1. `model` is empty where it names none."""

    number: int
    custom_id: str
    body: bytes
    model: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. `retry_after` is in seconds, where an error tells it; one that `is_final` is there however often
    the request is asked."""

    status: int
    request_id: str
    body: bytes
    retry_after: float | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed, or was never answered: then `status` is None and `request_id` empty."""

    custom_id: str
    status: int | None
    request_id: str
    code: str
    message: str


@dataclass(slots=True)
class Check:
    """Goes over the lines of a file, some at a time. `problems` and `models` have as many as are told, `requests`
    counts all."""

    endpoint: str
    max_requests: int
    requests: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        return len(self.problems) >= MOST_PROBLEMS or self.requests > self.max_requests

    def take(self, lines: Iterable[Line]) -> None:
        for number, line in lines:
            if self.is_over:
                return
            if line.strip():
                self._check(number, line)

    def end(self) -> None:
        """After the last line."""
        if self.requests > self.max_requests:
            text = f"The file has more than {self.max_requests} requests, which is the most for one batch."
            self.problems.append(_problem(InvalidRequest(text, code="too_many_requests")))
        elif not self.requests:
            self.problems.append(_problem(InvalidRequest("The file has no requests.", code="empty_file")))

    def _check(self, number: int, line: bytes) -> None:
        self.requests += 1
        try:
            asked = read_request(number, line, self.endpoint)
            if asked.custom_id in self._ids:
                text = f"'custom_id' is '{asked.custom_id}' a second time: each request needs one of its own."
                raise InvalidRequest(text, param="custom_id", code="duplicate_custom_id")
            self._ids.add(asked.custom_id)
            if asked.model and asked.model not in self.models and len(self.models) < MOST_MODELS:
                self.models.append(asked.model)
        except GatewayError as error:
            self.problems.append(_problem(error, number))


def read_request(number: int, line: bytes, endpoint: str) -> Asked:
    """Raises InvalidRequest naming the field."""
    document = split_object(line)
    custom_id = text_field(document, "custom_id")
    if not custom_id or len(custom_id) > _LONGEST_ID:
        text = f"'custom_id' must be a string of 1 to {_LONGEST_ID} characters."
        raise InvalidRequest(text, param="custom_id", code="invalid_custom_id")
    if text_field(document, "method") != "POST":
        raise InvalidRequest("'method' must be \"POST\".", param="method", code="invalid_method")
    if text_field(document, "url") != endpoint:
        text = f"'url' must be the endpoint of the batch, \"{endpoint}\"."
        raise InvalidRequest(text, param="url", code="invalid_url")
    body = bytes(document.get("body", b""))
    if not body.startswith(b"{"):
        raise InvalidRequest("'body' must be a JSON object: the request itself.", param="body", code="invalid_body")
    fields = split_object(body)
    if value_of(fields, "stream"):
        raise InvalidRequest("A request of a batch cannot stream.", param="body.stream", code="invalid_body")
    model = value_of(fields, "model")
    return Asked(number, custom_id, body, clean(model) if isinstance(model, str) else "")


def answered(custom_id: str, answer: Answer) -> bytes:
    """A line for the file of answers, or for that of errors where the status is not 2xx."""
    body = Raw(_LINE_ENDS.sub(b" ", answer.body))  # in JSON text a bare line end can only be white space
    told = {"status_code": answer.status, "request_id": answer.request_id, "body": body}
    return _line(custom_id, told, None)


def left_out(custom_id: str, code: str, message: str) -> bytes:
    """A line for the file of errors: the request was never answered."""
    return _line(custom_id, None, {"code": code, "message": message})


def failure(line: bytes) -> Failure:
    """Of a line of the file of errors, whichever API the endpoint speaks."""
    document = msgspec.json.decode(line)
    response = document["response"] or {}
    body = response.get("body")
    found = document["error"] or (body.get("error") if isinstance(body, dict) else None)
    error = found if isinstance(found, dict) else {}
    code = error.get("code") or error.get("type") or ""
    status, request_id = response.get("status_code"), response.get("request_id") or ""
    return Failure(document["custom_id"], status, request_id, str(code), clean(str(error.get("message") or "")))


def custom_id_of(line: bytes) -> str:
    """Of a line that was checked."""
    return text_field(split_object(line), "custom_id") or ""


def _line(custom_id: str, response: Any, error: Any) -> bytes:
    document = {"id": f"batch_req_{token_hex(12)}", "custom_id": custom_id, "response": response, "error": error}
    return _encode(document) + b"\n"


def _problem(error: GatewayError, line: int | None = None) -> dict[str, Any]:
    return {"code": error.error_code, "message": error.message, "param": error.param, "line": line}
