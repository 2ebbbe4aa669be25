"""Files of the catalog: names that stay in their folder, whole writes or none, bounded reads. All calls block."""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Any

import orjson

from gateway.catalog.documents import loads

MAX_FILE = 64 * 2**20
_LONGEST = 120
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def safe_name(text: str) -> str:
    """A file name for any text, another for each: letters, digits, `_` and `-` stay, the rest is `~` and hex."""
    name = _UNSAFE.sub(lambda found: "".join(f"~{byte:02x}" for byte in found[0].encode("utf-8", "replace")), text)
    if len(name) <= _LONGEST:
        return name or "~"
    return f"{name[:80]}~~{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def write_json(path: Path, document: Any) -> int:
    """The number of bytes written; 0 where the document is too large to keep. Readable by its owner alone."""
    body = orjson.dumps(document)
    return write_bytes(path, body) if len(body) <= MAX_FILE else 0


def write_bytes(path: Path, body: bytes) -> int:
    """Raises OSError; then the old file is still there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as handle:
            handle.write(body)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return len(body)


def read_bytes(path: Path, limit: int = MAX_FILE) -> bytes | None:
    """None for a file that is not there, cannot be read or is too large."""
    try:
        with path.open("rb") as handle:
            body = handle.read(limit + 1)
    except OSError:
        return None
    return body if len(body) <= limit else None


def read_json(path: Path) -> Any:
    """None for whatever is no JSON document."""
    body = read_bytes(path)
    try:
        return loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
