"""Generating text with a causal language model, one token per step."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chute_models.engines.arguments import Arguments
from chute_models.engines.errors import Refusal, too_long
from chute_models.engines.transformers.loading import load_model, origin
from chute_models.engines.transformers.sampling import Sampler, Sampling
from chute_models.engines.transformers.text import Detokenizer, StopStrings

MAX_CHARACTERS_PER_TOKEN = 100


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt to continue. `logprobs`: how many alternatives to tell with each token; None asks for none."""

    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling
    stops: tuple[str, ...] = ()
    n: int = 1
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    token: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`index` counts within a choice; `arguments` is JSON text."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step gave to choice `index`. `finish` is stop, length or tool_calls on the last one; `stopped_by` is the
    stop string that came, if one did."""

    index: int
    text: str
    tokens: int
    finish: str | None = None
    logprob: TokenLogprob | None = None
    calls: tuple[ToolCall, ...] = ()
    stopped_by: str = ""


class ChatModel:
    """Model and tokenizer. Made and used on the compute thread; `encode_*` may be called from any."""

    def __init__(self, arguments: Arguments) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(arguments.model, **origin(arguments))
        self._model = load_model(arguments, AutoModelForCausalLM)
        self._device = arguments.device
        limit = getattr(self._model.config, "max_position_embeddings", None) or 4096
        self.max_len = min(limit, arguments.max_model_len or limit)
        self.vocabulary = int(self._model.config.vocab_size)
        self._ends = self._end_tokens()

    def defaults(self) -> dict[str, float]:
        """Sampling settings that come with the model; a model that asks for no sampling has temperature 0."""
        config = self._model.generation_config
        if config.do_sample is False:
            return {"temperature": 0.0}
        found = {name: getattr(config, name, None) for name in ("temperature", "top_p", "top_k")}
        return {name: float(value) for name, value in found.items() if value is not None}

    def encode_chat(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> tuple[int, ...]:
        self._check_size(sum(len(message["content"]) for message in messages), "messages")
        try:
            ids = self.tokenizer.apply_chat_template(
                messages, tools=tools, add_generation_prompt=True, tokenize=True, return_dict=False
            )
        except Exception as error:
            raise Refusal(f"The messages do not fit the model's template: {error}"[:300], param="messages") from None
        return tuple(ids)

    def encode_text(self, text: str) -> tuple[int, ...]:
        self._check_size(len(text), "prompt")
        return tuple(self.tokenizer.encode(text))

    def _check_size(self, characters: int, param: str) -> None:
        """Refuses, without tokenising, what no tokenizer could make fit."""
        if characters > self.max_len * MAX_CHARACTERS_PER_TOKEN:
            raise too_long(self.max_len, characters // MAX_CHARACTERS_PER_TOKEN, param)

    def room(self, prompt: tuple[int, ...], asked: int | None, param: str) -> int:
        """How many tokens may be generated; refuses what exceeds the context."""
        room = self.max_len - len(prompt)
        if room < (asked or 1):
            raise too_long(self.max_len, len(prompt), param, asked or int(room == 0))
        return asked or room

    def steps(self, generation: Generation) -> Iterator[Piece]:
        for index in range(generation.n):
            yield from self._sequence(generation, index)

    def _sequence(self, generation: Generation, index: int) -> Iterator[Piece]:
        import torch

        sampler = Sampler(generation.sampling, index)
        words, stops = Detokenizer(self.tokenizer), StopStrings(generation.stops)
        ids = torch.tensor([generation.prompt], device=self._device)
        cache: Any = None
        for count in range(1, generation.max_tokens + 1):
            output = self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, logits = output.past_key_values, output.logits[0, -1]
            token = sampler.choose(logits)
            if token in self._ends:
                yield Piece(index, stops.add(words.rest()) + stops.rest(), 1, "stop")
                return
            logprob = self._logprob(logits, token, generation.logprobs)
            text = stops.add(words.add(token))
            if stops.hit:
                yield Piece(index, text, 1, "stop", logprob, stopped_by=stops.hit)
                return
            if count == generation.max_tokens:
                text += stops.add(words.rest()) + stops.rest()
                yield Piece(index, text, 1, "length", logprob)
                return
            yield Piece(index, text, 1, None, logprob)
            ids = torch.tensor([[token]], device=self._device)

    def _logprob(self, logits: Any, token: int, alternatives: int | None) -> TokenLogprob | None:
        if alternatives is None:
            return None
        scores = logits.float().log_softmax(-1)
        best, tokens = scores.topk(max(alternatives, 1))
        top = tuple((self._name(int(one)), float(score)) for score, one in zip(best, tokens, strict=True))
        return TokenLogprob(self._name(token), float(scores[token]), top[:alternatives])

    def _name(self, token: int) -> str:
        return str(self.tokenizer.decode([token]))

    def _end_tokens(self) -> frozenset[int]:
        ends = self._model.generation_config.eos_token_id
        found = set(ends) if isinstance(ends, list) else {ends}
        return frozenset(int(token) for token in found | {self.tokenizer.eos_token_id} if token is not None)
