"""Makes batches for the demo Whisper: windows of one to three clips with pauses, and what to write for them."""

import random
from dataclasses import dataclass
from string import ascii_letters

import numpy as np
import torch
from torch import Tensor
from transformers import WhisperTokenizer

from chute_models.demo.training.features import Disturbance, Ear, Waveform, add_noise, mask, stretch, tilt
from chute_models.demo.training.speech import SAMPLE_RATE, Corpus
from chute_models.demo.training.vocabulary import WORDS, random_text
from chute_models.demo.training.whisper_tokens import Tokens, words_to_ids

IGNORED = -100
SILENT_SHARE = 0.04
TIMESTAMP_SHARE = 0.45
FORCED_ZERO_SHARE = 0.5
TRANSLATE_SHARE = 0.12
PROMPT_SHARE = 0.1
LONGEST_PROMPT = 24
NEXT_CLIP_SHARE = 0.4
JOINED_SHARE = 0.4
MARGIN = 0.06
SHORTEST_ROOM = 0.5
SHORT_GAP = (0.04, 0.18)
LONG_GAP = (0.4, 1.1)
WORD_CLASS = {word: index for index, word in enumerate(WORDS, start=1)}
"""Classes of the auxiliary CTC head; 0 is the blank."""


@dataclass(frozen=True)
class Segment:
    """Words said without a pause, with start and end in seconds from the window's beginning."""

    text: str
    start: float
    end: float

    def joined(self, later: "Segment") -> "Segment":
        return Segment(f"{self.text} {later.text}", self.start, later.end)


@dataclass(frozen=True)
class Batch:
    """`features` (batch, mel, frames); `inputs` and `targets` (batch, tokens), targets with `IGNORED` where
    nothing is learned; `words` the CTC classes of each window."""

    features: Tensor
    inputs: Tensor
    targets: Tensor
    words: list[list[int]]


