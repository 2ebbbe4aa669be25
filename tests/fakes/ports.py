"""Free loopback ports for servers that must be told theirs before they start, or keep it from one start to the next."""

import os
import random
import socket
from itertools import count
from pathlib import Path

_LOWEST = 10_240
_LANES = 8
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_turns = count(random.randrange(1 << 20))


def free_port() -> int:
    """A port that nobody else is given: the system hands out others to who asks for any, and each lane of the tests
    has a share of its own, which it goes through from end to end."""
    highest = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    share = (highest - _LOWEST) // _LANES
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _LANES
    for turn in _turns:
        port = _LOWEST + lane * share + turn % share
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable")
