"""Reading chat and completion requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chute_models.engines.errors import Refusal
from chute_models.engines.fields import flag, integer, mapping, number, strings
from chute_models.engines.server import check_model
from chute_models.engines.transformers.generate import ChatModel, Generation
from chute_models.engines.transformers.messages import read_messages, read_tools
from chute_models.engines.transformers.sampling import Sampling

_MAX_CHOICES = 16
_MAX_PROMPTS = 64
_IN_CHATS = ("structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar")
_IN_COMPLETIONS = ("echo", "suffix", "best_of", *_IN_CHATS)
"""What would silently give another answer than was asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`generations` has one entry per prompt; each gives `n` choices."""

    generations: tuple[Generation, ...]
    stream: bool
    include_usage: bool
    tools: bool = False

    @property
    def prompt_tokens(self) -> int:
        return sum(len(generation.prompt) for generation in self.generations)


def read_chat(body: Mapping[str, Any], model: ChatModel, name: str, *, can_call: bool) -> Asked:
    """`can_call`: the model was made to call tools; for others `tools` that need not be used are ignored."""
    check_model(body.get("model"), name)
    _refuse_constraints(body)
    tools = read_tools(body) if can_call else []
    prompt = model.encode_chat(read_messages(body.get("messages")), tools or None)
    wanted = body.get("logprobs")
    if wanted is not None and not isinstance(wanted, bool):
        raise Refusal("logprobs must be true or false", param="logprobs")
    alternatives = integer(body, "top_logprobs", 0, 0, 20)
    if alternatives and not wanted:
        raise Refusal("top_logprobs needs logprobs: true", param="top_logprobs")
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    generation = _generation(body, model, prompt, limit, alternatives if wanted else None, "messages")
    return _asked(body, (generation,), tools=bool(tools))


def read_completion(body: Mapping[str, Any], model: ChatModel, name: str) -> Asked:
    check_model(body.get("model"), name)
    _refuse(body, _IN_COMPLETIONS)
    alternatives = integer(body, "logprobs", None, 0, 5)
    body = {"max_tokens": 16, **{key: value for key, value in body.items() if value is not None}}
    prompts = _prompts(body.get("prompt"), model)
    return _asked(
        body, tuple(_generation(body, model, prompt, "max_tokens", alternatives, "prompt") for prompt in prompts)
    )


def _asked(body: Mapping[str, Any], generations: tuple[Generation, ...], *, tools: bool = False) -> Asked:
    include_usage = flag(mapping(body, "stream_options"), "include_usage")
    return Asked(generations, flag(body, "stream"), include_usage, tools)


def _generation(
    body: Mapping[str, Any],
    model: ChatModel,
    prompt: tuple[int, ...],
    limit: str,
    logprobs: int | None,
    param: str,
) -> Generation:
    defaults = model.defaults()
    sampling = Sampling(
        temperature=number(body, "temperature", defaults.get("temperature", 1.0), 0, 2),
        top_p=number(body, "top_p", defaults.get("top_p", 1.0), 0, 1),
        top_k=max(0, integer(body, "top_k", int(defaults.get("top_k", 0)), -1, 1_000_000) or 0),
        frequency_penalty=number(body, "frequency_penalty", 0, -2, 2),
        presence_penalty=number(body, "presence_penalty", 0, -2, 2),
        seed=integer(body, "seed", None, -(2**63), 2**63 - 1),
        logit_bias=_biases(mapping(body, "logit_bias"), model.vocabulary),
    )
    asked = integer(body, limit, None, 1, 2**31)
    return Generation(
        prompt=prompt,
        max_tokens=model.room(prompt, asked, param),
        sampling=sampling,
        stops=strings(body, "stop", 16),
        n=integer(body, "n", 1, 1, _MAX_CHOICES) or 1,
        logprobs=logprobs,
    )


def _prompts(value: Any, model: ChatModel) -> list[tuple[int, ...]]:
    if isinstance(value, str):
        return [_encoded(value, model)]
    if not isinstance(value, list) or not value or len(value) > _MAX_PROMPTS:
        raise Refusal(f"prompt must be a string, tokens, or a list of at most {_MAX_PROMPTS} of them", param="prompt")
    if all(_is_token(item, model) for item in value):
        return [tuple(value)]
    return [_encoded(item, model) for item in value]


def _encoded(item: Any, model: ChatModel) -> tuple[int, ...]:
    ids: tuple[int, ...] = ()
    if isinstance(item, str):
        ids = model.encode_text(item)
    elif isinstance(item, list) and all(_is_token(token, model) for token in item):
        ids = tuple(item)
    if not ids:
        raise Refusal("prompt must not be empty and tokens must be in the vocabulary", param="prompt")
    return ids


def _is_token(value: Any, model: ChatModel) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < model.vocabulary


def _biases(value: Mapping[str, Any], vocabulary: int) -> tuple[tuple[int, float], ...]:
    biases = []
    for token in value:
        bias = number(value, token, 0, -100, 100)
        if not token.isascii() or not token.isdigit() or int(token) >= vocabulary:
            raise Refusal("logit_bias must map token ids to numbers", param="logit_bias")
        biases.append((int(token), bias))
    return tuple(biases)


def _refuse(body: Mapping[str, Any], fields: Sequence[str]) -> None:
    for field in fields:
        if body.get(field):
            raise Refusal(f"{field} is not supported by this engine", param=field, code="unsupported_parameter")


def _refuse_constraints(body: Mapping[str, Any]) -> None:
    _refuse(body, _IN_CHATS)
    kind = mapping(body, "response_format").get("type", "text")
    if kind != "text":
        raise Refusal(f"response_format {kind!r} is not supported by this engine", param="response_format",
                      code="unsupported_parameter")  # fmt: skip
    choice = body.get("tool_choice")
    if choice not in (None, "none", "auto"):
        raise Refusal("this engine cannot be made to call a tool", param="tool_choice", code="unsupported_parameter")
