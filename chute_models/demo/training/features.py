"""Turns clips into the log-mel windows Whisper hears, with the disturbances used in training.

Without disturbances the result equals transformers' WhisperFeatureExtractor for the same window.
"""

import random
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from chute_models.demo.training.speech import SAMPLE_RATE

MEL_BINS = 80
FRAME_LENGTH = 400
HOP = 160
WARPS = (0.84, 0.88, 0.92, 0.96, 1.0, 1.0, 1.04, 1.08, 1.12, 1.17)
"""Factors on the frequency axis: what a shorter or longer vocal tract does to a voice."""

Waveform: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Disturbance:
    """How often each disturbance is applied, from 0 to 1."""

    stretch: float = 0.3
    warp: float = 0.6
    tilt: float = 0.5
    noise: float = 0.55
    mask: float = 0.7


def mel_filters(warp: float = 1.0) -> Tensor:
    """(mel bins, frequencies), with the frequency axis stretched by `warp`."""
    plain = mel_filter_bank(
        num_frequency_bins=1 + FRAME_LENGTH // 2,
        num_mel_filters=MEL_BINS,
        min_frequency=0.0,
        max_frequency=8000.0,
        sampling_rate=SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    ).T
    axis = np.arange(plain.shape[1])
    warped = np.stack([np.interp(axis * warp, axis, row, right=0.0) for row in plain])
    return torch.tensor(warped, dtype=torch.float32)


class Ear:
    """Log-mel spectrograms of a batch of equally long waveforms: (batch, mel bins, frames), 100 frames a second."""

    def __init__(self) -> None:
        self._window = torch.hann_window(FRAME_LENGTH)
        self._plain = mel_filters()
        self._warped = torch.stack([mel_filters(warp) for warp in WARPS])

    def hear(self, waveforms: Tensor, rng: random.Random | None = None, warp: float = 0.0) -> Tensor:
        """`warp` is the share of the batch whose frequency axis is stretched at random."""
        spectrum = torch.stft(waveforms, FRAME_LENGTH, HOP, window=self._window, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        filters = self._plain
        if rng is not None:
            picks = [rng.randrange(len(WARPS)) if rng.random() < warp else 4 for _ in waveforms]
            filters = self._warped[picks]
        loudness = torch.clamp(filters @ power, min=1e-10).log10()
        loudness = torch.maximum(loudness, loudness.amax((1, 2), keepdim=True) - 8.0)
        return (loudness + 4) / 4


def stretch(clip: Waveform, factor: float) -> Waveform:
    """Plays the clip `factor` times faster, pitch included."""
    positions = np.arange(0, len(clip) - 1, factor)
    return np.interp(positions, np.arange(len(clip)), clip).astype(np.float32)


def add_noise(window: Waveform, rng: random.Random, generator: np.random.Generator) -> Waveform:
    """White or low-pass (rumbling) noise at a level between barely there and clearly audible."""
    noise = generator.standard_normal(len(window)).astype(np.float32)
    if rng.random() < 0.4:
        noise = np.convolve(noise, np.full(8, 8**-0.5, dtype=np.float32), mode="same").astype(np.float32)
    return window + noise * np.float32(10 ** rng.uniform(-4, -1.9))


def tilt(features: Tensor, rng: random.Random) -> None:
    """Adds a smooth random curve over the mel bins, in place: another microphone or room."""
    knots = np.array([rng.uniform(-0.22, 0.22) for _ in range(5)])
    curve = np.interp(np.linspace(0, 4, MEL_BINS), np.arange(5), knots)
    features += torch.tensor(curve, dtype=torch.float32)[:, None]


def mask(features: Tensor, rng: random.Random) -> None:
    """Blanks up to two bands of bins and two short spans of frames, in place (SpecAugment)."""
    frames = features.shape[1]
    for _ in range(2):
        low = rng.randint(0, MEL_BINS - 10)
        features[low : low + rng.randint(0, 10)] = 0
        start = rng.randint(0, max(0, frames - 20))
        features[:, start : start + rng.randint(0, 14)] = 0
