"""The demo chat model's tokenizer, and conversations as token ids with the parts to learn marked."""

import json
import random
from dataclasses import dataclass
from importlib.resources import files

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from chute_models.demo.training.conversations import Conversation, Message, random_conversation

VOCABULARY = 1536
MAX_LENGTH = 1024
SAMPLE = 12_000
PAD, OPEN, CLOSE = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CALL_MARKS = ("<tool_call>", "</tool_call>")
IGNORED = -100
TEMPLATE = (files("chute_models.demo.training") / "chat_template.jinja").read_text(encoding="utf-8").rstrip("\n")


@dataclass(frozen=True)
class Example:
    """Token ids and, of the same length, the ids to learn (`IGNORED` elsewhere)."""

    ids: list[int]
    learned: list[int]


def build_tokenizer(rng: random.Random) -> PreTrainedTokenizerFast:
    """Byte-level BPE learned from random conversations. Digits stay single, so that sums can be learned."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CALL_MARKS),
        special_tokens=[PAD, OPEN, CLOSE],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    sample = (random_conversation(rng) for _ in range(SAMPLE))
    bpe.train_from_iterator(
        (text for conversation in sample for text, _ in pieces(conversation) if text != CLOSE), trainer
    )
    bpe.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in CALL_MARKS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=CLOSE, pad_token=PAD, model_max_length=MAX_LENGTH
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def pieces(conversation: Conversation) -> list[tuple[str, bool]]:
    """The conversation as the template renders it, cut where learning starts and stops."""
    parts: list[tuple[str, bool]] = []
    if conversation.tools:
        functions = [tool["function"] for tool in conversation.tools]
        lines = [f"{entry['name']}({', '.join(entry['parameters']['properties'])})\n" for entry in functions]
        parts += [(f"{OPEN}tools\n{''.join(lines)}", False), (f"{CLOSE}\n", False)]
    for message in conversation.messages:
        mine = message["role"] == "assistant"
        parts += [(f"{OPEN}{message['role']}\n", False), (_body(message), mine), (CLOSE, mine), ("\n", False)]
    return parts


def encode(tokenizer: PreTrainedTokenizerFast, conversation: Conversation) -> Example:
    ids: list[int] = []
    learned: list[int] = []
    for text, mine in pieces(conversation):
        tokens = tokenizer.encode(text)
        ids += tokens
        learned += tokens if mine else [IGNORED] * len(tokens)
    return Example(ids, learned)


def check_template(tokenizer: PreTrainedTokenizerFast, rng: random.Random, count: int = 200) -> None:
    """Raises ValueError where the chat template and `encode` disagree: a model would be asked what it never saw."""
    for _ in range(count):
        conversation = random_conversation(rng)
        rendered = tokenizer.apply_chat_template(
            conversation.messages, tools=conversation.tools or None, tokenize=True, return_dict=False
        )
        if list(rendered) != encode(tokenizer, conversation).ids:
            raise ValueError(f"template and training text differ for {conversation}")


def _body(message: Message) -> str:
    calls = [
        f'<tool_call>\n{{"name": "{call["function"]["name"]}", '
        f'"arguments": {json.dumps(call["function"]["arguments"])}}}\n</tool_call>'
        for call in message.get("tool_calls", [])
    ]
    return str(message["content"]) + "".join(calls)
