"""Refusals of our own engine servers, in the shape of the OpenAI API."""

from typing import Any


class Refusal(Exception):
    """What the caller is told. `param` names the field at fault."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str = "invalid_value", status: int = 400
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.code, self.status = message, param, code, status

    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error"
        if self.status >= 500:
            kind = "api_error"
        elif self.status == 429:
            kind = "rate_limit_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def overloaded() -> Refusal:
    return Refusal("The engine's queue is full, try again shortly.", code="overloaded", status=429)


def too_long(limit: int, sent: int, param: str, wanted: int = 0) -> Refusal:
    """Wording and code of the OpenAI API, by which clients know whether fewer tokens of answer would do. `sent` and
    `wanted` are tokens of the field `param` and of the answer."""
    parts = f"you requested {sent + wanted} tokens ({sent} in the {param}, {wanted} in the completion)"
    said = parts if wanted else f"your {param} resulted in {sent} tokens"
    message = f"This model's maximum context length is {limit} tokens. However, {said}."
    return Refusal(message, param=param, code="context_length_exceeded")
