"""Sentence embeddings: a text encoder with the pooling that its directory describes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chute_models.engines.arguments import Arguments
from chute_models.engines.errors import too_long
from chute_models.engines.transformers.loading import load_model, origin

_BATCH = 16
MAX_CHARACTERS_PER_TOKEN = 100
"""Longer texts are refused without being tokenised."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """From the sentence-transformers files of a model: `mode` is mean, cls or last."""

    mode: str = "mean"
    normalise: bool = True
    max_len: int | None = None


class EmbeddingModel:
    """Made and used on the compute thread; `encode` may be called from any."""

    def __init__(self, arguments: Arguments) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(arguments.model, **origin(arguments))
        self._model = load_model(arguments, AutoModel)
        self._device = arguments.device
        self._pooling = read_pooling(Path(arguments.model))
        positions = getattr(self._model.config, "max_position_embeddings", None) or 512
        self.max_len = min(size for size in (self._pooling.max_len, arguments.max_model_len, positions) if size)
        self.vocabulary = int(self._model.config.vocab_size)

    def encode(self, text: str, param: str) -> list[int]:
        """Token ids with the special tokens. Refuses what is longer than the model was made for."""
        if len(text) > self.max_len * MAX_CHARACTERS_PER_TOKEN:
            raise too_long(self.max_len, len(text) // MAX_CHARACTERS_PER_TOKEN, param)
        ids: list[int] = self._tokenizer(text, truncation=False, verbose=False)["input_ids"]
        self.check_length(ids, param)
        return ids

    def check_length(self, ids: Sequence[int], param: str) -> None:
        if len(ids) > self.max_len:
            raise too_long(self.max_len, len(ids), param)

    def steps(self, inputs: Sequence[Sequence[int]]) -> Iterator[list[list[float]]]:
        """All vectors found so far, in the order of `inputs`; one batch of similar lengths per step."""
        vectors: list[list[float]] = [[] for _ in inputs]
        order = sorted(range(len(inputs)), key=lambda at: len(inputs[at]))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            for at, vector in zip(chosen, self._batch([inputs[at] for at in chosen]), strict=True):
                vectors[at] = vector
            yield vectors

    def _batch(self, inputs: Sequence[Sequence[int]]) -> list[list[float]]:
        import torch

        width = max(len(ids) for ids in inputs)
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in inputs], device=self._device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in inputs], device=self._device)
        hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        pooled = self._pool(hidden, mask)
        if self._pooling.normalise:
            pooled = torch.nn.functional.normalize(pooled, dim=-1)
        vectors: list[list[float]] = pooled.cpu().tolist()
        return vectors

    def _pool(self, hidden: Any, mask: Any) -> Any:
        if self._pooling.mode == "cls":
            return hidden[:, 0]
        if self._pooling.mode == "last":
            return hidden[range(len(hidden)), mask.sum(1) - 1]
        weights = mask[..., None].to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1)


def read_pooling(folder: Path) -> Pooling:
    """`modules.json`, the pooling module's `config.json` and `sentence_bert_config.json`, where they are."""
    modules = _read(folder / "modules.json")
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules] if modules else []
    mode = "mean"
    for module in modules or []:
        if str(module.get("type", "")).endswith("Pooling"):
            config = _read(folder / module["path"] / "config.json") or {}
            asked = str(config.get("pooling_mode", ""))
            if config.get("pooling_mode_cls_token") or asked == "cls":
                mode = "cls"
            elif config.get("pooling_mode_lasttoken") or asked == "lasttoken":
                mode = "last"
    limit = (_read(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    return Pooling(mode, "Normalize" in kinds or not kinds, limit)


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.is_file() else None
