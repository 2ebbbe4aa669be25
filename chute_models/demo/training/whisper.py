"""Trains the demo Whisper: `python -m chute_models.demo.training.whisper --corpus DIR --out DIR`.

The corpus comes from `chute_models.demo.training.speech`. A CTC head on the encoder, dropped on saving, is what
gets the small decoder's attention to line up with the speech.
"""

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

from chute_models.demo.training.features import MEL_BINS, Disturbance
from chute_models.demo.training.optimiser import Optimiser, schedule
from chute_models.demo.training.speech import Corpus
from chute_models.demo.training.transcribe import Listener, word_error_rate
from chute_models.demo.training.vocabulary import WORDS
from chute_models.demo.training.whisper_examples import IGNORED, Batch, ExampleMaker
from chute_models.demo.training.whisper_tokens import TICKS_PER_SECOND, WINDOW_SECONDS, Tokens, build_tokenizer

BATCH = 24
MATRIX_RATE = 0.01
OTHER_RATE = 2e-3
WIDTH = 128
HEADS = 4
FEED_FORWARD = 384
ENCODER_LAYERS = 4
DECODER_LAYERS = 2
MAX_TOKENS = 64


@dataclass(frozen=True)
class Round:
    """A stretch of training with its own optimiser and CTC head; it starts from the saved weights of the one before.

    `rate` scales the learning rates; `alignment_weight` is that of the CTC loss. `windows` says, until which share
    of the steps, how long the windows are in seconds: short ones cost less.
    """

    steps: int
    rate: float
    decay_share: float
    alignment_weight: float
    windows: tuple[tuple[float, tuple[float, ...]], ...]

    def window_seconds(self, step: int, rng: random.Random) -> float:
        return rng.choice(next(lengths for until, lengths in self.windows if step < until * self.steps))


ROUNDS = (
    Round(2500, 1.0, 0.0, 0.6, ((0.5, (1.2, 2.0)), (1.0, (1.6, 2.4, 2.4, 4.0)))),
    Round(1500, 1.0, 1.0, 0.3, ((0.5, (2.4, 4.0)), (1.0, (2.4, 4.0, 4.0)))),
    Round(250, 0.2, 1.0, 0.0, ((1.0, (2.4, 4.0, 4.0)),)),
)


@dataclass
class Losses:
    """Running means of the two losses, for the log."""

    text: float = 0.0
    alignment: float = 0.0

    def follow(self, text: float, alignment: float, inertia: float = 0.98) -> None:
        first = not self.text
        self.text = text if first else inertia * self.text + (1 - inertia) * text
        self.alignment = alignment if first else inertia * self.alignment + (1 - inertia) * alignment


def build_model(tokenizer: WhisperTokenizer) -> WhisperForConditionalGeneration:
    tokens = Tokens.of(tokenizer)
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=MEL_BINS,
        d_model=WIDTH,
        encoder_layers=ENCODER_LAYERS,
        encoder_attention_heads=HEADS,
        encoder_ffn_dim=FEED_FORWARD,
        decoder_layers=DECODER_LAYERS,
        decoder_attention_heads=HEADS,
        decoder_ffn_dim=FEED_FORWARD,
        max_source_positions=WINDOW_SECONDS * TICKS_PER_SECOND,
        max_target_positions=MAX_TOKENS,
        pad_token_id=tokens.end,
        bos_token_id=tokens.end,
        eos_token_id=tokens.end,
        decoder_start_token_id=tokens.start,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        dropout=0.0,
    )
    model = WhisperForConditionalGeneration(config)
    generation = model.generation_config
    generation._from_model_config = False  # otherwise loading makes a new one and forgets the languages
    generation.is_multilingual = True
    generation.lang_to_id = tokens.languages
    generation.task_to_id = tokens.tasks
    generation.no_timestamps_token_id = tokens.no_timestamps
    generation.prev_sot_token_id = tokens.previous[0]
    generation.max_initial_timestamp_index = WINDOW_SECONDS * TICKS_PER_SECOND
    generation.max_length = MAX_TOKENS
    generation.suppress_tokens = generation.begin_suppress_tokens = generation.forced_decoder_ids = None
    generation.return_timestamps = False
    return model


