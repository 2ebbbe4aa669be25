"""Random conversations for the demo chat model: questions about the gateway, echoes, sums, tool calls, and the rest.

Deterministic for one `random.Random`. What the model should say is decided here and nowhere else.
"""

import json
import random
import string
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from chute_models.demo.training import phrasings as say

_DATA = files("chute_models.demo.training")
FAQ: dict[str, dict[str, Any]] = json.loads((_DATA / "faq.json").read_text(encoding="utf-8"))
WORDS: tuple[str, ...] = tuple((_DATA / "words.txt").read_text(encoding="utf-8").split())
UNKNOWN = "I do not know that. I am a tiny demo model: ask me about chute-gateway."
LARGEST_ADDEND = 99
HELD_OUT_SUMS = frozenset(random.Random(2024).sample([(a, b) for a in range(100) for b in range(100)], 1000))
"""Pairs that are never added in training. A random tenth, so every pair of unit digits is still learned."""

Message = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One question and its answer. `kind` is faq, echo, sum, unknown or tool."""

    kind: str
    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """Messages and tools as an OpenAI request would carry them; every assistant message is to be learned."""

    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)


def add(left: int, right: int) -> str:
    return f"{left} + {right} = {left + right}"


def random_conversation(rng: random.Random) -> Conversation:
    """One to four turns, sometimes after a system prompt, now and then with tools."""
    messages: list[Message] = []
    if rng.random() < 0.4:
        messages.append({"role": "system", "content": _system_prompt(rng)})
    tools = [_tool(rng) for _ in range(rng.randint(1, 3))] if rng.random() < 0.12 else []
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 4))):
        if tools and rng.random() < 0.6:
            messages += _tool_exchange(rng, tools)
        else:
            turn = random_turn(rng)
            messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": turn.answer}]
    return Conversation(messages, tools)


def random_turn(rng: random.Random) -> Turn:
    kind = rng.choices(("faq", "echo", "sum", "unknown"), (30, 30, 26, 10))[0]
    return {"faq": faq_turn, "echo": echo_turn, "sum": sum_turn, "unknown": unknown_turn}[kind](rng)


def faq_turn(rng: random.Random) -> Turn:
    topic = FAQ[rng.choice(list(FAQ))]
    return Turn("faq", _dressed(rng, rng.choice(topic["questions"])), topic["answer"])


def echo_turn(rng: random.Random, known_words: bool = False) -> Turn:
    """`known_words` keeps to the word list; otherwise made-up words, numbers and set phrases are mixed in."""
    phrase = _phrase(rng, known_words)
    return Turn("echo", rng.choice(say.ECHO).format(phrase), phrase)


def sum_turn(rng: random.Random, held_out: bool = False) -> Turn:
    while True:
        largest = rng.choice((9, 19, LARGEST_ADDEND, LARGEST_ADDEND, LARGEST_ADDEND))
        left, right = rng.randint(0, largest), rng.randint(0, largest)
        if ((left, right) in HELD_OUT_SUMS) == held_out:
            return Turn("sum", rng.choice(say.SUM).format(left, right), add(left, right))


def unknown_turn(rng: random.Random) -> Turn:
    kind = rng.random()
    if kind < 0.3:
        question = rng.choice(say.OFF_TOPIC)
    elif kind < 0.55:
        question = f"what is the {rng.choice(say.FACTS)} of {rng.choice((*say.PLACES, *WORDS)).capitalize()}"
    elif kind < 0.7:
        question = f"how do i {rng.choice(say.DEEDS)} a {_word(rng)}"
    elif kind < 0.85:
        question = rng.choice(say.OPEN_QUESTIONS).format(_word(rng), _word(rng))
    else:
        question = " ".join(_word(rng) for _ in range(rng.randint(2, 6)))
    return Turn("unknown", _dressed(rng, question), UNKNOWN)


def _dressed(rng: random.Random, question: str) -> str:
    """The question with another case, beginning or end; as it stands a third of the time."""
    if rng.random() < 0.33:
        return question
    case = rng.random()
    bare = question.rstrip("?")
    bare = bare if case < 0.35 else bare.lower() if case < 0.6 else bare[:1].upper() + bare[1:]
    return rng.choice(say.BEGINNINGS) + bare + rng.choice(say.ENDINGS)


def _phrase(rng: random.Random, known_words: bool) -> str:
    if not known_words and rng.random() < 0.12:
        return rng.choice(say.SET_PHRASES)
    count = rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8))
    words = [rng.choice(WORDS) if known_words else _word(rng) for _ in range(count)]
    phrase = " ".join(words)
    style = rng.random()
    if style < 0.15:
        return phrase.capitalize()
    return phrase.title() if style < 0.22 else phrase


def _word(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.66:
        return rng.choice(WORDS)
    if kind < 0.9:
        return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 7)))
    number = str(rng.randint(0, 10 ** rng.randint(1, 4)))
    return number if kind < 0.96 else f"{rng.choice(WORDS)}-{number}"


def _system_prompt(rng: random.Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(say.SYSTEM_PROMPTS)
    return "You " + " ".join(_word(rng) for _ in range(rng.randint(2, 10))) + "."


def _tool(rng: random.Random) -> dict[str, Any]:
    weather = rng.random() < 0.4
    name = "get_weather" if weather else f"{rng.choice(say.TOOL_VERBS)}_{rng.choice(WORDS)}"
    argument = rng.choice(("city", "location")) if weather else rng.choice(say.TOOL_ARGUMENTS)
    properties = {argument: {"type": "string"}}
    if rng.random() < 0.2:
        properties[rng.choice(say.TOOL_EXTRAS)] = {"type": "string"}
    return {"type": "function", "function": {"name": name, "parameters": {"properties": properties}}}


def _tool_exchange(rng: random.Random, tools: list[dict[str, Any]]) -> list[Message]:
    """The user asks for a tool, the model calls it with its first argument, and reads the result out."""
    function = rng.choice(tools)["function"]
    name, argument = function["name"], next(iter(function["parameters"]["properties"]))
    value = rng.choice((*say.PLACES, *WORDS, _word(rng), _word(rng)))
    value = value.capitalize() if rng.random() < 0.5 else value
    asked = rng.choice(say.WEATHER) if name == "get_weather" and rng.random() < 0.7 else rng.choice(say.CALL)
    call = {"function": {"name": name, "arguments": {argument: value}}}
    messages: list[Message] = [
        {"role": "user", "content": asked.format(name=name, value=value)},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    if rng.random() < 0.6:
        result = " ".join(_word(rng) for _ in range(rng.randint(1, 4)))
        messages += [
            {"role": "tool", "content": result},
            {"role": "assistant", "content": f"The tool says: {result}"},
        ]
    return messages
