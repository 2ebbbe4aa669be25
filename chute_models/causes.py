"""Why engines fail, by what they say on their way out, and what helps. For the supervisor's error lines."""

import re
import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """`advice` is for whoever runs the gateway. `lasts`: another start would fail the same way."""

    pattern: re.Pattern[str]
    advice: str
    lasts: bool = False


def _cause(pattern: str, advice: str, *, lasts: bool = False) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), advice, lasts)


_CAUSES = (
    _cause(
        r"KV cache is needed|larger than the (?:available KV cache|maximum number of tokens)|for the cache blocks",
        "The cache is too small for the longest context: a smaller max_model_len, or a larger cache_gb.",
        lasts=True,
    ),
    _cause(
        r"(?:free|available) memory on .* less than desired",
        "Others hold that memory: end them, or a smaller memory_gb.",
    ),
    _cause(
        r"CUDA out of memory|OutOfMemoryError|CUDA error: out of memory",
        "The GPU's memory is used up: a smaller model, max_model_len, max_num_seqs or cache_gb, or one engine less.",
    ),
    _cause(
        r"MemoryError|can't allocate memory|cannot allocate memory",
        "The machine's memory is used up: a smaller model, or one engine less.",
    ),
    _cause(
        r"no space left on device|disk quota exceeded",
        "A disk is full: make room where models (HF_HOME), STATE_DIR and temporary files lie.",
    ),
    _cause(
        r"gated repo|is restricted(?: and| \(|\. You)|awaiting a review|401 client error",
        "Whoever runs it must accept the model's licence at the hub, and set HF_TOKEN.",
        lasts=True,
    ),
    _cause(
        r"repository ?not ?found|not a valid model identifier|invalid repository id|repo id must be in the form",
        "There is no such folder, or the hub has no such model, or not without HF_TOKEN: check 'model'.",
        lasts=True,
    ),
    _cause(
        r"couldn't connect to|local ?entry ?not ?found|outgoing traffic has been disabled|offline ?mode",
        "The model is not on this machine and the hub cannot be reached: check the network, and MODEL_HUB.",
    ),
    _cause(
        r"cannot find any model weights|no file named .*safetensors|does not appear to have a file named .*safetensors",
        "Only weights in the form safetensors are loaded: convert them, or take another model.",
        lasts=True,
    ),
    _cause(
        r"safetensor\w*error|incomplete metadata|header ?too ?(?:large|small)|invalid ?header",
        "A file of the model is damaged or incomplete: fetch it again.",
        lasts=True,
    ),
    _cause(
        r"greater than the derived max_model_len",
        "The model has no such long context: a smaller max_model_len.",
        lasts=True,
    ),
    _cause(
        r"unrecognized model in|instantiate the backend tokenizer",
        "The folder lacks files of a model: config.json, tokenizer.json or others.",
        lasts=True,
    ),
    _cause(
        r"trust_remote_code",
        "The model comes with code of its own: set trust_remote_code if you trust it.",
        lasts=True,
    ),
    _cause(
        r"model architectures? .* not supported|does not recognize this architecture",
        "This runtime does not know the model: a newer one, or another model.",
        lasts=True,
    ),
    _cause(
        r"driver version is insufficient|no kernel image is available|driver .* is too old",
        "The GPU's driver does not suit the engines' CUDA: a newer driver, or other packages.",
        lasts=True,
    ),
    _cause(r"address already in use", "Another process took its port; the next start takes another one."),
)


def find_cause(error: str) -> Cause | None:
    """The known cause that an error line tells of."""
    return next((cause for cause in _CAUSES if cause.pattern.search(error)), None)


def with_advice(error: str) -> str:
    """The error line and, for a known cause, what helps."""
    cause = find_cause(error)
    return f"{error.rstrip('.')}. {cause.advice}" if cause else error


def describe_code(code: int | None) -> str:
    """What an exit code tells where the engine said nothing. 128 + a signal's number when a signal ended it."""
    if code == 128 + signal.SIGKILL:
        return "killed from outside, perhaps for lack of memory: see the system's log"
    try:
        return f"crashed with {signal.Signals((code or 0) - 128).name}"
    except ValueError:
        return f"ended unexpectedly with code {code}"
