"""Greedy transcription with the demo Whisper through transformers, and word error rate; while training and after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

from chute_models.demo.training.speech import SAMPLE_RATE, Samples

BATCH = 24


@dataclass(frozen=True)
class Listener:
    """A model with the two halves of its processor."""

    model: WhisperForConditionalGeneration
    features: WhisperFeatureExtractor
    tokenizer: WhisperTokenizer

    def transcribe(self, clips: Sequence[Samples], timestamps: bool = False, task: str = "transcribe") -> list[str]:
        """The text of each clip, stripped; with `timestamps` through timestamp decoding, which is another path."""
        self.model.eval()
        texts: list[str] = []
        for batch in _batches(clips):
            heard = self.features(
                [clip.astype(np.float32) / 32768 for clip in batch],
                sampling_rate=SAMPLE_RATE,
                return_tensors="pt",
            )
            with torch.no_grad():
                tokens = self.model.generate(
                    heard.input_features,
                    attention_mask=torch.ones(heard.input_features.shape[0], heard.input_features.shape[2]),
                    language="en",
                    task=task,
                    return_timestamps=timestamps,
                    do_sample=False,
                    num_beams=1,
                )
            texts += [self.tokenizer.decode(row, skip_special_tokens=True).strip() for row in tokens]
        return texts


def word_errors(expected: str, heard: str) -> int:
    """Least number of word substitutions, insertions and deletions between the two."""
    wanted, got = expected.split(), heard.split()
    row = list(range(len(got) + 1))
    for line, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], line
        for column, other in enumerate(got, 1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other)),
            )
    return row[-1]


def word_error_rate(expected: Sequence[str], heard: Sequence[str]) -> float:
    """Errors per expected word over the whole set."""
    errors = sum(word_errors(wanted, got) for wanted, got in zip(expected, heard, strict=True))
    return errors / max(1, sum(len(text.split()) for text in expected))


def _batches(clips: Sequence[Samples]) -> Iterator[Sequence[Samples]]:
    for start in range(0, len(clips), BATCH):
        yield clips[start : start + BATCH]
