"""Free ports for engines on the loopback address."""

import socket

LOOPBACK = "127.0.0.1"
RESERVED = frozenset({8000, 8001, 8002})
"""Taken by the platform's own server; source: the chutes SDK."""


def free_port(avoid: frozenset[int] = RESERVED, attempts: int = 50) -> int:
    """A port that nothing listens on now. It may be taken before the engine binds it: then pick another."""
    for _ in range(attempts):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in avoid:
            return port
    raise OSError("no free port on the loopback address")
