"""Secrets that anybody could guess: published, default, repeated or counted up. Used wherever a secret is chosen."""

import re
from pathlib import Path

_PUBLISHED = frozenset((Path(__file__).parent / "guessable.txt").read_text().split())
"""The commonest passwords of published lists that are long enough to pass, and the secrets of guides; small letters."""
_PLACEHOLDER = re.compile(
    r"your.{0,20}(key|secret|password)|change.?me|replace.?me|insert.{0,10}here|example.?(key|secret)"
)
_RUNS = (
    "0123456789" * 4,
    "9876543210" * 4,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "0123456789abcdef" * 4,
    "1234567890abcdefghijklmnopqrstuvwxyz",
)
_RUN = 10
"""Letters of such a run that give a secret away."""


def is_guessable(secret: str, least_different: int = 6) -> bool:
    """Too few different characters, a published word, a placeholder of some guide, or mostly a run such as 12345…"""
    if len(set(secret)) < least_different:
        return True
    small = secret.lower()
    plain = re.sub(r"[^a-z0-9]", "", small).removeprefix("sk")
    if small in _PUBLISHED or plain in _PUBLISHED or _PLACEHOLDER.search(small):
        return True
    return (len(plain) >= _RUN and any(plain in run for run in _RUNS)) or _repeats(plain)


def _repeats(text: str) -> bool:
    """`abcabcabc`: a short part, again and again."""
    return any(
        len(text) >= 3 * size and len(text) % size == 0 and text == text[:size] * (len(text) // size)
        for size in range(1, 7)
    )
