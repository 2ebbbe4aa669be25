"""The port through which the gateway sees local engines. The supervisor of `chute_models` implements it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class EngineState(StrEnum):
    """`loading` covers everything between start and the first useful answer; `phase` tells which part."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"
    STOPPED = "stopped"


class EngineStatus(Protocol):
    """One engine now. Attributes are read-only."""

    @property
    def name(self) -> str:
        """`chat`, `embedding`, `whisper`, `ocr` or as configured: unique."""
        ...

    @property
    def kind(self) -> str:
        """`chat`, `embedding`, `transcription` or `ocr`."""
        ...

    @property
    def model(self) -> str:
        """The public name under which callers ask for it."""
        ...

    @property
    def runtime(self) -> str:
        """`vllm`, `transformers` or `rapidocr`."""
        ...

    @property
    def state(self) -> str:
        """A value of `EngineState`."""
        ...

    @property
    def phase(self) -> str:
        """`queued`, `downloading`, `loading`, `warming`, `ready`, `restarting` or `failed`."""
        ...

    @property
    def percent(self) -> float | None:
        """0..100 where known."""
        ...

    @property
    def elapsed(self) -> float:
        """Seconds since this start began; once ready, how long the start took."""
        ...

    @property
    def retry_after(self) -> float:
        """A guess, in seconds, of when it may be ready."""
        ...

    @property
    def error(self) -> str | None:
        """Why it failed, one line, no secrets."""
        ...

    @property
    def restarts(self) -> int: ...

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`, empty while there is none."""
        ...

    @property
    def secret(self) -> str:
        """The bearer token this engine process expects."""
        ...

    @property
    def upstream_model(self) -> str:
        """The name under which the engine itself serves the model."""
        ...

    @property
    def demo(self) -> bool:
        """A bundled demo model."""
        ...

    @property
    def rss(self) -> int:
        """Bytes of memory of its processes, as last measured; 0 while unknown."""
        ...

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of GPU memory of its processes, where the system tells them."""
        ...


class EngineBoard(Protocol):
    """All local engines of this process. Order is the order of configuration."""

    def statuses(self) -> Sequence[EngineStatus]: ...

    def status(self, name: str) -> EngineStatus | None: ...

    async def wait_ready(self, name: str, timeout: float) -> bool:
        """True once ready; False when `timeout` seconds pass or it fails."""
        ...

    async def start(self) -> None:
        """Start all engines side by side; returns at once, never raises for an engine that cannot start."""
        ...

    async def stop(self) -> None:
        """Stop all engines with their children; returns when none is left."""
        ...

    def tail(self, name: str, lines: int = 100) -> list[str]:
        """The last lines of its log. Of an engine that is not there, KeyError; so of the others below."""
        ...

    async def load(self, name: str) -> None:
        """Start one engine that is stopped or has failed; returns at once."""
        ...

    async def unload(self, name: str) -> None:
        """Stop one engine and leave it stopped."""
        ...

    async def restart(self, name: str, why: str = "") -> None:
        """Stop one engine and start it again; returns at once. `why` is told where nobody asked for it."""
        ...

    def suspect(self, name: str) -> None:
        """A call to it failed: have its health checked at once, rather than at its time. From any thread."""
        ...


class NoEngines:
    """The board of a gateway without local engines."""

    def statuses(self) -> Sequence[EngineStatus]:
        return ()

    def status(self, name: str) -> EngineStatus | None:
        return None

    async def wait_ready(self, name: str, timeout: float) -> bool:
        return False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def tail(self, name: str, lines: int = 100) -> list[str]:
        raise KeyError(name)

    async def load(self, name: str) -> None:
        raise KeyError(name)

    async def unload(self, name: str) -> None:
        raise KeyError(name)

    async def restart(self, name: str, why: str = "") -> None:
        raise KeyError(name)

    def suspect(self, name: str) -> None:
        raise KeyError(name)
