"""The backup that an empty database starts from, for platforms whose disks do not last. Called at start."""

import asyncio
import base64
import binascii
import io
import logging
from pathlib import Path

from gateway.errors import ConfigError, InvalidRequest
from gateway.store.backup import restore
from gateway.store.records import Audit
from gateway.store.store import Store

log = logging.getLogger("gateway")

_GZIP = b"\x1f\x8b"


async def seed(store: Store, path: Path) -> bool:
    """Restores the backup unless anything was ever written. It may be in base64, as secret files hold text only.

    Raises ConfigError for a file that is not there or no backup.
    """
    if await store.revision():
        return False
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise ConfigError(f"SEED_FILE: {path} cannot be read: {error.strerror}") from None
    if not data.startswith(_GZIP):
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error:
            raise ConfigError(f"SEED_FILE: {path} is no backup, nor one in base64") from None
    try:
        _, summary = await restore(store, io.BytesIO(data), Audit("seed file", "restore", "backup", path.name))
    except InvalidRequest as error:
        raise ConfigError(f"SEED_FILE: {path}: {error.message}") from None
    log.info("the database was empty: %d records were taken from %s", summary.rows["records"], path)
    return True
