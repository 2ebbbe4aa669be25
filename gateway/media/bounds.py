"""Bounds that a process puts on itself before it opens a hostile file. Called by those that open files."""

import resource


def bind(memory: int, cpu_seconds: int) -> None:
    """`memory` in bytes of address space. No files are written and no core is left; past a bound the process dies."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
