"""One engine process behind its guard: start it, read its output, signal it, measure it."""

import codecs
import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chute_models.gpu_memory import gpu_memory
from chute_models.guard import descendants

GUARD = Path(__file__).with_name("guard.py")
_CHUNK = 65536
_MAX_LINE = 16384
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class EngineProcess:
    """Started in `__init__`. `on_line` is called from a thread of its own with each line of output, `on_end` from the
    same one when it has ended.

    The guard dies with this process and takes all descendants of the engine with it (see `guard`).
    """

    def __init__(
        self,
        python: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> None:
        control, self._control = os.pipe()
        try:
            self._guard = subprocess.Popen(  # noqa: S603 a list, made by us
                [python, "-I", "-S", str(GUARD), str(control), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                pass_fds=(control,),
                start_new_session=True,
            )
        except OSError:
            os.close(self._control)
            raise
        finally:
            os.close(control)
        self._on_line, self._on_end = on_line, on_end
        self._seen: dict[int, int] = {}
        self._reader = threading.Thread(target=self._read, name=f"engine-output-{self.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the guard; the engine is below it."""
        return self._guard.pid

    def exit_code(self) -> int | None:
        """None while it runs. The engine's own code (128 + signal when killed)."""
        return self._guard.poll()

    def terminate(self) -> None:
        """Ask the engine to finish what runs and leave."""
        self._order(b"T")

    def kill(self) -> None:
        """Kill the engine with all its descendants, now."""
        self._order(b"K")

    def close(self) -> None:
        """Free what is held and kill what is left: the guard's work, or, if it was killed, what `measure` saw last."""
        self.kill()
        for pid, started in self._seen.items():
            if self.exit_code() is not None and _stat(pid).started == started:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.close(self._control)
        self._control = -1
        self._reader.join(timeout=1.0)

    def measure(self) -> "Usage":
        """CPU and memory of the engine with its children, without the guard. Reads /proc: not for an event loop. Raises
        OSError where that cannot be read."""
        if self.exit_code() is not None:
            return Usage(0.0, 0, None)
        stats = {pid: _stat(pid) for pid in descendants(self.pid)}
        if self.exit_code() is None:  # below a guard that was killed meanwhile nothing is found any more
            self._seen = {pid: stat.started for pid, stat in stats.items()}
        cpu, rss = sum(stat.cpu for stat in stats.values()), sum(stat.rss for stat in stats.values())
        return Usage(cpu, rss, gpu_memory(stats))

    def _order(self, order: bytes) -> None:
        if self._control >= 0:
            with contextlib.suppress(OSError):
                os.write(self._control, order)

    def _read(self) -> None:
        """Lines end with a newline or, as progress bars do, with a carriage return."""
        assert self._guard.stdout is not None
        rest = ""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        descriptor = self._guard.stdout.fileno()
        while chunk := os.read(descriptor, _CHUNK):
            *lines, rest = re.split(r"[\r\n]+", rest + decoder.decode(chunk))
            for line in lines:
                self._line(line)
            rest = rest[-_MAX_LINE:]
        self._line(rest)
        self._guard.stdout.close()
        self._guard.wait()
        self._on_end()

    def _line(self, line: str) -> None:
        if line.strip():
            self._on_line(line)


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu` in seconds since the start; `rss` in bytes, pages shared between processes counted more than once;
    `gpu_memory` in bytes, None where the system does not tell it."""

    cpu: float
    rss: int
    gpu_memory: int | None


@dataclass(frozen=True, slots=True)
class _Stat:
    cpu: float
    rss: int
    started: int


def _stat(pid: int) -> _Stat:
    """Zeros when the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _Stat(0.0, 0, 0)
    return _Stat((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE, int(fields[19]))
