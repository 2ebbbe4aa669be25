"""Speaks the small WAV files that tests send to the demo Whisper, keeping those it transcribes exactly.

`python -m chute_models.demo.training.recordings --out tests/data/speech`. Held-out voices only.
"""

import argparse
import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from chute_models.demo import WHISPER_DIR
from chute_models.demo.training.evaluate import load_listener
from chute_models.demo.training.speech import SAMPLE_RATE, Samples, Utterance, speak, trim
from chute_models.demo.training.transcribe import Listener
from chute_models.demo.training.voices import HELD_OUT, Voice
from chute_models.demo.training.whisper_tokens import WINDOW_SECONDS

SPEEDS = (150, 160, 140, 170)
PITCH = 50
LEAD_SECONDS = 0.2
PAUSE_SECONDS = 1.0
TEXTS = (
    "hello", "yes", "stop", "one two three", "seven zero four", "five five five", "list models", "open gateway",
    "play music", "turn on", "start eight", "show status two", "send message", "volume up",
)  # fmt: skip
LONG_TEXTS = ("one two three", "four five six", "seven eight nine", "zero one two", "three four five")
LONG_VOICES = (Voice("en-us", "m6"), Voice("en-us", "f3"), Voice("en-gb", "victor"))


@dataclass(frozen=True)
class Recording:
    """One file of the set."""

    name: str
    text: str
    voice: Voice
    samples: Samples


def heard_exactly(listener: Listener, clip: Samples, text: str) -> bool:
    """True where both ways of asking, with and without timestamps, give `text`."""
    return all(listener.transcribe([clip], timestamps=timed) == [text] for timed in (False, True))


def short_recording(listener: Listener, number: int, text: str) -> Recording | None:
    """`text` by the first held-out voice and speed the model gets right, beginning at a different voice each time."""
    for attempt in range(len(HELD_OUT) * len(SPEEDS)):
        voice = HELD_OUT[(number + attempt) % len(HELD_OUT)]
        clip = _padded(trim(speak(Utterance(text, voice, SPEEDS[attempt // len(HELD_OUT)], PITCH))))
        if len(clip) < WINDOW_SECONDS * SAMPLE_RATE and heard_exactly(listener, clip, text):
            return Recording(f"{text.replace(' ', '_')}.wav", text, voice, clip)
    return None


def long_recording(listener: Listener) -> Recording | None:
    """Groups of digits with pauses, longer than the model's window; each group must be heard exactly."""
    pause = np.zeros(int(PAUSE_SECONDS * SAMPLE_RATE), np.int16)
    for voice in LONG_VOICES:
        groups = [trim(speak(Utterance(text, voice, SPEEDS[0], PITCH))) for text in LONG_TEXTS]
        if all(heard_exactly(listener, _padded(group), text) for group, text in zip(groups, LONG_TEXTS, strict=True)):
            whole = np.concatenate([piece for group in groups for piece in (group, pause)][:-1])
            return Recording("long_digits.wav", " ".join(LONG_TEXTS), voice, _padded(whole))
    return None


def write(recording: Recording, folder: Path) -> None:
    with wave.open(str(folder / recording.name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(recording.samples.tobytes())


def _padded(clip: Samples) -> Samples:
    silence = np.zeros(int(LEAD_SECONDS * SAMPLE_RATE), np.int16)
    return np.concatenate([silence, clip, silence])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whisper", type=Path, default=WHISPER_DIR)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    listener = load_listener(options.whisper)
    made = [short_recording(listener, number, text) for number, text in enumerate(TEXTS)]
    recordings = [recording for recording in [*made, long_recording(listener)] if recording is not None]
    for recording in recordings:
        write(recording, options.out)
    index = {recording.name: {"text": recording.text, "voice": str(recording.voice)} for recording in recordings}
    (options.out / "transcripts.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(index, indent=2))


if __name__ == "__main__":
    main()
