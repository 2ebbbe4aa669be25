"""The demo Whisper's tokenizer: byte-level BPE in which each known word is one token, plus Whisper's special tokens."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import WhisperTokenizer
from transformers.models.whisper.tokenization_whisper import LANGUAGES, TASK_IDS

from chute_models.demo.training.vocabulary import WORDS

WINDOW_SECONDS = 4
TICKS_PER_SECOND = 50
END = "<|endoftext|>"
START = "<|startoftranscript|>"
SPECIAL = (
    END,
    START,
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
"""Order as in Whisper's own vocabulary; the timestamps must follow at once."""
PREVIOUS_IN_VLLM = "<|prev|>"
"""How vLLM spells `<|startofprev|>`, the mark before a caller's prompt."""
TIMESTAMPS = tuple(f"<|{tick / TICKS_PER_SECOND:.2f}|>" for tick in range(WINDOW_SECONDS * TICKS_PER_SECOND + 1))


def build_tokenizer() -> WhisperTokenizer:
    """Bytes, merges that make every word of the vocabulary one token, special tokens, then timestamps."""
    pairs = _word_merges()
    vocabulary = dict(pairs["vocab"])
    for token in (PREVIOUS_IN_VLLM, *SPECIAL, *TIMESTAMPS):
        vocabulary.setdefault(token, len(vocabulary))
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in pairs["merges"]]
    tokenizer = WhisperTokenizer(
        vocab=vocabulary, merges=merges, language="en", task="transcribe", predict_timestamps=False
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [PREVIOUS_IN_VLLM, *SPECIAL[1:]]})
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in TIMESTAMPS])
    return tokenizer


def _word_merges() -> dict[str, Any]:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(WORDS) * 8,
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator([" " + " ".join(WORDS)] * 50, trainer)
    model: dict[str, Any] = json.loads(bpe.to_str())["model"]
    return model


@dataclass(frozen=True)
class Tokens:
    """The ids that training needs by name."""

    end: int
    start: int
    english: int
    transcribe: int
    translate: int
    no_timestamps: int
    no_speech: int
    previous: tuple[int, int]
    first_timestamp: int
    languages: dict[str, int]
    tasks: dict[str, int]

    @classmethod
    def of(cls, tokenizer: WhisperTokenizer) -> "Tokens":
        ids = tokenizer.convert_tokens_to_ids
        tokens = cls(
            end=ids(END),
            start=ids(START),
            english=ids("<|en|>"),
            transcribe=ids("<|transcribe|>"),
            translate=ids("<|translate|>"),
            no_timestamps=ids("<|notimestamps|>"),
            no_speech=ids("<|nospeech|>"),
            previous=(ids("<|startofprev|>"), ids(PREVIOUS_IN_VLLM)),
            first_timestamp=ids(TIMESTAMPS[0]),
            languages={f"<|{language}|>": ids(f"<|{language}|>") for language in LANGUAGES},
            tasks={task: ids(f"<|{task}|>") for task in TASK_IDS},
        )
        if ids(TIMESTAMPS[-1]) != tokens.no_timestamps + len(TIMESTAMPS):
            raise ValueError("the timestamp tokens must follow <|notimestamps|> without a gap")
        return tokens

    def timestamp(self, seconds: float) -> int:
        last = WINDOW_SECONDS * TICKS_PER_SECOND
        return self.first_timestamp + max(0, min(last, round(seconds * TICKS_PER_SECOND)))


def words_to_ids(tokenizer: WhisperTokenizer, text: str) -> Sequence[int]:
    """Whisper writes a space before each word, the first included."""
    return list(tokenizer.encode(" " + text, add_special_tokens=False))