def encode(model: WhisperForConditionalGeneration, features: Tensor) -> Tensor:
    """The encoder on a window of any length up to the full one; the library's own forward takes full windows only."""
    encoder = model.model.encoder
    hidden = functional.gelu(encoder.conv1(features))
    hidden = functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)


def losses(model: WhisperForConditionalGeneration, head: nn.Linear, batch: Batch) -> tuple[Tensor, Tensor]:
    """(cross-entropy of the text, CTC loss of the encoder)."""
    hidden = encode(model, batch.features)
    decoded = model.model.decoder(input_ids=batch.inputs, encoder_hidden_states=hidden).last_hidden_state
    learned = batch.targets != IGNORED
    text = functional.cross_entropy(model.proj_out(decoded[learned]), batch.targets[learned])
    frames = head(hidden).log_softmax(-1).transpose(0, 1)
    alignment = functional.ctc_loss(
        frames,
        torch.tensor([word for words in batch.words for word in words]),
        torch.full((len(batch.words),), frames.shape[0]),
        torch.tensor([len(words) for words in batch.words]),
        zero_infinity=True,
    )
    return text, alignment


def train(corpus: Path, out: Path, first_round: int, seed: int) -> None:
    """Runs the rounds from `first_round` on, counted from 0; a later one than 0 continues the weights in `out`."""
    tokenizer = build_tokenizer()
    features = WhisperFeatureExtractor(feature_size=MEL_BINS, chunk_length=WINDOW_SECONDS)
    spoken, held_out = Corpus.load(corpus / "train.npz"), Corpus.load(corpus / "held_out.npz")
    for number in range(first_round, len(ROUNDS)):
        torch.manual_seed(seed + number)
        model = (
            build_model(tokenizer)
            if number == 0
            else WhisperForConditionalGeneration.from_pretrained(out, dtype=torch.float32)
        )
        listener = Listener(model, features, tokenizer)
        maker = ExampleMaker(spoken, tokenizer, Disturbance(), seed + number)
        train_round(ROUNDS[number], listener, maker, random.Random(seed + number), held_out, out)


def train_round(
    plan: Round, listener: Listener, maker: ExampleMaker, rng: random.Random, held_out: Corpus, out: Path
) -> None:
    """Trains `listener.model` in place, logs a JSON line every 100 steps, and saves every 500 and at the end."""
    model, head = listener.model, nn.Linear(WIDTH, len(WORDS) + 1)
    optimiser = Optimiser([model, nn.ModuleDict({"ctc_head": head})], MATRIX_RATE, OTHER_RATE)
    running, began = Losses(), time.monotonic()
    for step in range(plan.steps):
        model.train()
        text, alignment = losses(model, head, maker.draw(BATCH, plan.window_seconds(step, rng)))
        (text + plan.alignment_weight * alignment).backward()
        optimiser.step(plan.rate * schedule(step, plan.steps, plan.decay_share))
        running.follow(text.item(), alignment.item())
        if (step + 1) % 100 == 0:
            report = {"step": step + 1, "seconds": round(time.monotonic() - began)} | vars(running)
            if (step + 1) % 500 == 0:
                sample = held_out.audio[:96]
                report["word_error_rate"] = word_error_rate(held_out.texts[:96], listener.transcribe(sample))
                save(listener, out)
            print(json.dumps(report), flush=True)
    save(listener, out)


def save(listener: Listener, out: Path) -> None:
    """Writes weights as float16 with everything transformers and vLLM need to load them."""
    weights = {name: weight.to(torch.float16) for name, weight in listener.model.state_dict().items()}
    listener.model.save_pretrained(out, state_dict=weights)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | {"dtype": "float16"}, indent=2) + "\n")
    WhisperProcessor(listener.features, listener.tokenizer).save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first-round", type=int, default=0, help="above 0: continue from the weights in --out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train(options.corpus, options.out, options.first_round, options.seed)


if __name__ == "__main__":
    main()
