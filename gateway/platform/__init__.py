"""The Chutes platform on this machine: real servers that behave as `docs/platform.md` says, for tests and for people
without an account. Started by `gateway dev-platform`. Imports no chutes SDK; instances run in processes of their own.

`start` opens the servers, `Options` says how; the rest of the package is private to it.
"""

from gateway.platform.server import Options, Platform, start

__all__ = ["Options", "Platform", "start"]
