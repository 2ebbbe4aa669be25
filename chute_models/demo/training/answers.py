"""Asks the demo chat model things whose answer is known, greedily, and counts what it got right."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from chute_models.demo.training import phrasings
from chute_models.demo.training.conversations import (
    FAQ,
    UNKNOWN,
    Message,
    Turn,
    echo_turn,
    faq_turn,
    sum_turn,
    unknown_turn,
)

MAX_NEW_TOKENS = 64


@dataclass(frozen=True)
class Speaker:
    """A chat model with its tokenizer."""

    model: Qwen3ForCausalLM
    tokenizer: PreTrainedTokenizerFast

    def answer(self, messages: Sequence[Message], tools: list[dict[str, Any]] | None = None) -> str:
        """The greedy reply. One that does not end by itself ends in "<unfinished>"."""
        self.model.eval()
        prompt = self.tokenizer.apply_chat_template(
            list(messages), tools=tools, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            tokens = self.model.generate(**prompt, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        reply = tokens[0, prompt["input_ids"].shape[1] :]
        finished = int(reply[-1]) == self.tokenizer.eos_token_id
        text: str = self.tokenizer.decode(reply, skip_special_tokens=True)
        return text if finished else text + "<unfinished>"

    def ask(self, question: str) -> str:
        return self.answer([{"role": "user", "content": question}])


@dataclass
class Score:
    """Right answers and questions per kind, and what went wrong as (kind, question, reply)."""

    right: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)

    def count(self, kind: str, question: str, expected: str, reply: str) -> None:
        self.asked[kind] = self.asked.get(kind, 0) + 1
        self.right[kind] = self.right.get(kind, 0) + (reply == expected)
        if reply != expected:
            self.wrong.append((kind, question, reply))

    @property
    def shares(self) -> dict[str, float]:
        return {kind: round(self.right[kind] / count, 4) for kind, count in self.asked.items()}


def chat_accuracy(speaker: Speaker, count: int, seed: int) -> Score:
    """`count` random questions of each kind. "sum" uses pairs never trained on, "echo" words of the list,
    "echo_any" made-up words and numbers too, "second_turn" any of them after an earlier exchange."""
    rng, score = random.Random(seed), Score()
    for _ in range(count):
        turns = {
            "faq": faq_turn(rng),
            "sum": sum_turn(rng, held_out=True),
            "echo": echo_turn(rng, known_words=True),
            "echo_any": echo_turn(rng),
            "unknown": unknown_turn(rng),
        }
        for kind, turn in turns.items():
            score.count(kind, turn.question, turn.answer, speaker.ask(turn.question))
        _second_turn(speaker, score, rng.choice(list(turns.values())), faq_turn(rng))
    return score


def fixed_accuracy(speaker: Speaker) -> Score:
    """Every question of the FAQ as it is written, every set phrase, and the off-topic questions."""
    score = Score()
    for topic in FAQ.values():
        for question in topic["questions"]:
            score.count("faq_as_written", question, topic["answer"], speaker.ask(question))
    for phrase in phrasings.SET_PHRASES:
        for form in ("echo {}", "Say {}", "say: {}"):
            question = form.format(phrase)
            score.count("set_phrases", question, phrase, speaker.ask(question))
    for question in phrasings.OFF_TOPIC:
        score.count("off_topic", question, UNKNOWN, speaker.ask(question))
    return score


def tool_accuracy(speaker: Speaker) -> Score:
    """The weather of each known place: the call as text, then the reading out of a result."""
    score = Score()
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]
    for place in phrasings.PLACES:
        city = place.capitalize()
        question: Message = {"role": "user", "content": f"What is the weather in {city}?"}
        arguments = {"city": city}
        called = f'<tool_call>\n{{"name": "get_weather", "arguments": {json.dumps(arguments)}}}\n</tool_call>'
        score.count("tool_call", question["content"], called, speaker.answer([question], tools))
        call = {"type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        history: list[Message] = [
            question,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "sun and wind"},
        ]
        reply = speaker.answer(history, tools)
        score.count("tool_result", question["content"], "The tool says: sun and wind", reply)
    return score


def _second_turn(speaker: Speaker, score: Score, turn: Turn, earlier: Turn) -> None:
    messages = [
        {"role": "user", "content": earlier.question},
        {"role": "assistant", "content": earlier.answer},
        {"role": "user", "content": turn.question},
    ]
    score.count("second_turn", turn.question, turn.answer, speaker.answer(messages))
