"""Measures the bundled models and prints the figures as JSON; exits 1 where a threshold is missed.

`python -m chute_models.demo.training.evaluate --corpus DIR`, with the corpus of `chute_models.demo.training.speech`
(its held-out voices only); without `--corpus` the chat model alone is measured.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3ForCausalLM,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

from chute_models.demo import CHAT_DIR, WHISPER_DIR
from chute_models.demo.training.answers import Score, Speaker, chat_accuracy, fixed_accuracy, tool_accuracy
from chute_models.demo.training.speech import SAMPLE_RATE, Corpus, Samples
from chute_models.demo.training.transcribe import Listener, word_error_rate
from chute_models.demo.training.whisper_tokens import WINDOW_SECONDS

GATED_KINDS = ("faq", "faq_as_written", "sum", "echo")
SHOWN_MISTAKES = 12
SILENT_WINDOWS = 24


def load_speaker(folder: Path) -> Speaker:
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder)
    return Speaker(Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32), tokenizer)


def load_listener(folder: Path) -> Listener:
    return Listener(
        WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32),
        WhisperFeatureExtractor.from_pretrained(folder),
        WhisperTokenizer.from_pretrained(folder),
    )


def chat_report(speaker: Speaker, count: int, seed: int) -> dict[str, Any]:
    """Share of exactly right answers per kind, with how many were asked and some of the mistakes."""
    merged = Score()
    for score in (chat_accuracy(speaker, count, seed), fixed_accuracy(speaker), tool_accuracy(speaker)):
        merged.right |= score.right
        merged.asked |= score.asked
        merged.wrong += score.wrong
    return {"accuracy": merged.shares, "asked": merged.asked, "mistakes": merged.wrong[:SHOWN_MISTAKES]}


def whisper_report(listener: Listener, corpus: Corpus) -> dict[str, Any]:
    """Word error rates on held-out voices in the three ways the model is asked, and what it makes of silence."""
    plain = listener.transcribe(corpus.audio)
    timed = listener.transcribe(corpus.audio, timestamps=True)
    translated = listener.transcribe(corpus.audio, task="translate")
    silence = _quiet_windows()
    return {
        "clips": len(corpus.audio),
        "wer": word_error_rate(corpus.texts, plain),
        "wer_timestamps": word_error_rate(corpus.texts, timed),
        "wer_translate": word_error_rate(corpus.texts, translated),
        "exact": sum(map(str.__eq__, corpus.texts, plain)),
        "wer_by_voice": _by_voice(corpus, plain),
        "wer_timestamps_by_voice": _by_voice(corpus, timed),
        "silence_empty": sum(text == "" for text in listener.transcribe(silence)) / len(silence),
        "silence_empty_timestamps": sum(text == "" for text in listener.transcribe(silence, True)) / len(silence),
        "mistakes": [
            (voice, wanted, got)
            for voice, wanted, got in zip(corpus.voices, corpus.texts, plain, strict=True)
            if wanted != got
        ][:SHOWN_MISTAKES],
    }


def _by_voice(corpus: Corpus, heard: list[str]) -> dict[str, float]:
    grouped: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for voice, wanted, got in zip(corpus.voices, corpus.texts, heard, strict=True):
        grouped[voice][0].append(wanted)
        grouped[voice][1].append(got)
    return {voice: round(word_error_rate(*pair), 4) for voice, pair in sorted(grouped.items())}


def _quiet_windows() -> list[Samples]:
    """One window of digital silence, then white noise from hardly there to clearly audible."""
    generator = np.random.default_rng(0)
    size = WINDOW_SECONDS * SAMPLE_RATE
    levels = np.linspace(0, 300, SILENT_WINDOWS)
    return [(generator.standard_normal(size) * level).astype(np.int16) for level in levels]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chat", type=Path, default=CHAT_DIR)
    parser.add_argument("--whisper", type=Path, default=WHISPER_DIR)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--count", type=int, default=200, help="random chat questions of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--min-chat-accuracy", type=float, default=0.0)
    parser.add_argument("--max-wer", type=float, default=1.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report: dict[str, Any] = {"chat": chat_report(load_speaker(options.chat), options.count, options.seed)}
    good = all(report["chat"]["accuracy"][kind] >= options.min_chat_accuracy for kind in GATED_KINDS)
    if options.corpus is not None:
        heard = whisper_report(load_listener(options.whisper), Corpus.load(options.corpus / "held_out.npz"))
        report["whisper"] = heard
        good = good and max(heard["wer"], heard["wer_timestamps"]) <= options.max_wer
    print(json.dumps(report, indent=2))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
