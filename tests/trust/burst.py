"""Many requests at once over bare sockets, each on a connection of its own, at one or several gateways."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any


async def burst(
    ports: Sequence[int], key: str, bodies: Sequence[Any], heard: Callable[[], object] = lambda: None
) -> list[int]:
    """The status of each answer, 0 where there was none; connections are open before the first request is sent. `heard`
    is called when an answer is there."""
    ways = [await asyncio.open_connection("127.0.0.1", ports[n % len(ports)]) for n in range(len(bodies))]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: Any) -> int:
        content = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode())
        writer.write(content)
        answer = await reader.read()
        writer.close()
        heard()
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0

    asked = [ask(*way, body) for way, body in zip(ways, bodies, strict=True)]
    return list(await asyncio.gather(*asked))
