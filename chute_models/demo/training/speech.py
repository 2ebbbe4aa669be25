"""Speaks random texts with espeak-ng and keeps them as a corpus: 16 kHz mono int16, trimmed to the speech.

`python -m chute_models.demo.training.speech --out DIR` writes train.npz and held_out.npz there.
"""

import argparse
import json
import random
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from chute_models.demo.training.vocabulary import random_text
from chute_models.demo.training.voices import (
    ACCENTS,
    HELD_OUT,
    INVENTED,
    Voice,
    build_voice_data,
    training_variants,
)

SAMPLE_RATE = 16_000
ESPEAK_RATE = 22_050
LONGEST_SECONDS = 3.7
SHORTEST_SECONDS = 0.12
TRAIN_CLIPS = 24_000
HELD_OUT_CLIPS = 480
REPEATS = 0.12

Samples: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Utterance:
    """What to say and how: `speed` in words per minute, `pitch` from 0 to 99 (espeak-ng's own units)."""

    text: str
    voice: Voice
    speed: int
    pitch: int


@dataclass(frozen=True)
class Corpus:
    """Clips and what is said in them, in the same order; `voices` holds espeak-ng voice names."""

    audio: list[Samples]
    texts: list[str]
    voices: list[str]

    def save(self, path: Path) -> None:
        np.savez(
            path,
            audio=np.concatenate(self.audio),
            lengths=np.array([len(clip) for clip in self.audio]),
            labels=np.array(json.dumps([self.texts, self.voices])),
        )

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        with np.load(path) as stored:
            ends = np.cumsum(stored["lengths"])
            audio = np.split(stored["audio"], ends[:-1])
            texts, voices = json.loads(str(stored["labels"]))
        return cls(audio, texts, voices)


def speak(utterance: Utterance, data_path: Path | None = None) -> Samples:
    """Runs espeak-ng once. `data_path` is the parent of another espeak-ng-data folder."""
    command = ["espeak-ng", "-v", str(utterance.voice), "--stdout"]
    command += ["-s", str(utterance.speed), "-p", str(utterance.pitch), utterance.text]
    if data_path is not None:
        command.insert(1, f"--path={data_path}")
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    body = wav[wav.index(b"data") + 8 :]
    spoken = np.frombuffer(body[: len(body) // 2 * 2], dtype=np.int16).astype(np.float32)
    resampled = soxr.resample(spoken, ESPEAK_RATE, SAMPLE_RATE)
    return np.clip(resampled, -32767, 32767).astype(np.int16)


def trim(clip: Samples, margin_seconds: float = 0.02) -> Samples:
    """Cuts the silence before and after the speech, so that timestamps can be told from the clip's length."""
    if not len(clip):
        return clip
    loud = np.flatnonzero(np.abs(clip.astype(np.int32)) > 0.01 * np.abs(clip.astype(np.int32)).max())
    margin = int(margin_seconds * SAMPLE_RATE)
    return clip[max(0, loud[0] - margin) : loud[-1] + margin] if len(loud) else clip[:0]


def record(utterances: Iterable[Utterance], data_path: Path | None, workers: int) -> Corpus:
    """Speaks all of them, in order; leaves out what is empty or does not fit the model's window."""
    said = list(utterances)
    with ThreadPoolExecutor(workers) as pool:
        clips = list(pool.map(lambda utterance: trim(speak(utterance, data_path)), said))
    kept = [
        (clip, utterance)
        for clip, utterance in zip(clips, said, strict=True)
        if SHORTEST_SECONDS * SAMPLE_RATE < len(clip) < LONGEST_SECONDS * SAMPLE_RATE
    ]
    return Corpus(
        [clip for clip, _ in kept],
        [utterance.text for _, utterance in kept],
        [str(utterance.voice) for _, utterance in kept],
    )


def training_utterances(rng: random.Random, count: int, variants: list[str]) -> Iterable[Utterance]:
    invented = [f"x{index:03d}" for index in range(INVENTED)]
    for _ in range(count):
        variant = rng.choice(invented if rng.random() < 0.5 else variants)
        voice = Voice(rng.choice(ACCENTS), variant)
        yield Utterance(random_text(rng, REPEATS), voice, rng.randint(115, 225), rng.randint(15, 85))


def held_out_utterances(rng: random.Random, count: int) -> Iterable[Utterance]:
    for _ in range(count):
        voice = rng.choice(HELD_OUT)
        yield Utterance(random_text(rng), voice, rng.randint(120, 220), rng.randint(20, 80))


def espeak_data() -> Path:
    """Where the installed espeak-ng keeps its data, as its own --version line says."""
    line = subprocess.run(["espeak-ng", "--version"], capture_output=True, check=True, text=True).stdout
    return Path(line.split("Data at:")[1].strip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    held_out = held_out_utterances(random.Random(options.seed + 99), HELD_OUT_CLIPS)
    record(held_out, None, options.workers).save(options.out / "held_out.npz")
    installed = espeak_data()
    voices = build_voice_data(installed, options.out, options.seed)
    rng = random.Random(options.seed)
    spoken = training_utterances(rng, TRAIN_CLIPS, training_variants(installed))
    corpus = record(spoken, voices, options.workers)
    corpus.save(options.out / "train.npz")
    print(json.dumps({"clips": len(corpus.audio), "hours": sum(map(len, corpus.audio)) / SAMPLE_RATE / 3600}))


if __name__ == "__main__":
    main()
