"""Choosing the next token."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sampling:
    """`temperature` 0 takes the likeliest token. `top_k` 0 means all."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()


class Sampler:
    """One per generated sequence: it remembers what was said, for the penalties, and its own random state."""

    def __init__(self, sampling: Sampling, index: int) -> None:
        import torch

        self._sampling = sampling
        self._counts: dict[int, int] = {}
        self._random = torch.Generator()
        if sampling.seed is not None:
            self._random.manual_seed((sampling.seed + index) % 2**63)
        else:
            self._random.seed()

    def choose(self, logits: Any) -> int:
        """`logits`: float tensor of the vocabulary's size. Returns a token id."""
        sampling = self._sampling
        scores = self._penalised(logits.float().cpu())
        greedy = sampling.temperature == 0
        token = int(scores.argmax()) if greedy else self._draw(scores / sampling.temperature)
        self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def _penalised(self, scores: Any) -> Any:
        sampling = self._sampling
        if not sampling.logit_bias and not sampling.frequency_penalty and not sampling.presence_penalty:
            return scores
        scores = scores.clone()
        for token, bias in sampling.logit_bias:
            scores[token] += bias
        for token, count in self._counts.items():
            scores[token] -= sampling.frequency_penalty * count + sampling.presence_penalty
        return scores

    def _draw(self, scores: Any) -> int:
        """From the most likely tokens that `top_k` and `top_p` leave; the likeliest always stays."""
        sampling = self._sampling
        limit = sampling.top_k or scores.shape[-1]
        best, tokens = scores.topk(min(limit, scores.shape[-1]))
        chances = best.softmax(-1)
        if sampling.top_p < 1:
            before = chances.cumsum(-1) - chances
            chances = chances.masked_fill(before > sampling.top_p, 0.0)
        return int(tokens[chances.multinomial(1, generator=self._random)])
