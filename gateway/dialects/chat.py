"""What a dialect reads of a chat completion: the same shape for a whole answer and for a chunk of a stream.

Only where a value of another type would change what was answered is the answer refused. Elsewhere such a value is as if
it were not there.
"""

from typing import Any

import msgspec

from gateway.errors import UpstreamBadResponse


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCall(msgspec.Struct):
    """In a chunk only the first of a call has `id` and `name`."""

    index: int | None = None
    given_id: str | int | None = msgspec.field(default=None, name="id")
    function: Function | None = None

    @property
    def id(self) -> str | None:
        return str(self.given_id) if isinstance(self.given_id, int) else self.given_id or None

    @property
    def name(self) -> str | None:
        return self.function.name if self.function else None

    @property
    def text(self) -> str:
        """The arguments as JSON text; some servers send them as an object."""
        told = self.function.arguments if self.function else None
        return told if isinstance(told, str) else msgspec.json.encode(told).decode() if told else ""


class Said(msgspec.Struct):
    """A message, or what a chunk adds to it."""

    content: str | list[Any] | dict[str, Any] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: list[ToolCall | None] | None = None

    def __post_init__(self) -> None:
        self.reasoning_content = _text(self.reasoning_content)
        self.reasoning = _text(self.reasoning)
        self.refusal = _text(self.refusal)

    @property
    def text(self) -> str:
        return "".join(_text(part) or _text(_member(part, "text")) for part in self._parts)

    @property
    def thoughts(self) -> str:
        """Under Chutes' and DeepSeek's name, or that of newer vLLM and OpenRouter. Mistral has them among the parts."""
        told: str = self.reasoning_content or self.reasoning
        return told or "".join(
            _text(_member(inner, "text"))
            for part in self._parts
            if isinstance(inside := _member(part, "thinking"), list)
            for inner in inside
        )

    @property
    def calls(self) -> list[ToolCall]:
        """Some providers fill their chunks up with calls of nothing."""
        return [call for call in self.tool_calls or () if call is not None and (call.name or call.text)]

    @property
    def _parts(self) -> list[Any]:
        return self.content if isinstance(self.content, list) else [self.content]


class Choice(msgspec.Struct):
    index: int | None = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    matched_stop: Any = None
    logprobs: Any = None

    @property
    def said(self) -> Said:
        return self.message or self.delta or _NOTHING

    @property
    def stopped_by(self) -> tuple[str, str]:
        """What ended the answer, as vLLM and SGLang tell it: one of the texts of `stop`, or what else they have."""
        return _text(self.stop_reason), _text(self.matched_stop)

    @property
    def token_logprobs(self) -> list[dict[str, Any]]:
        """An object for each token of the text, where they were asked for."""
        told = _member(self.logprobs, "content")
        return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


class Tokens(msgspec.Struct):
    """What `usage` tells; None where it does not."""

    asked: int | None = None
    answered: int | None = None
    cached: int = 0
    """Tokens of the prompt that came from the provider's cache; `asked` counts them too."""
    thought: int = 0
    """Tokens of the answer that were thoughts; `answered` counts them too."""

    @classmethod
    def of(cls, usage: dict[str, Any]) -> "Tokens":
        """Of caches DeepSeek and Moonshot tell under names of their own."""
        cached = (
            _member(usage.get("prompt_tokens_details"), "cached_tokens"),
            usage.get("prompt_cache_hit_tokens"),
            usage.get("cached_tokens"),
        )
        return cls(
            _count(usage.get("prompt_tokens")),
            _count(usage.get("completion_tokens")),
            next((found for one in cached if (found := _count(one)) is not None), 0),
            _count(_member(usage.get("completion_tokens_details"), "reasoning_tokens")) or 0,
        )


class Chat(msgspec.Struct):
    id: Any = None
    created: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    service_tier: Any = None
    gateway: Any = None

    @property
    def name(self) -> str:
        """What the provider calls this answer; empty where it does not."""
        return str(self.id) if isinstance(self.id, str | int) else ""

    @property
    def moment(self) -> int | None:
        """When it was made, in seconds since 1970."""
        return _count(self.created) or None

    @property
    def answerer(self) -> str:
        """The model, as the provider calls it; empty where it does not say."""
        return _text(self.model)

    @property
    def tier(self) -> str | None:
        return _text(self.service_tier) or None

    @property
    def tokens(self) -> Tokens | None:
        return Tokens.of(self.usage) if isinstance(self.usage, dict) else None

    @property
    def choice(self) -> Choice | None:
        """The first answer; other dialects know of no second one."""
        return next((choice for choice in self.choices or () if not choice.index), None)

    @property
    def restarts(self) -> bool:
        """A broken stream is begun anew behind this chunk."""
        return _member(self.gateway, "restart") is True


def read_chat(body: bytes) -> Chat:
    """Raises UpstreamBadResponse."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamBadResponse("The provider's answer is no chat completion.", upstream=str(error)) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _count(value: Any) -> int | None:
    """Some providers write whole numbers as `3.0`."""
    return int(value) if isinstance(value, int | float) and value >= 0 else None


_NOTHING = Said()
_decode = msgspec.json.Decoder(Chat, strict=False).decode
