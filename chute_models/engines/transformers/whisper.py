"""Transcribing with a Whisper model: windows, language, timestamps; one decoded token per step."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chute_models.engines.arguments import Arguments
from chute_models.engines.errors import Refusal
from chute_models.engines.transformers.audio import RATE
from chute_models.engines.transformers.loading import load_model, origin
from chute_models.engines.transformers.windows import is_silent, windows

SECONDS_PER_TIMESTAMP = 0.02
"""Of Whisper's timestamp tokens and of two of its encoder's input frames."""
_NO_FACTS: dict[str, Any] = {
    "is_multilingual": True,
    "lang_to_id": {},
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "max_initial_timestamp_index": None,
}
"""What `generation_config.json` may leave out."""


@dataclass(frozen=True, slots=True)
class Task:
    """`samples` are 16-bit integers at 16 kHz. `language` None: find out. `prompt` steers spelling."""

    samples: Any
    translate: bool = False
    language: str | None = None
    prompt: str = ""
    temperature: float = 0.0
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """`start` and `end` in seconds of the whole audio."""

    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float

    @property
    def compression_ratio(self) -> float:
        data = self.text.encode()
        return len(data) / len(zlib.compress(data)) if data else 0.0


@dataclass(slots=True)
class Transcript:
    """Grows window by window."""

    language: str
    duration: float
    segments: list[Segment] = field(default_factory=list)
    tokens: int = 0

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments if segment.text)


@dataclass(slots=True)
class _Decoded:
    ids: list[int]
    logprobs: list[float]
    no_speech: float


class WhisperModel:
    """Made and used on the compute thread."""

    def __init__(self, arguments: Arguments) -> None:
        from transformers import AutoFeatureExtractor, AutoTokenizer, WhisperForConditionalGeneration

        self._tokenizer = AutoTokenizer.from_pretrained(arguments.model, **origin(arguments))
        self._features = AutoFeatureExtractor.from_pretrained(arguments.model, **origin(arguments))
        self._model = load_model(arguments, WhisperForConditionalGeneration)
        self._facts = _read_facts(arguments)
        self._languages: dict[str, int] = dict(self._facts.lang_to_id) if self._facts.is_multilingual else {}
        self._no_timestamps = int(self._facts.no_timestamps_token_id)
        self._no_speech = self._token("<|nospeech|>") or self._token("<|nocaptions|>")
        self._limit = int(self._model.config.max_target_positions)
        self.window_seconds = float(self._model.config.max_source_positions * SECONDS_PER_TIMESTAMP)

    def _token(self, name: str) -> int | None:
        """None when the tokenizer does not know it."""
        found = self._tokenizer.convert_tokens_to_ids(name)
        return None if found is None or found == self._tokenizer.unk_token_id else int(found)

    def languages(self) -> list[str]:
        return sorted(token.strip("<|>") for token in self._languages)

    def check_language(self, language: str | None) -> None:
        if language is not None and self._languages and f"<|{language}|>" not in self._languages:
            raise Refusal(f"language {language[:20]!r} is not one of {', '.join(self.languages())}", param="language")

    def steps(self, task: Task) -> Iterator[Transcript]:
        """The transcript so far, at each decoded token."""
        transcript = Transcript(task.language or "", len(task.samples) / RATE)
        for start, end in windows(task.samples, self.window_seconds):
            if not is_silent(task.samples[start:end]):
                yield from self._window(task, start, end, transcript)
            yield transcript
        transcript.language = transcript.language or "en"

    def _window(self, task: Task, start: int, end: int, transcript: Transcript) -> Iterator[Transcript]:
        samples = task.samples[start:end].astype("float32") / 32768
        features = self._features(samples, sampling_rate=RATE, return_tensors="pt").input_features
        encoded = self._model.model.encoder(features.to(self._model.device, self._model.dtype))
        no_speech, language = self._listen(encoded)
        transcript.language = transcript.language or language
        decoded = _Decoded([], [], no_speech)
        for _ in self._decode(encoded, self._beginning(task, transcript), task, decoded):
            transcript.tokens += 1
            yield transcript
        found = self._segments(decoded, task.timestamps, start / RATE, (end - start) / RATE)
        transcript.segments += [segment for segment in found if segment.text]

    def _listen(self, encoded: Any) -> tuple[float, str]:
        """How probably nobody speaks, and the likeliest language, from the first step of the decoder."""
        import torch

        first = torch.tensor([[self._facts.decoder_start_token_id]], device=self._model.device)
        logits = self._model(encoder_outputs=encoded, decoder_input_ids=first).logits[0, -1].float()
        silent = float(logits.softmax(-1)[self._no_speech]) if self._no_speech is not None else 0.0
        if not self._languages:
            return silent, "en"
        best = max(self._languages, key=lambda token: float(logits[self._languages[token]]))
        return silent, best.strip("<|>")

    def _beginning(self, task: Task, transcript: Transcript) -> list[int]:
        """The decoder's prompt: what was said before, start, language, task."""
        ids = [int(self._facts.decoder_start_token_id)]
        if self._languages:
            ids.append(self._languages[f"<|{transcript.language}|>"])
            ids += [token for token in [self._token("<|translate|>" if task.translate else "<|transcribe|>")] if token]
        if not task.timestamps:
            ids.append(self._no_timestamps)
        marker = self._token("<|startofprev|>")
        if task.prompt and marker is not None:
            said = self._tokenizer.encode(" " + task.prompt.strip(), add_special_tokens=False)
            ids = [marker, *said[-(self._limit // 2 - 1) :], *ids]
        return ids

    def _decode(self, encoded: Any, beginning: list[int], task: Task, decoded: _Decoded) -> Iterator[None]:
        import torch

        device = self._model.device
        rules = self._rules(len(beginning), task.timestamps)
        sequence = torch.tensor([beginning], device=device)
        step, cache = sequence, None
        while sequence.shape[1] < self._limit:
            output = self._model(encoder_outputs=encoded, decoder_input_ids=step, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            scores = output.logits[:, -1].float()
            for rule in rules:
                scores = rule(sequence, scores)
            token = self._choose(scores[0], task.temperature)
            if token == self._facts.eos_token_id:
                return
            decoded.ids.append(token)
            decoded.logprobs.append(float(scores[0].log_softmax(-1)[token]))
            step = torch.tensor([[token]], device=device)
            sequence = torch.cat([sequence, step], 1)
            yield

    def _rules(self, begin: int, timestamps: bool) -> Sequence[Any]:
        from transformers.generation.logits_process import (
            SuppressTokensAtBeginLogitsProcessor,
            SuppressTokensLogitsProcessor,
            WhisperTimeStampLogitsProcessor,
        )

        device = self._model.device
        rules: list[Any] = []
        if self._facts.suppress_tokens:
            rules.append(SuppressTokensLogitsProcessor(self._facts.suppress_tokens, device=device))
        if self._facts.begin_suppress_tokens:
            rules.append(SuppressTokensAtBeginLogitsProcessor(self._facts.begin_suppress_tokens, begin, device=device))
        if timestamps:
            rules.append(WhisperTimeStampLogitsProcessor(self._facts, begin_index=begin))
        return rules

    def _choose(self, scores: Any, temperature: float) -> int:
        if temperature == 0:
            return int(scores.argmax())
        return int((scores / temperature).softmax(-1).multinomial(1))

    def _segments(self, decoded: _Decoded, timestamps: bool, offset: float, length: float) -> Iterator[Segment]:
        """Text between timestamp tokens; without any, the window is one segment."""
        text: list[int] = []
        begin = 0.0
        average = sum(decoded.logprobs) / max(1, len(decoded.logprobs))
        zero = self._no_timestamps + 1

        def made(end: float) -> Segment:
            words = str(self._tokenizer.decode(text, skip_special_tokens=True)).strip()
            start, stop = offset + min(begin, length), offset + min(max(end, begin), length)
            return Segment(start, stop, words, tuple(text), average, decoded.no_speech)

        for token in decoded.ids:
            if not timestamps or token < zero:
                text.append(token)
                continue
            moment = (token - zero) * SECONDS_PER_TIMESTAMP
            if text:
                yield made(moment)
                text = []
            begin = moment
        if text:
            yield made(length)


def _read_facts(arguments: Arguments) -> Any:
    """`generation_config.json` as it is: the library's own object drops Whisper's entries for some models."""
    from transformers.utils import cached_file

    path = cached_file(arguments.model, "generation_config.json", revision=arguments.revision)
    return SimpleNamespace(**{**_NO_FACTS, **json.loads(Path(path).read_text())})
