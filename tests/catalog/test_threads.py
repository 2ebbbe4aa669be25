"""Long work in a thread: the interpreter's settings are changed for as long as it runs, and never longer."""

import asyncio
import gc
import sys
import threading

import pytest

from gateway.catalog.threads import in_thread


async def test_the_settings_of_the_interpreter_come_back_after_the_last_work() -> None:
    before, go = sys.getswitchinterval(), threading.Event()
    first, second = (asyncio.create_task(in_thread(go.wait, 10)) for _ in range(2))
    await asyncio.sleep(0)
    assert sys.getswitchinterval() < before and not gc.isenabled()
    go.set()
    assert await first and await second
    assert sys.getswitchinterval() == before and gc.isenabled()


async def test_work_that_fails_or_is_left_leaves_them_as_they_were() -> None:
    before, go = sys.getswitchinterval(), threading.Event()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
    left = asyncio.create_task(in_thread(go.wait, 10))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    go.set()
    assert sys.getswitchinterval() == before and gc.isenabled()
