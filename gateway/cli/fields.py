"""The fields of keys and users as options of commands. What is not given is left as it is."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.cli.durations import seconds

Value = TypeVar("Value")


def add_fields(command: argparse.ArgumentParser, kind: type[BaseModel]) -> None:
    """Options named as the fields of a document. What is not given is not there at all."""
    command.argument_default = argparse.SUPPRESS
    listed, count, text = _or("all", _parts), _or("none", int), _or("none", str)
    for option, field, read, stands_for, help in (
        ("--user", "user_id", text, "ID", "the name or the id of the user it belongs to, or none"),
        ("--models", "allowed_models", listed, "GLOBS", "the models it may use, comma-separated, or all"),
        ("--operations", "allowed_operations", listed, "NAMES", "operations it may use, comma-separated, or all"),
        ("--rpm", "rpm", count, "N", "requests in any 60 seconds, or none for no limit"),
        ("--tpm", "tpm", count, "N", "tokens in any 60 seconds, or none"),
        ("--parallel", "max_parallel", count, "N", "requests at the same time, or none"),
        ("--budget", "budget_usd", _or("none", float), "USD", "USD per period, or none"),
        ("--period", "budget_period", str, "PERIOD", "day, week, month or total (at first month)"),
        ("--expires", "expires_at", _or("never", _end), "TIME", "how long it works, such as 30d or 12h, or never"),
        ("--ips", "allowed_ips", listed, "NETWORKS", "where it may come from, comma-separated, or all"),
        ("--tee", "tee", text, "required", "ask only targets in trusted execution environments, or none"),
        ("--data", "data", text, "local-only", "ask only engines of the gateway and local providers, or none"),
        ("--cache", "cache", str, "yes|no", "answer repeated requests from the response cache"),
        ("--store-bodies", "store_bodies", str, "yes|no", "keep requests and answers"),
        ("--stream-policy", "stream_policy", text, "POLICY", "continue, restart, error, or none: as the model says"),
        ("--role", "role", str, "ROLE", "admin or user"),
    ):
        if field in kind.model_fields:
            command.add_argument(option, dest=field, type=read, metavar=stands_for, help=help)


def given_fields(options: argparse.Namespace, kind: type[BaseModel]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in kind.model_fields if name in options}


def _or(nothing: str, read: Callable[[str], Value]) -> Callable[[str], Value | None]:
    """`nothing` is the word for None, which leaves the field out."""

    def typed(text: str) -> Value | None:
        return None if text == nothing else read(text)

    typed.__name__ = read.__name__  # argparse names it where a value is wrong
    return typed


def _end(text: str) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds(text))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
