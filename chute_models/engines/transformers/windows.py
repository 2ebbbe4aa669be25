"""Cutting long audio into windows the model can take, at quiet places."""

from collections.abc import Iterator
from typing import Any

from chute_models.engines.transformers.audio import RATE

_FRAME = RATE // 50
_SEARCH_SECONDS = 5.0
_SILENCE = 60.0
"""Root mean square of 16-bit samples (about -55 dB) below which a window is taken for silence."""


def windows(samples: Any, seconds: float) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each window, together covering all samples, none longer than `seconds`."""
    size = int(seconds * RATE)
    start = 0
    while len(samples) - start > size:
        end = start + quietest(samples[start : start + size])
        yield start, end
        start = end
    yield start, len(samples)


def quietest(window: Any) -> int:
    """The middle of the quietest tenth of a second in the window's last part: where to cut it."""
    import numpy

    search = min(len(window) // 2, int(_SEARCH_SECONDS * RATE))
    first = len(window) - search
    frames = search // _FRAME
    part = window[first : first + frames * _FRAME].astype("float32").reshape(frames, _FRAME)
    energy = (part**2).mean(axis=1)
    smooth = numpy.convolve(energy, numpy.ones(5) / 5, mode="same")
    return first + int(frames - 1 - smooth[::-1].argmin()) * _FRAME + _FRAME // 2


def is_silent(window: Any) -> bool:
    return float((window.astype("float32") ** 2).mean()) < _SILENCE**2
