"""What the system says of this process: its memory, CPU time and open files. Read when somebody asks for metrics."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gateway.observe import metric_table as table
from gateway.observe.metrics import Metric, Values

STARTED = time.time()
_OWN = Path("/proc/self")


def process_families() -> Iterator[tuple[Metric, Values]]:
    """Memory and files only where there is /proc."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield table.STARTED, {(): STARTED}
    yield table.CPU, {(): used.ru_utime + used.ru_stime}
    with suppress(OSError):
        pages = int((_OWN / "statm").read_text().split()[1])
        yield table.MEMORY, {(): pages * os.sysconf("SC_PAGE_SIZE")}
        yield table.FILES, {(): len(list((_OWN / "fd").iterdir()))}
