"""Trains the demo chat model (Qwen3 architecture): `python -m chute_models.demo.training.chat --out DIR`."""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from chute_models.demo.training.answers import Speaker, chat_accuracy
from chute_models.demo.training.chat_tokens import (
    IGNORED,
    MAX_LENGTH,
    Example,
    build_tokenizer,
    check_template,
    encode,
)
from chute_models.demo.training.conversations import random_conversation
from chute_models.demo.training.optimiser import Optimiser, schedule

BATCH = 32
LONGEST = 224
MATRIX_RATE = 0.02
OTHER_RATE = 3e-3
BUCKET = 16
"""Batches sorted by length together, so that a batch holds conversations of about one length."""


@dataclass(frozen=True)
class Round:
    """A stretch of training with its own optimiser; `rate` scales the learning rates."""

    steps: int
    rate: float
    decay_share: float


ROUNDS = (Round(3800, 1.0, 0.45), Round(250, 0.2, 1.0))


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        rope_parameters={"rope_theta": 10000.0, "rope_type": "default"},
    )
    model = Qwen3ForCausalLM(config)
    model.generation_config._from_model_config = False
    model.generation_config.update(
        do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model


def batches(tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """(token ids, ids to learn) without end, each (batch, tokens), padded at the end."""
    while True:
        drawn = [encode(tokenizer, random_conversation(rng)) for _ in range(BATCH * BUCKET)]
        drawn.sort(key=lambda example: len(example.ids))
        groups = [drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH)]
        rng.shuffle(groups)
        for group in groups:
            yield _padded(group, tokenizer.pad_token_id)


def train(out: Path, first_round: int, seed: int) -> None:
    """Runs the rounds from `first_round` on, counted from 0; a later one than 0 continues the weights in `out`."""
    for number in range(first_round, len(ROUNDS)):
        torch.manual_seed(seed + number)
        rng = random.Random(seed + number)
        if number == 0:
            tokenizer = build_tokenizer(rng)
            model = build_model(tokenizer)
        else:
            tokenizer = AutoTokenizer.from_pretrained(out)
            model = Qwen3ForCausalLM.from_pretrained(out, dtype=torch.float32)
        check_template(tokenizer, rng)
        train_round(ROUNDS[number], Speaker(model, tokenizer), rng)
        model.eval()
        model.to(torch.bfloat16).save_pretrained(out)
        tokenizer.save_pretrained(out)


def train_round(plan: Round, speaker: Speaker, rng: random.Random) -> None:
    """Trains the speaker's model in place and logs a JSON line every 100 steps."""
    model, tokenizer = speaker.model, speaker.tokenizer
    optimiser = Optimiser([model], MATRIX_RATE, OTHER_RATE)
    running, began = 0.0, time.monotonic()
    for step, (ids, learned) in zip(range(plan.steps), batches(tokenizer, rng), strict=False):
        model.train()
        states = model.model(input_ids=ids).last_hidden_state[:, :-1]
        targets = learned[:, 1:]
        chosen = targets != IGNORED
        loss = functional.cross_entropy(model.lm_head(states[chosen]), targets[chosen])
        loss.backward()
        optimiser.step(plan.rate * schedule(step, plan.steps, plan.decay_share))
        running = 0.97 * running + 0.03 * loss.item() if running else loss.item()
        if (step + 1) % 100 == 0:
            report = {"step": step + 1, "seconds": round(time.monotonic() - began), "loss": running}
            if (step + 1) % 500 == 0:
                report["accuracy"] = chat_accuracy(speaker, 40, seed=5).shares
            print(json.dumps(report), flush=True)


def _padded(group: list[Example], pad: int) -> tuple[Tensor, Tensor]:
    width = min(max(len(example.ids) for example in group), LONGEST)
    ids = torch.full((len(group), width), pad)
    learned = torch.full((len(group), width), IGNORED)
    for row, example in enumerate(group):
        size = min(len(example.ids), width)
        ids[row, :size] = torch.tensor(example.ids[:size])
        learned[row, :size] = torch.tensor(example.learned[:size])
    return ids, learned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first-round", type=int, default=0, help="above 0: continue from the weights in --out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train(options.out, options.first_round, options.seed)


if __name__ == "__main__":
    main()