class ExampleMaker:
    """Draws batches from a corpus, reproducibly for one seed."""

    def __init__(self, corpus: Corpus, tokenizer: WhisperTokenizer, disturbance: Disturbance, seed: int) -> None:
        self._corpus, self._tokenizer, self._disturbance = corpus, tokenizer, disturbance
        self._tokens = Tokens.of(tokenizer)
        self._ear = Ear()
        self._rng = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self._by_length = sorted(range(len(corpus.audio)), key=lambda index: len(corpus.audio[index]))
        self._lengths = np.array([len(corpus.audio[index]) for index in self._by_length]) / SAMPLE_RATE
        self._ids = {word: words_to_ids(tokenizer, word) for word in WORDS}

    def draw(self, count: int, window_seconds: float) -> Batch:
        made = [self._window(window_seconds) for _ in range(count)]
        waveforms = torch.from_numpy(np.stack([waveform for waveform, _ in made]))
        features = self._ear.hear(waveforms, self._rng, self._disturbance.warp)
        for window in features:
            if self._rng.random() < self._disturbance.tilt:
                tilt(window, self._rng)
            if self._rng.random() < self._disturbance.mask:
                mask(window, self._rng)
        inputs, targets = self._labels([segments for _, segments in made])
        words = [[WORD_CLASS[word] for segment in segments for word in segment.text.split()] for _, segments in made]
        return Batch(features, inputs, targets, words)

    def _window(self, seconds: float) -> tuple[Waveform, list[Segment]]:
        rng = self._rng
        size = round(seconds * SAMPLE_RATE)
        window = np.zeros(size, np.float32)
        segments: list[Segment] = []
        if rng.random() >= SILENT_SHARE:
            segments = self._fill(window, seconds)
        if not segments or rng.random() < self._disturbance.noise:
            window = add_noise(window, rng, self._noise)
        return window, segments

    def _fill(self, window: Waveform, seconds: float) -> list[Segment]:
        """Mixes one to three clips into `window` and says where; clips joined by a short gap are one segment."""
        rng = self._rng
        placed: list[Segment] = []
        position = 0.0
        joined = False
        while len(placed) < 3:
            clip, text = self._clip(seconds - position - MARGIN)
            length = len(clip) / SAMPLE_RATE
            if not placed:
                room = seconds - length
                position = rng.uniform(0, min(room, 0.12) if rng.random() < 0.4 else room)
            start = int(position * SAMPLE_RATE)
            window[start : start + len(clip)] += clip[: len(window) - start]
            segment = Segment(text, position, min(position + length, seconds))
            placed = [*placed[:-1], placed[-1].joined(segment)] if joined else [*placed, segment]
            joined = rng.random() < JOINED_SHARE
            position = segment.end + rng.uniform(*(SHORT_GAP if joined else LONG_GAP))
            if rng.random() >= NEXT_CLIP_SHARE or seconds - position < SHORTEST_ROOM:
                break
        return placed

    def _clip(self, longest_seconds: float) -> tuple[Waveform, str]:
        rng = self._rng
        factor = rng.uniform(0.92, 1.1) if rng.random() < self._disturbance.stretch else 1.0
        fitting = max(1, int(np.searchsorted(self._lengths, longest_seconds * factor)))
        index = self._by_length[rng.randrange(fitting)]
        clip = self._corpus.audio[index].astype(np.float32) / 32768
        if factor != 1.0:
            clip = stretch(clip, factor)
        return clip * np.float32(rng.uniform(0.2, 1.6)), self._corpus.texts[index]

    def _labels(self, windows: list[list[Segment]]) -> tuple[Tensor, Tensor]:
        rows = [self._label(segments) for segments in windows]
        width = max(len(ids) for ids, _ in rows) - 1
        inputs = torch.full((len(rows), width), self._tokens.end)
        targets = torch.full((len(rows), width), IGNORED)
        for row, (ids, learned) in enumerate(rows):
            inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
            targets[row, : len(learned) - 1] = torch.tensor(learned[1:])
        return inputs, targets

    def _label(self, segments: list[Segment]) -> tuple[list[int], list[int]]:
        """Token ids and, of the same length, what is to be learned at each."""
        rng, tokens = self._rng, self._tokens
        ids: list[int] = []
        if rng.random() < PROMPT_SHARE:
            ids += [rng.choice(tokens.previous), *self._prompt()]
        task = tokens.translate if rng.random() < TRANSLATE_SHARE else tokens.transcribe
        learned = [IGNORED] * (len(ids) + 1)
        ids += [tokens.start, tokens.english, task]
        learned += [tokens.english if segments else tokens.no_speech, IGNORED]
        timed = rng.random() < TIMESTAMP_SHARE
        body = self._timed_body(segments) if timed else self._plain_body(segments)
        return ids + [token for token, _ in body], learned + [goal for _, goal in body]

    def _prompt(self) -> list[int]:
        """What a caller may put before the text: known words, or letters that mean nothing here."""
        rng = self._rng
        if rng.random() < 0.4:
            return self._encode(random_text(rng))
        words = ["".join(rng.choices(ascii_letters, k=rng.randint(1, 6))) for _ in range(rng.randint(1, 4))]
        return list(self._tokenizer.encode(" ".join(words), add_special_tokens=False))[:LONGEST_PROMPT]

    def _plain_body(self, segments: list[Segment]) -> list[tuple[int, int]]:
        said = [token for segment in segments for token in self._encode(segment.text)]
        return [(self._tokens.no_timestamps, IGNORED), *((token, token) for token in [*said, self._tokens.end])]

    def _timed_body(self, segments: list[Segment]) -> list[tuple[int, int]]:
        """Pairs of timestamps around each segment. Half of the time the first one is a given <|0.00|>, as
        servers that put it into the prompt do. Silence is an empty pair: vLLM fails where nothing follows."""
        tokens = self._tokens
        body: list[tuple[int, int]] = []
        for segment in segments:
            said = [tokens.timestamp(segment.start), *self._encode(segment.text), tokens.timestamp(segment.end)]
            body += [(token, token) for token in said]
        zero = tokens.first_timestamp
        if not segments:
            body = [(zero, zero), (zero, zero)]
        elif self._rng.random() < FORCED_ZERO_SHARE:
            body[0] = (zero, IGNORED)
        return [*body, (tokens.end, tokens.end)]

    def _encode(self, text: str) -> list[int]:
        return [token for word in text.split() for token in self._ids[word]]
