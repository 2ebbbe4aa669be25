"""What `chutes run` was told on its command line. Read by the entry file, which the SDK tells nothing."""

from collections.abc import Sequence
from pathlib import PurePath

DEFAULT_PORT = 8000


def port(arguments: Sequence[str]) -> int | None:
    """The port that `chutes run` opens, None for any other program. The gateway must know its own port to refuse it as
    an image URL or provider address: behind it, on loopback, the runtime's own routes are open."""
    if PurePath(arguments[0]).name != "chutes" or arguments[1:2] != ["run"]:
        return None
    for n, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--port":
            given = value or next(iter(arguments[n + 1 :]), "")
            return int(given) if given.isdigit() else None
    return DEFAULT_PORT
