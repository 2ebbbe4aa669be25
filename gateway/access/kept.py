"""Secrets that the gateway makes for itself and keeps in STATE_DIR: written once, whole, with mode 0600."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from gateway.settings.stand_in import stand_in

_DATABASE = "gateway.db"
"""What cannot be kept in STATE_DIR is kept beside the copy of this file, which then lies elsewhere too."""


def kept_at(path: Path) -> Path:
    """Where it is kept or would be: `path`, or the folder that stands in for one that cannot be written."""
    folder = path.parent
    if path.exists() or not folder.exists() or os.access(folder, os.W_OK):
        return path
    return stand_in(folder / _DATABASE) / path.name


def read_or_make(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The text kept at `path`, else a new one that is kept now; and whether it is new.

    Never overwrites: of two processes that start together one makes it and both have it.
    """
    path = kept_at(path)
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
