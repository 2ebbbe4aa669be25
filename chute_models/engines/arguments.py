"""The command line of our own engine servers."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from chute_models.spec import KINDS

SECRET_VARIABLE = "CHUTE_ENGINE_SECRET"  # noqa: S105 the name of a variable


@dataclass(frozen=True, slots=True)
class Arguments:
    """`model` is a directory or hub id, `name` what callers ask for, `secret` the bearer token ("" asks for none)."""

    kind: str
    model: str
    name: str
    port: int
    device: str
    dtype: str
    threads: int
    max_running: int
    max_waiting: int
    max_model_len: int | None
    max_audio_seconds: float
    grace: float
    tool_parser: str | None
    revision: str | None
    trust_remote_code: bool
    secret: str


def read_arguments(values: Sequence[str] | None = None) -> Arguments:
    """From the command line and, for the secret, the environment."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server for one model, on the loopback address.")
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument("--model", required=True, help="directory or hub id")
    parser.add_argument("--name", required=True, help="the name callers ask for")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="auto", help="auto is float32 on a CPU and bfloat16 on a GPU")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--max-running", default=8, type=int, help="requests worked on side by side")
    parser.add_argument("--max-waiting", default=64, type=int, help="requests waiting; one more is refused with 429")
    parser.add_argument("--max-model-len", type=int)
    parser.add_argument("--max-audio-seconds", default=3600.0, type=float)
    parser.add_argument("--grace", default=8.0, type=float, help="seconds that running requests have when it ends")
    parser.add_argument("--tool-parser", choices=("hermes",), help="the form in which the model calls tools")
    parser.add_argument("--revision")
    parser.add_argument("--trust-remote-code", action="store_true")
    found = parser.parse_args(values)
    return Arguments(secret=os.environ.get(SECRET_VARIABLE, ""), **vars(found))
