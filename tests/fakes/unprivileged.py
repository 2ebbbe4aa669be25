"""Who runs a server that refuses root: the user `nobody` where the tests run as root, else whoever runs them."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import Any


def account() -> dict[str, Any]:
    """Arguments of `subprocess`: the user to become, and no groups of root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def folder(prefix: str) -> Path:
    """A new temporary folder that belongs to that account, in memory where there is plenty."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=memory if roomy else "/tmp"))
    if owner := account():
        os.chown(path, owner["user"], owner["group"])
    return path
