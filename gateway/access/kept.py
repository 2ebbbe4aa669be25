"""Secrets that the gateway makes for itself and keeps in STATE_DIR: written once, whole, with mode 0600."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The text kept at `path`, else a new one that is kept now; and whether it is new.

    Never overwrites: of two processes that start together one makes it and both have it.
    """
    if path.exists():
        return path.read_text().strip(), False
    text = make()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w") as handle:
            handle.write(text + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        os.link(draft, path)
    except FileExistsError:
        return path.read_text().strip(), False
    finally:
        draft.unlink()
    return text, True
