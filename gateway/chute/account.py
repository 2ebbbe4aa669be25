"""The chutes config file: who deploys. Read at import of the entry file and by the checks before a deployment."""

import os
from configparser import ConfigParser, Error
from pathlib import Path

NOBODY = "local"
"""The account name of a machine without a chutes config file; good for everything but deploying."""


def config_path() -> Path:
    """Where the SDK looks (chutes/config.py)."""
    return Path(os.environ.get("CHUTES_CONFIG_PATH") or Path.home() / ".chutes" / "config.ini")


def read_config() -> ConfigParser:
    """Empty where the file is missing or cannot be read."""
    parser = ConfigParser()
    try:
        parser.read(config_path())
    except (Error, OSError, UnicodeDecodeError):
        return ConfigParser()
    return parser


def username() -> str:
    return read_config().get("auth", "username", fallback="") or NOBODY
