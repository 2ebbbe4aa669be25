"""The process between the supervisor and one engine: it lets no descendant of the engine outlive either of them.

Run by file path with the engines' interpreter (standard library only): `guard.py CONTROL_FD -- COMMAND...`.
CONTROL_FD is the read end of a pipe held by the supervisor. The byte `T` on it asks the engine to terminate, `K` kills
everything, and end of file (the supervisor is gone, however it went) kills everything too.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OOM_SCORE = "500"
"""Out of memory, the kernel is to take an engine before the gateway."""
SWEEP_SECONDS = 20.0


def run(control: int, command: list[str]) -> int:
    """Run `command` until it ends or is told to; returns its exit code (128 + signal number when killed)."""
    supervisor = os.getppid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken = _wake_on_child_exit()
    leader = _spawn(command, prctl)
    code: int | None = None
    while code is None:
        readable, _, _ = select.select([control, woken], [], [], 1.0)
        signals = os.read(woken, 4096) if woken in readable else b""
        order = os.read(control, 1) if control in readable else None
        if order in (b"", b"K") or os.getppid() != supervisor:
            break
        if order == b"T" or signal.SIGTERM in signals:
            _signal(leader, signal.SIGTERM)
        code = _reap(leader)
    killed = _kill_descendants(leader)
    return code if code is not None else killed


def _wake_on_child_exit() -> int:
    """A file descriptor that becomes readable when a child ends or someone asks the guard itself to go."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _spawn(command: list[str], prctl: Callable[..., int]) -> int:
    """Start the engine in a session of its own that dies with the guard."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
        os.execvp(command[0], command)  # noqa: S606 a command made by the supervisor, no shell
    except OSError as error:
        sys.stderr.write(f"OSError: cannot run {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
    os._exit(127)


def _reap(leader: int) -> int | None:
    """Collect every child that has ended; the leader's exit code when it was among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == leader:
            code = _exit_code(status)


def _kill_descendants(leader: int) -> int:
    """Kill until none is left. Children of a killed process come to us (subreaper), whatever session they are in."""
    code = 128 + signal.SIGKILL
    deadline = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            _signal(pid, signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == leader:
            code = _exit_code(status)
        if pid == 0:
            time.sleep(0.01)
    return code


def descendants(root: int) -> list[int]:
    """All live processes below `root`, by /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), sys.argv[3:]))
