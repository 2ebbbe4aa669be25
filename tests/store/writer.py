"""A process that writes, for the tests of killing and racing: `python -m tests.store.writer URL FOLDER kill|race …`."""

import asyncio
import sys
from pathlib import Path

from gateway.errors import Outdated
from gateway.store.records import Audit, Put, Resource
from gateway.store.store import Store
from gateway.usage.types import Spend, UsageRow
from tests.store.timings import PATIENT

TOLD = Audit("writer", "update", "users", "x")


async def write_until_killed(store: Store, start: int, count: int) -> None:
    """Each write is two records, each batch a row and what it spent. Says a number when it is acknowledged."""
    for n in range(start, start + count):
        pair = [Put(Resource.USERS, f"{n}-{half}", {"n": n, "text": "x" * 300}, expected=0) for half in "ab"]
        await store.write(pair, TOLD)
        row = UsageRow(f"r{n}", 1.7e9, "chat", "m", 200, cost_nanos=1)
        await store.append([row], [Spend("global", "total", 1)])
        print(n, flush=True)


async def race(store: Store, tasks: int) -> None:
    """Each task adds one to a counter, again and again until it is the one whose version fits."""

    async def add_one() -> int:
        lost = 0
        while True:
            record = await store.get(Resource.SETTINGS, "counter")
            assert record is not None
            try:
                after = {"n": record.document["n"] + 1}
                await store.write([Put(Resource.SETTINGS, "counter", after, expected=record.version)], TOLD)
                return lost
            except Outdated:
                lost += 1

    print(sum(await asyncio.gather(*(add_one() for _ in range(tasks)))), flush=True)


async def main() -> None:
    url, folder, what, *numbers = sys.argv[1:]
    store = await Store.open(url if url != "-" else None, Path(folder), PATIENT)
    print("open", flush=True)
    await (write_until_killed if what == "kill" else race)(store, *map(int, numbers))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
