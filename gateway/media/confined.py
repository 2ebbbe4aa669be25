"""A process of our own for opening what may be hostile. Called by `pages`, `sound` and `voice`."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

_BLOCK = 64 * 1024


class Confined(NamedTuple):
    """Both ends of a running process."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader

    async def give(self, *parts: bytes) -> None:
        """All that the process is to read; one that has died before reads nothing."""
        with suppress(ConnectionError):
            for part in parts:
                self.stdin.write(part)
            await self.stdin.drain()
            self.stdin.close()


@asynccontextmanager
async def confined(module: str) -> AsyncIterator[Confined]:
    """`python -m module`, killed at the end whatever came of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=bare_environment(),
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Confined(process.stdin, process.stdout)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        while await process.stdout.read(_BLOCK):
            pass  # asyncio does not see that a process has ended while its output lies there unread
        await process.wait()


def bare_environment() -> dict[str, str]:
    """What Python needs to start and no more: the gateway's own environment holds secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"}
