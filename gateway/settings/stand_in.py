"""The private folder for temporary files that stands in for one that cannot be written. For `store` and `access`."""

import hashlib
import os
import tempfile
from pathlib import Path

from gateway.errors import ConfigError


def stand_in(path: Path) -> Path:
    """The folder for what should be at `path`, the same in every process. Raises ConfigError where it is not ours."""
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"chute-gateway-{os.geteuid()}-{name}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise ConfigError(f"neither {path} nor {folder} can be written: {error.strerror}") from error
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o077 or folder.is_symlink():
        raise ConfigError(f"{path} cannot be written, and {folder} belongs to somebody else")
    return folder
