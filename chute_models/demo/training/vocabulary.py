"""What the demo Whisper can hear: ten digits and a short list of spoken commands, and random texts made of them."""

import random

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COMMANDS = (
    "start",
    "stop",
    "restart",
    "list models",
    "show status",
    "open gateway",
    "close gateway",
    "help",
    "yes",
    "no",
    "hello",
    "goodbye",
    "turn on",
    "turn off",
    "play music",
    "pause",
    "volume up",
    "volume down",
    "send message",
    "call",
    "delete",
    "save",
    "cancel",
    "test",
)
WORDS = tuple(sorted(set(DIGITS) | {word for command in COMMANDS for word in command.split()}))


def random_text(rng: random.Random, repeats: float = 0.0) -> str:
    """One to six words: mostly digit strings, then commands, then both mixed, then any words in any order.

    `repeats` is the chance that a digit is the same as the one before it, on top of plain luck: equal
    neighbours are what a small recogniser drops first.
    """
    kind = rng.random()
    if kind < 0.55:
        return " ".join(_digits(rng, rng.randint(1, 6), repeats))
    if kind < 0.85:
        return " ".join(rng.choice(COMMANDS) for _ in range(rng.choice((1, 1, 2))))
    if kind < 0.95:
        return " ".join([rng.choice(COMMANDS), *_digits(rng, rng.randint(1, 3), repeats)])
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 4)))


def _digits(rng: random.Random, count: int, repeats: float) -> list[str]:
    digits = [rng.choice(DIGITS)]
    while len(digits) < count:
        digits.append(digits[-1] if rng.random() < repeats else rng.choice(DIGITS))
    return digits
